"""Studies: parts that are kept, differences by seed, and paragraphs that say what the numbers say."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, Dict, List

import pandas as pd
import pytest

from cosco_splitplace.errors import ConfigurationError, DataFileError, ResultExistsError
from cosco_splitplace.evaluation.studies import compression, semantic
from cosco_splitplace.evaluation.studies.reports import (
    paired_sentence,
    write_compression_study,
    write_semantic_study,
)
from cosco_splitplace.evaluation.studies.units import Unit, run_units
from cosco_splitplace.splitting import datasets
from cosco_splitplace.splitting.application_settings import ApplicationSettings, application_settings

calls: List[int] = []


def squares(upto: int) -> List[Dict[str, Any]]:
    calls.append(upto)
    return [{"square": number**2} for number in range(upto)]


def test_units_are_kept_and_not_computed_again(tmp_path: Path) -> None:
    calls.clear()
    units = [Unit(f"to-{upto}", squares, {"upto": upto}) for upto in (2, 3)]
    seen: List[Any] = []
    rows = run_units(units, tmp_path, progress=lambda *step: seen.append(step))
    assert rows == [{"square": number} for number in (0, 1, 0, 1, 4)] and calls == [2, 3]
    assert seen == [("units", 0, 2), ("units", 1, 2), ("units", 2, 2)]
    units[0].file(tmp_path).unlink()
    assert run_units(units, tmp_path) == rows and calls == [2, 3, 2]
    assert run_units(units, tmp_path, jobs=2) == rows and calls == [2, 3, 2]


def test_a_unit_of_other_arguments_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    run_units([Unit("one", squares, {"upto": 2})], tmp_path)
    with pytest.raises(ResultExistsError, match=r"one\.json was computed with \{'upto': 2\}, now asked: \{'upto': 3\}"):
        run_units([Unit("one", squares, {"upto": 3})], tmp_path)
    (tmp_path / "units" / "one.json").write_text('{"version": 1}')
    with pytest.raises(DataFileError, match=r"one\.json is damaged; remove it"):
        run_units([Unit("one", squares, {"upto": 2})], tmp_path)


def accuracy_frame(learned: List[float], random: List[float]) -> pd.DataFrame:
    return pd.DataFrame([
        {"application": "A", "seed": seed, "branches": 5, "grouping": grouping, "accuracy": value}
        for grouping, values in (("learned", learned), ("random", random)) for seed, value in enumerate(values)
    ])  # fmt: skip


def test_learned_less_random_by_hand() -> None:
    (row,) = semantic.paired_rows(accuracy_frame([0.90, 0.92, 0.94], [0.89, 0.89, 0.95]))
    assert row["difference_points"] == pytest.approx((1 + 3 - 1) / 3)
    assert row["std_points"] == pytest.approx(2.0)
    assert (row["wins"], row["seeds"], row["branches"]) == (2, 3, 5)
    assert row["learned"] == pytest.approx(0.92) and row["random"] == pytest.approx(0.91)


@pytest.mark.parametrize(
    ("learned", "random", "verdict"),
    [
        ([0.92, 0.93, 0.92], [0.90, 0.90, 0.91], "learned groups win"),
        ([0.90, 0.90, 0.91], [0.92, 0.93, 0.92], "learned groups LOSE"),
        ([0.90, 0.92, 0.94], [0.89, 0.89, 0.95], "no difference can be told"),
        ([0.92, 0.93], [0.90, 0.90], "too few seeds to tell"),
    ],
)
def test_the_verdict_follows_the_interval(learned: List[float], random: List[float], verdict: str) -> None:
    (row,) = semantic.paired_rows(accuracy_frame(learned, random))
    assert paired_sentence(row).endswith(f"{verdict}.")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps of training."""
    def short(name: str) -> ApplicationSettings:
        settings = application_settings(name)
        training = {split: dataclasses.replace(one, steps=2, batch=8) for split, one in settings.training.items()}
        return dataclasses.replace(settings, training=training)

    for module in (semantic, compression, datasets):
        monkeypatch.setattr(module, "application_settings", short)


