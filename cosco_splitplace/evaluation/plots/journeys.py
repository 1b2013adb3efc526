"""The journey of single tasks: when each of their fragments waited, was sent, and ran, and where."""

from __future__ import annotations

from collections import defaultdict
from typing import DefaultDict, Dict, List, Sequence, Tuple

import numpy as np
from matplotlib.figure import Figure

from ...records import FragmentRow, RunResult, TaskOutcome
from ..applications import application_label, applications_of
from . import style

_PHASES = (
    ("ready", "placed", "ready, waiting for a host", style.GREY),
    ("placed", "started", "input on its way", style.SKY),
    ("started", "finished", "running", style.GREEN),
    ("finished", "delivered", "result on its way", style.PURPLE),
)


def plot_journeys(result: RunResult) -> Figure:
    """Time lines of the fragments of one typical task for each application and split."""
    by_task: DefaultDict[int, List[FragmentRow]] = defaultdict(list)
    for row in result.fragments:
        by_task[row.fragment.task_id].append(row)
    chosen = [one for one in typical_outcomes(result) if by_task[one.task.task_id]]
    n_rows = sum(len(by_task[one.task.task_id]) for one in chosen)
    figure = style.figure(1.3 + 0.19 * n_rows + 0.28 * len(chosen))
    axes = figure.subplots()
    y, ticks, names = 0.0, [], []
    for outcome in chosen:
        rows = sorted(by_task[outcome.task.task_id], key=lambda row: row.fragment.index)
        start_s = outcome.task.arrival_interval * result.settings.run.interval_s
        deadline_min = outcome.task.deadline_intervals * result.settings.run.interval_s / 60
        name = application_label(outcome.task.application, result.data_sources)
        axes.text(
            0,
            y,
            f" task {outcome.task.task_id}: {name}, {outcome.split}",
            va="center",
            fontsize=8,
            fontweight="bold",
        )
        for number, row in enumerate(rows, start=1):
            for left, width, colour in _spans(row, start_s):
                axes.barh(y + number * 0.85, width, left=left, height=0.7, color=colour)
            host = f"host {row.times.host}" if row.times else "not placed"
            ticks.append(y + number * 0.85)
            names.append(f"{row.fragment.index + 1} · {host}")
        bottom = y + (len(rows) + 0.5) * 0.85
        axes.plot(
            [deadline_min, deadline_min], [y + 0.42, bottom], color=style.BLACK, linewidth=1.6, linestyle="--"
        )
        y = bottom + 0.75
    for _, _, text, colour in _PHASES:
        axes.barh([0], [0], color=colour, label=text)
    axes.plot([], [], color=style.BLACK, linestyle="--", label="deadline")
    axes.set_yticks(ticks, names, fontsize=7.5)
    axes.set_ylim(y - 0.4, -0.7)
    axes.set_xlim(left=0)
    axes.grid(False, axis="y")
    axes.set_xlabel(
        f"minutes since the task arrived (an interval is {result.settings.run.interval_s / 60:g} min)"
    )
    figure.legend(loc="outside upper center", ncols=5)
    return figure


def typical_outcomes(result: RunResult) -> Sequence[TaskOutcome]:
    """For each application and split the finished task with the median response (the lower one of two)."""
    groups: Dict[Tuple[str, str], List[TaskOutcome]] = defaultdict(list)
    for one in result.outcomes:
        groups[one.task.application, one.split].append(one)
    splits = style.ordered_splits([one.split for one in result.outcomes])
    found = []
    for key in ((application, split) for application in applications_of(result) for split in splits):
        ranked = sorted(groups.get(key, []), key=lambda one: (one.response_s, one.task.task_id))
        if ranked:
            found.append(ranked[(len(ranked) - 1) // 2])
    return found


def _spans(row: FragmentRow, start_s: float) -> List[Tuple[float, float, str]]:
    """(left, width, colour) in minutes of the phases whose both ends are known."""
    if row.times is None:
        return []
    moments = {
        "ready": row.ready_s,
        "placed": row.times.placed_s,
        "started": row.times.started_s,
        "finished": row.times.finished_s,
        "delivered": row.times.delivered_s,
    }
    return [
        ((moments[begin] - start_s) / 60, (moments[end] - moments[begin]) / 60, colour)
        for begin, end, _, colour in _PHASES
        if np.isfinite(moments[begin]) and np.isfinite(moments[end])
    ]
