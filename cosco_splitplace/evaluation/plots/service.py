"""What the users of a run got: reward, accuracy, deadlines, and where their tasks' time went."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...records import FloatArray, RunResult, TaskOutcome
from ..applications import application_label, applications_of
from . import style

Parts = Tuple[Tuple[str, str, str], ...]
TIME_PARTS: Parts = (
    ("wait_s", "waiting in the queue", style.GREY),
    ("transfer_s", "data on its way", style.SKY),
    ("compute_s", "running", style.GREEN),
    ("migration_s", "being moved", style.VERMILLION),
)


def plot_reward(result: RunResult) -> Figure:
    """Reward, accuracy and violations of the tasks that left, over the run: moving window and all so far."""
    figure = style.figure(5.6)
    panels: List[Axes] = list(figure.subplots(3, 1, sharex=True))
    window = style.window_of(len(result.intervals))
    counts = _by_interval(result, np.ones(len(result.outcomes)))
    for axes, (title, values, colour) in zip(panels, _service_series(result)):
        sums = _by_interval(result, values)
        recent = 100 * style.moving_mean(sums, counts, window)
        axes.plot(recent, color=colour)
        axes.plot(100 * style.running_mean(sums, counts), color=style.BLACK, linestyle="--", linewidth=1.1)
        axes.set(title=title, ylabel="%")
        axes.set_ylim(*_limits(recent, title))
    keys = [
        Line2D([], [], color=style.GREY),
        Line2D([], [], color=style.BLACK, linestyle="--", linewidth=1.1),
    ]
    figure.legend(
        keys, [f"mean of the last {window} intervals", "mean so far"], loc="outside upper center", ncols=2
    )
    panels[-1].set_xlabel(f"interval ({result.settings.run.interval_s:g} s each)")
    style.whole_numbers(panels[-1])
    return figure


def _service_series(result: RunResult) -> Sequence[Tuple[str, FloatArray, str]]:
    def of(name: str) -> FloatArray:
        return np.array([float(getattr(one, name)) for one in result.outcomes])

    return (
        ("Reward", of("reward"), style.BLUE),
        ("Accuracy", of("accuracy"), style.GREEN),
        ("SLA violations", of("violated"), style.VERMILLION),
    )


def _limits(values: FloatArray, title: str) -> Tuple[float, float]:
    present = values[np.isfinite(values)]
    if title == "SLA violations":
        return 0.0, min(102.0, max(20.0, 1.3 * float(present.max(initial=0.0))))
    return style.percent_limits(float(present.min(initial=100.0)))


def _by_interval(result: RunResult, values: FloatArray) -> FloatArray:
    """`values` of the outcomes added up by the interval in which they left, (n_intervals,)."""
    left = np.array([one.left_interval for one in result.outcomes], dtype=np.int64)
    sums = np.bincount(left, weights=values, minlength=len(result.intervals))[: len(result.intervals)]
    return sums.astype(np.float64)


def plot_deadlines(result: RunResult) -> Figure:
    """Response against deadline, one panel an application; below, how the share of response to deadline is spread."""
    applications = applications_of(result)
    figure = style.figure(5.8)
    panels = figure.subplots(2, len(applications), sharex="row", sharey="row", squeeze=False)
    splits = style.ordered_splits([one.split for one in result.outcomes])
    for column, application in enumerate(applications):
        outcomes = [one for one in result.outcomes if one.task.application == application]
        _scatter(panels[0, column], outcomes, splits)
        _shares(panels[1, column], outcomes, splits)
        panels[0, column].set_title(application_label(application, result.data_sources))
    # after all marks: a limit ends the shared axes' growth, and later panels' marks would fall outside
    panels[0, 0].set_xlim(left=0)
    panels[0, 0].set_ylim(bottom=0)
    panels[0, 0].set_ylabel("response (intervals)")
    panels[1, 0].set_ylabel("share of tasks (%)")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    for row in panels[:, 1:].flat:
        more = zip(*row.get_legend_handles_labels())
        for handle, text in more:
            if text not in labels:
                handles.append(handle)
                labels.append(text)
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def _scatter(axes: Axes, outcomes: Sequence[TaskOutcome], splits: Sequence[str]) -> None:
    for split in splits:
        chosen = [one for one in outcomes if one.split == split]
        if not chosen:
            continue
        axes.scatter(
            [one.task.deadline_intervals + _spread(one.task.task_id, 0.6180339887) for one in chosen],
            [one.response_intervals + _spread(one.task.task_id, 0.7548776662) for one in chosen],
            s=14,
            alpha=0.65,
            linewidths=0,
            color=style.split_colour(split, splits),
            marker=style.split_marker(split, splits),
            label=split,
        )
    longest = max([one.task.deadline_intervals for one in outcomes], default=1) + 1
    axes.plot(
        [0, longest], [0.5, longest + 0.5], color=style.BLACK, linewidth=1.0, linestyle="--", label="deadline"
    )
    axes.set_xlabel("deadline (intervals)")
    style.whole_numbers(axes, "xy")


def _spread(number: int, irrational: float) -> float:
    """A shift in [-0.24, 0.24), so that marks at whole numbers don't hide one another nor cross the deadline's line."""
    return ((number * irrational) % 1 - 0.5) * 0.48


def _shares(axes: Axes, outcomes: Sequence[TaskOutcome], splits: Sequence[str]) -> None:
    notes = []
    for split in splits:
        shares = np.sort(
            [one.response_intervals / one.task.deadline_intervals for one in outcomes if one.split == split]
        )
        if not len(shares):
            continue
        heights = 100 * np.arange(1, len(shares) + 1) / len(shares)
        axes.step(np.r_[0, shares], np.r_[0, heights], where="post", color=style.split_colour(split, splits))
        notes.append(f"{split}: {100 * float((shares <= 1).mean()):.0f}% in time (n={len(shares)})")
    axes.axvline(1, color=style.BLACK, linewidth=1.0, linestyle="--")
    axes.set_title("\n".join(notes), fontsize=8, fontweight="normal")
    axes.set_xlabel("response / deadline")
    axes.set_ylim(0, 101)
    axes.set_xlim(0, 3)


def plot_time_parts(result: RunResult) -> Figure:
    """Mean time of a task along its critical path, split into its parts, by application and split."""
    splits = style.ordered_splits([one.split for one in result.outcomes])
    groups = [
        (application, split, chosen)
        for application in applications_of(result)
        for split in splits
        if (chosen := [o for o in result.outcomes if o.task.application == application and o.split == split])
    ]
    figure = style.figure(1.5 + 0.38 * max(len(groups), 1))
    axes = figure.subplots()
    rows = np.arange(len(groups))
    minutes = np.array(
        [[_mean_minutes(chosen, part) for part, _, _ in TIME_PARTS] for _, _, chosen in groups]
    )
    left = np.zeros(len(groups))
    for index, (_, text, colour) in enumerate(TIME_PARTS):
        width = minutes[:, index] if len(groups) else left
        axes.barh(rows, width, left=left, color=colour, label=text, height=0.68)
        left = left + width
    deadlines = [np.mean([o.task.deadline_intervals for o in chosen]) for _, _, chosen in groups]
    interval_min = result.settings.run.interval_s / 60
    axes.scatter(
        np.array(deadlines) * interval_min,
        rows,
        marker="|",
        s=190,
        color=style.BLACK,
        label="mean deadline",
        zorder=3,
    )
    names = [
        f"{application_label(a, result.data_sources)}\n{split} (n={len(chosen)})"
        for a, split, chosen in groups
    ]
    axes.set_yticks(rows, names)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set_xlabel(f"minutes, mean of a task's critical path (an interval is {interval_min:g} min)")
    figure.legend(loc="outside upper center", ncols=5)
    return figure


def _mean_minutes(outcomes: Sequence[TaskOutcome], part: str) -> float:
    return float(np.mean([getattr(one, part) for one in outcomes])) / 60