@pytest.mark.usefixtures("quick")
def test_a_semantic_study_from_images_to_paragraph(tmp_path: Path) -> None:
    units = semantic.semantic_units("Digits", [5, 10], [3], distill=True)
    rows = run_units(units, tmp_path)
    assert [(row["branches"], row["grouping"]) for row in rows] == [
        (0, "whole"), (5, "learned"), (5, "random"), (5, "learned, distilled"), (10, "learned"),
        (10, "learned, distilled"),
    ]  # fmt: skip
    assert all(row["source"] == "scikit-learn" and 0 <= row["accuracy"] <= 1 for row in rows)
    assert rows[1]["parameters"] <= rows[0]["parameters"] and rows[1]["class_groups"] != rows[2]["class_groups"]
    again = semantic.accuracy_rows("Digits", [5, 10], 3, True, None)
    timeless = [[{**row, "cpu_s": 0} for row in found] for found in (rows, again)]
    assert timeless[0] == timeless[1]
    memory = [
        {"application": "Digits", "branches": branches, "branch": 0, "multiply_adds": 1, "parameters": 1,
         "peak_rss_mb": 200.0 + size, "network_rss_mb": size}
        for branches, size in ((0, 20.0), (5, 8.0), (10, 4.0))
    ]  # fmt: skip
    found = write_semantic_study(rows, memory, tmp_path, "the command")
    assert {path.name for path in tmp_path.iterdir()} == {
        "units", "accuracy.csv", "paired.csv", "memory.csv", "semantic.png", "summary.txt", "study.json"
    }  # fmt: skip
    assert "Digits (real images, scikit-learn)" in found.paragraph and "too few seeds to tell" in found.paragraph
    assert "takes 8.0 MB beyond torch's own for 256 images, the whole network 20.0 MB" in found.paragraph
    assert json.loads((tmp_path / "study.json").read_text())["command"] == "the command"


@pytest.mark.usefixtures("quick")
def test_a_compression_study_from_images_to_paragraph(tmp_path: Path) -> None:
    rows = run_units(compression.compression_units("Digits", [0.5, 0.25], [0]), tmp_path)
    assert [(row["asked_work"], row["fine_tuned"]) for row in rows] == [
        (1.0, False), (0.5, False), (0.5, True), (0.25, False), (0.25, True)]  # fmt: skip
    for row in rows:
        assert 0.8 * row["asked_work"] < row["work"] <= row["asked_work"]
    memory = [{"application": "Digits", "asked_work": work, "multiply_adds": 1, "parameters": 1, "peak_rss_mb": 210.0,
               "network_rss_mb": 10 * work} for work in (1.0, 0.5, 0.25)]  # fmt: skip
    found = write_compression_study(rows, memory, tmp_path, "")
    assert "after fine-tuning" in found.paragraph and "2.5 MB." in found.paragraph
    assert (tmp_path / "compression.png").read_bytes().startswith(b"\x89PNG")


def test_impossible_studies_are_refused_before_anything_is_trained() -> None:
    with pytest.raises(ConfigurationError, match="11 branches for Digits: give 1 to 10"):
        semantic.semantic_units("Digits", [5, 11], [0], False)
    with pytest.raises(ConfigurationError, match="unknown application 'SVHN'"):
        semantic.semantic_units("SVHN", [5], [0], False)
    with pytest.raises(ConfigurationError, match="Digits: the work that is left must be above 0"):
        compression.compression_units("Digits", [0.5, 0.0], [0])
    with pytest.raises(ConfigurationError, match="name one twice"):
        compression.compression_units("Digits", [0.5, 0.5], [0])


def test_memory_of_branches_is_that_of_their_own_processes() -> None:
    rows = semantic.memory_rows("Digits", 0) + semantic.memory_rows("Digits", 2)
    assert [(row["branches"], row["branch"]) for row in rows] == [(0, 0), (2, 0), (2, 1)]
    for row in rows:
        assert 100 < row["peak_rss_mb"] < 2000 and 0 < row["network_rss_mb"] < 100
        assert math.isfinite(row["multiply_adds"]) and row["multiply_adds"] > 0
