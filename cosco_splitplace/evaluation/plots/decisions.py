"""What was decided and learnt: splits chosen, the bandit's estimates, the placer's state."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...records import LAYER, SPLITS, IntervalRecord, RunResult
from . import style

LINES = ("-", "--", ":", "-.")

Series = Dict[str, List[float]]
_PANELS: Mapping[str, Tuple[str, str]] = {
    "R": ("Response of layer splits, as estimated (R)", "intervals"),
    "Q": ("Reward of a decision, as estimated (Q)", "reward (0-1)"),
    "N": ("Decisions taken (N)", "decisions"),
    "": ("Exploration and reward threshold", "value (0-1)"),
}


def plot_decisions(result: RunResult) -> Figure:
    """Splits chosen in each interval, and the share of layer splits."""
    figure = style.figure(4.2)
    bars, share = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    n = len(result.intervals)
    arrival = np.array([one.arrival_interval for one in result.tasks], dtype=np.int64)
    chosen = [one.split for one in result.decisions]
    splits = style.ordered_splits(chosen)
    below = np.zeros(n)
    for split in splits:
        counts = np.bincount(arrival[[one == split for one in chosen]], minlength=n)[:n].astype(float)
        bars.bar(
            np.arange(n),
            counts,
            bottom=below,
            width=0.9,
            color=style.split_colour(split, splits),
            label=split,
        )
        below += counts
    layers = np.bincount(arrival[[one == LAYER for one in chosen]], minlength=n)[:n].astype(float)
    window = style.window_of(n)
    share.plot(
        100 * style.moving_mean(layers, below, window), color=style.BLUE, label=f"last {window} intervals"
    )
    share.plot(
        100 * style.running_mean(layers, below),
        color=style.BLACK,
        linestyle="--",
        linewidth=1.1,
        label="so far",
    )
    bars.set(title="Decisions", ylabel="tasks an interval")
    share.set(title="Layer splits among the decisions", ylabel="%", ylim=(-2, 102), xlabel="interval")
    for axes in (bars, share):
        axes.margins(x=0.01)
        style.outside_legend(axes)
    style.whole_numbers(bars, "y")
    style.whole_numbers(share)
    return figure


def plot_decider(intervals: Sequence[IntervalRecord], title: str = "") -> Figure:
    """The decider's state over the run: one panel for each kind of value that it shows."""
    return _panels(_series([one.decider for one in intervals]), title)


def plot_bandit_training(intervals: Sequence[IntervalRecord]) -> Figure:
    """The bandit's feedback-based training, as in figure 6: estimates R, decisions N, rewards Q, epsilon and rho.

    Parameters
    ----------
    intervals : the training run's records; their ``decider`` holds "R.<application>", "N.<context>.<split>",
        "Q.<context>.<split>", "epsilon" and "rho".
    """
    return plot_decider(intervals, "Feedback-based training of the bandit (equations 2 to 8)")


def plot_placer(intervals: Sequence[IntervalRecord]) -> Figure:
    """The objective that was reached, and what the placer shows of itself: one panel a value."""
    values = _series([one.placer for one in intervals])
    panels = {"objective": [one.objective for one in intervals], **values}
    n_columns = min(len(panels), 2)
    n_rows = (len(panels) + 1) // 2
    figure = style.figure(0.7 + 1.9 * n_rows)
    grid = figure.subplots(n_rows, n_columns, sharex=True, squeeze=False)
    window = style.window_of(len(intervals))
    for axes, (name, series) in zip(grid.flat, panels.items()):
        known = np.array(series)
        present = np.isfinite(known)
        axes.plot(np.flatnonzero(present), known[present], ".", markersize=3, color=style.SKY)
        smooth = style.moving_mean(np.where(present, known, 0.0), present.astype(float), window)
        axes.plot(smooth, color=style.BLUE, label=f"mean of {window} intervals")
        axes.set(title=name.replace("_", " "), ylabel=_unit_of(name))
        style.whole_numbers(axes)
    _hide_unused(grid, len(panels))
    grid[0, 0].legend(loc="best")
    return figure


def _unit_of(name: str) -> str:
    units = {"_s": "seconds", "_ms": "milliseconds", "steps": "steps", "objective": "objective (eq. 10)"}
    return next((unit for ending, unit in units.items() if name.endswith(ending)), "value")


def _panels(values: Series, title: str) -> Figure:
    groups: Dict[str, Series] = {}
    for name, series in values.items():
        group, dot, rest = name.partition(".")
        groups.setdefault(group if dot else "", {})[rest if dot else name] = series
    order = sorted(
        groups, key=lambda one: (list(_PANELS).index(one) if one in _PANELS else len(_PANELS), one)
    )
    n_rows = (len(order) + 1) // 2
    figure = style.figure(0.5 + 2.5 * max(n_rows, 1))
    grid = figure.subplots(max(n_rows, 1), 2, sharex=True, squeeze=False)
    for axes, group in zip(grid.flat, order):
        _panel(axes, groups[group])
        text, unit = _PANELS.get(group, (group, "value"))
        axes.set(title=text, ylabel=unit)
    _hide_unused(grid, len(order))
    if title:
        figure.suptitle(title, fontsize=10.5)
    return figure


def _panel(axes: Axes, group: Series) -> None:
    heads = sorted({name.partition(".")[0] for name in group})  # contexts or applications: a line style each
    for index, (name, series) in enumerate(sorted(group.items())):
        parts = name.split(".")
        colour = style.split_colour(parts[-1], ()) if len(parts) > 1 and parts[-1] in SPLITS else ""
        axes.plot(
            series,
            color=colour or style.CYCLE[index % len(style.CYCLE)],
            linestyle=LINES[heads.index(parts[0]) % len(LINES)] if colour else "-",
            label=" ".join(parts),
        )
    style.whole_numbers(axes)
    # room above the lines, so that the legend covers none of them
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.3 * (high - low))
    axes.legend(loc="upper left", ncols=2, handlelength=1.8, columnspacing=1.0, fontsize=7.5)


def _hide_unused(grid: Any, used: int) -> None:
    cells: List[Axes] = list(grid.flat)
    for axes in cells[used:]:
        axes.set_visible(False)
    for axes in cells[max(used - grid.shape[1], 0) : used]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("interval")


def _series(states: Sequence[Mapping[str, float]]) -> Series:
    """Every key's values over the intervals, NaN where it was absent, in order of first appearance."""
    names: Dict[str, None] = {}
    for state in states:
        names.update(dict.fromkeys(state))
    return {name: [float(state.get(name, np.nan)) for state in states] for name in names}
