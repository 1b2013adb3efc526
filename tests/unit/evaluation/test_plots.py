from __future__ import annotations

import dataclasses
import struct
from pathlib import Path
from typing import List, Tuple

import made_results
import matplotlib
import numpy as np
import pandas as pd
import pytest

from cosco_splitplace.evaluation.applications import application_summaries
from cosco_splitplace.evaluation.plots import (
    Plot,
    comparison_plots,
    plot_bandit_training,
    run_plots,
    styled,
    write_plots,
)
from cosco_splitplace.evaluation.plots.journeys import plot_journeys, typical_outcomes
from cosco_splitplace.evaluation.plots.service import plot_deadlines
from cosco_splitplace.evaluation.plots.style import moving_mean, running_mean
from cosco_splitplace.evaluation.summaries import application_spreads
from cosco_splitplace.records import RunResult

NAMES = [
    "reward.png", "deadlines.png", "decisions.png", "time_parts.png", "journeys.png", "queue.png", "hosts.png",
    "energy.png", "decider.png", "placer.png",
]  # fmt: skip


def size_of(png: bytes) -> Tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.fixture(scope="module")
def plots(result: RunResult) -> List[Plot]:
    return run_plots(result)


def test_every_plot_is_an_image_as_wide_as_the_report(plots: List[Plot]) -> None:
    assert [one.name for one in plots] == NAMES
    for one in plots:
        width, height = size_of(one.png)
        assert width == 1200 and 300 <= height <= 2500, one.name
        assert len(one.png) > 5000 and one.title and one.caption
        assert b"Software" not in one.png and b"matplotlib" not in one.png


def test_the_same_result_gives_the_same_picture_whatever_the_users_style(result: RunResult) -> None:
    small = dataclasses.replace(result)
    before = styled(lambda: plot_deadlines(small))
    with matplotlib.rc_context(
        {"font.size": 20, "lines.linewidth": 9, "axes.grid": False, "text.usetex": True}
    ):
        assert styled(lambda: plot_deadlines(small)) == before
    assert matplotlib.rcParams["axes.grid"] is False  # the house's style does not leak


def test_synthetic_data_is_named_in_the_plot(result: RunResult) -> None:
    titles = [axes.get_title(loc="left") or axes.get_title() for axes in plot_deadlines(result).axes]
    assert "FashionMNIST (synthetic)" in titles and "MNIST" in titles
    words = [text.get_text() for text in plot_journeys(result).axes[0].texts]
    assert any("CIFAR100 (synthetic)" in word for word in words)


def test_every_axis_says_what_it_shows(result: RunResult) -> None:
    for axes in plot_deadlines(result).axes:
        assert "intervals" in axes.get_xlabel() or axes.get_xlabel() == "response / deadline"


def test_marks_stay_on_their_side_of_the_deadline(result: RunResult) -> None:
    late = 0
    for axes in plot_deadlines(result).axes[:3]:
        for marks in axes.collections:
            for x, y in np.asarray(marks.get_offsets()):
                assert axes.get_xlim()[0] <= x <= axes.get_xlim()[1] and axes.get_ylim()[0] <= y <= axes.get_ylim()[1]
                assert (y > x + 0.5) == (round(y) > round(x))
                late += y > x + 0.5
    assert late == sum(one.violated for one in result.outcomes)


def test_a_typical_task_is_the_median(result: RunResult) -> None:
    for one in typical_outcomes(result):
        same = [
            other.response_s
            for other in result.outcomes
            if (other.task.application, other.split) == (one.task.application, one.split)
        ]
        assert sum(value < one.response_s for value in same) == (len(same) - 1) // 2


def test_a_run_in_which_no_task_left_or_without_decider_state_is_drawn_too(result: RunResult) -> None:
    intervals = [dataclasses.replace(one, decider={}, placer={}) for one in result.intervals]
    bare = dataclasses.replace(result, outcomes=(), intervals=intervals)
    names = [one.name for one in run_plots(bare)]
    assert names == ["decisions.png", "queue.png", "hosts.png", "energy.png", "placer.png"]
    nothing = dataclasses.replace(bare, tasks=(), decisions=(), fragments=())
    assert [one.name for one in run_plots(nothing)] == names


def test_an_unknown_split_gets_a_colour_of_its_own(result: RunResult) -> None:
    outcomes = [dataclasses.replace(one, split="whole") for one in result.outcomes[:5]]
    assert size_of(styled(lambda: plot_deadlines(dataclasses.replace(result, outcomes=outcomes))))[0] == 1200


def test_bandit_training_has_figure_6s_panels() -> None:
    run = made_results.small_settings(intervals=20).replace(run={"decider": "mab-training"})
    figure = plot_bandit_training(made_results.made_result(run).intervals)
    lines = {
        axes.get_title(loc="left") or axes.get_title(): [one.get_label() for one in axes.lines]
        for axes in figure.axes
    }
    assert ["CIFAR100", "FashionMNIST", "MNIST"] in lines.values()
    assert ["epsilon", "rho"] in lines.values()
    assert ["high layer", "high semantic", "low layer", "low semantic"] in lines.values()
    assert len(lines) == 4


def test_moving_means_by_hand() -> None:
    sums, counts = np.array([0.0, 2.0, 0.0, 6.0]), np.array([0.0, 2.0, 1.0, 3.0])
    np.testing.assert_allclose(moving_mean(sums, counts, 2), [np.nan, 1.0, 2 / 3, 6 / 4])
    np.testing.assert_allclose(running_mean(sums, counts), [np.nan, 1.0, 2 / 3, 8 / 6])


def test_comparison_plots_and_their_files(tmp_path: Path) -> None:
    runs = [
        (model, seed, made_results.made_result(made_results.small_settings(seed=seed), model))
        for model in ("SplitPlace", "M+G")
        for seed in (0, 1)
    ]
    frame = pd.DataFrame([{"model": model, "seed": seed, **run.metrics} for model, seed, run in runs])
    rows = [{"model": model, **one.as_row()} for model, _, run in runs for one in application_summaries(run)]
    plots = comparison_plots(frame, application_spreads(rows), made_results.SOURCES)
    files = write_plots(plots, tmp_path)
    assert [path.name for path in files] == ["comparison.png", "trade_off.png", "applications.png"]
    assert all(size_of(path.read_bytes())[0] == 1200 for path in files)
    one_seed = frame[frame["seed"] == 0]
    assert len(comparison_plots(one_seed, {}, {})) == 2
