"""The plots of a run and of a comparison, each with the title and caption that the report prints beside it."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Callable, List, Mapping, Sequence, Tuple

import pandas as pd
from matplotlib.figure import Figure

from ...records import RunResult
from ..files import write_bytes
from ..summaries import Summary
from .cluster import plot_energy, plot_hosts, plot_queue
from .comparison import plot_by_application, plot_comparison, plot_trade_off
from .decisions import plot_bandit_training, plot_decider, plot_decisions, plot_placer
from .journeys import plot_journeys
from .reliability import plot_reliability
from .service import plot_deadlines, plot_reward, plot_time_parts
from .style import Plot, styled

__all__ = [
    "Plot",
    "comparison_plots",
    "plot_bandit_training",
    "run_plots",
    "styled",
    "write_plots",
]

_RUN: Sequence[Tuple[str, str, str, Callable[[RunResult], Figure]]] = (
    (
        "reward",
        "Reward, accuracy and violations over the run",
        "Of the tasks that left the system, by the interval in which they left.",
        plot_reward,
    ),
    (
        "deadlines",
        "Did tasks keep their deadlines?",
        "Above: one mark a task, in whole intervals (moved a little, so that marks don't hide one "
        "another); those over the dashed line came too late. Below: share of tasks whose response took at "
        "most so much of the deadline.",
        plot_deadlines,
    ),
    (
        "decisions",
        "Which splits were chosen?",
        "Decisions by the interval in which the task arrived.",
        plot_decisions,
    ),
    (
        "time_parts",
        "Where did the time go?",
        "Along the critical path: the whole chain of a layer split, the branch that came last of a semantic split.",
        plot_time_parts,
    ),
    (
        "journeys",
        "The journey of single tasks",
        "For each application and split the task with the median response: its fragments from the moment that each was "
        "ready to the arrival of its result.",
        plot_journeys,
    ),
    (
        "queue",
        "Queue and migrations",
        "Fragments right after placement; tasks added up over the run.",
        plot_queue,
    ),
    ("hosts", "What the hosts did", "Every row is a host, every column an interval.", plot_hosts),
    ("energy", "Energy", "Of all hosts, by type, busy or idle.", plot_energy),
)


def run_plots(result: RunResult) -> List[Plot]:
    """All plots of one run; those that have nothing to show (no task left, a decider without state) are left out."""
    if not result.intervals:
        return []
    needs_outcomes = {"reward", "deadlines", "time_parts", "journeys"}
    plots = [
        Plot(f"{name}.png", title, caption, styled(partial(draw, result)))
        for name, title, caption, draw in _RUN
        if result.outcomes or name not in needs_outcomes
    ]
    return plots + _learning_plots(result)


def _learning_plots(result: RunResult) -> List[Plot]:
    plots = []
    if any(math.isfinite(one.p_deadline) for one in result.decisions) and result.outcomes:
        caption = (
            "Tasks in classes by the probability that the decider gave them: the share that kept its deadline, with "
            "its 95 % interval (Wilson). On the dashed line, predictions are calibrated."
        )
        draw = partial(plot_reliability, result)
        plots.append(Plot("reliability.png", "Are deadlines predicted rightly?", caption, styled(draw)))
    if any(one.decider for one in result.intervals):
        caption = "Solid: tasks whose deadline is above the estimate R (high); dashed: below it (low)."
        draw = partial(plot_decider, result.intervals)
        plots.append(Plot("decider.png", "What the decider knows", caption, styled(draw)))
    caption = "Dots: one interval each; line: moving mean."
    draw = partial(plot_placer, result.intervals)
    plots.append(Plot("placer.png", "Objective and placer", caption, styled(draw)))
    return plots


def comparison_plots(
    frame: pd.DataFrame, applications: Mapping[str, Summary], data_sources: Mapping[str, str]
) -> List[Plot]:
    """The plots of a comparison.

    Parameters
    ----------
    frame : one row a model and seed, with columns ``model``, ``seed`` and one a metric.
    applications : means and spreads by application and model.
    data_sources : where each application's images come from.
    """
    plots = [
        Plot(
            "comparison.png",
            "Models compared",
            "Every dot is one seed.",
            styled(partial(plot_comparison, frame)),
        ),
        Plot(
            "trade_off.png",
            "Accuracy against response time",
            "Bars: sample standard deviation over the seeds.",
            styled(partial(plot_trade_off, frame)),
        ),
    ]
    if applications:
        draw = partial(plot_by_application, applications, data_sources)
        plots.append(
            Plot("applications.png", "By application", "Mean and sample standard deviation.", styled(draw))
        )
    return plots


def write_plots(plots: Sequence[Plot], folder: Path) -> List[Path]:
    """Write each plot into ``folder/plots`` and return the files."""
    target = folder / "plots"
    target.mkdir(parents=True, exist_ok=True)
    for plot in plots:
        write_bytes(target / plot.name, plot.png)
    return [target / plot.name for plot in plots]
