"""What splitting and pruning give and cost: accuracy, work and memory by number of branches or by work that is left."""

from __future__ import annotations

from typing import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style

_PANEL_IN = 2.3  # height of an application's row
_SPREAD = 0.09  # how far apart the dots of one number of branches stand


def plot_semantic_study(accuracy: pd.DataFrame, memory: pd.DataFrame, groupings: Sequence[str]) -> Figure:
    """A row an application: accuracy by grouping, work and memory, each by number of branches.

    Parameters
    ----------
    accuracy : one row an application, seed, number of branches (0: the whole network) and grouping.
    memory : one row an application, number of branches (0: the whole network) and branch.
    groupings : what is drawn, in this order.
    """
    names = list(dict.fromkeys(accuracy["application"]))
    figure = style.figure(1.2 + _PANEL_IN * len(names))
    rows = figure.subplots(len(names), 3, squeeze=False)
    for axes, name in zip(rows, names):
        own = accuracy[accuracy["application"] == name]
        counts = sorted(own.loc[own["branches"] > 0, "branches"].unique())
        _accuracy_by_grouping(axes[0], own, counts, groupings)
        axes[0].set_title(f"{name} ({own['source'].iloc[0]})")
        measured = memory[memory["application"] == name]
        _against_whole(axes[1], own.drop_duplicates("branches"), counts, "multiply_adds", "work")
        _memory_of_branches(axes[2], measured, counts)
    for one in rows[-1]:
        one.set_xlabel("branches")
    labelled = dict(pair[::-1] for axes in rows[0] for pair in zip(*axes.get_legend_handles_labels()))
    figure.legend(labelled.values(), labelled.keys(), loc="outside lower left", ncols=4)
    return figure


def _accuracy_by_grouping(axes: Axes, own: pd.DataFrame, counts: Sequence[int], groupings: Sequence[str]) -> None:
    whole = 100 * own.loc[own["branches"] == 0, "accuracy"].mean()
    axes.axhline(whole, color=style.BLACK, linestyle="--", linewidth=1.2, label="whole network")
    for number, grouping in enumerate(groupings):
        part = own[own["grouping"] == grouping]
        if part.empty:
            continue
        shift = (number - (len(groupings) - 1) / 2) * _SPREAD
        x = np.array([counts.index(one) for one in part["branches"]]) + shift
        colour = style.CYCLE[number]
        axes.plot(x, 100 * part["accuracy"], style.MARKERS[number], color=colour, alpha=0.45, markersize=4)
        means = part.groupby("branches")["accuracy"].mean()
        at = np.array([counts.index(one) for one in means.index]) + shift
        axes.plot(at, 100 * means, "-", marker=style.MARKERS[number], color=colour, label=grouping)
    axes.set(ylabel="accuracy in %", xticks=range(len(counts)), xticklabels=[str(one) for one in counts])


def _against_whole(axes: Axes, rows: pd.DataFrame, counts: Sequence[int], column: str, what: str) -> None:
    totals = rows.set_index("branches")[column]
    together = np.array([100 * totals[one] / totals[0] for one in counts])
    x = np.arange(len(counts))
    axes.bar(x - 0.2, together, 0.38, color=style.SKY, label="work of all branches")
    axes.bar(x + 0.2, together / np.array(counts), 0.38, color=style.BLUE, label="of one branch (mean)")
    axes.axhline(100, color=style.BLACK, linestyle="--", linewidth=1.2)
    axes.set(title=what.capitalize(), ylabel=f"% of the whole's {what}", xticks=x,
             xticklabels=[str(one) for one in counts])  # fmt: skip


def _memory_of_branches(axes: Axes, measured: pd.DataFrame, counts: Sequence[int]) -> None:
    of = {count: measured.loc[measured["branches"] == count, "network_rss_mb"] for count in (0, *counts)}
    x = np.arange(len(counts))
    axes.bar(x, [of[one].max() for one in counts], 0.5, color=style.GREEN, label="RAM of the largest branch")
    axes.axhline(of[0].max(), color=style.BLACK, linestyle="--", linewidth=1.2, label="whole network")
    axes.set(title="Peak RAM less torch's", ylabel="MB for 256 images", xticks=x,
             xticklabels=[str(one) for one in counts])  # fmt: skip
    axes.set_ylim(bottom=0)


def plot_compression_study(accuracy: pd.DataFrame, memory: pd.DataFrame) -> Figure:
    """Accuracy after fine-tuning, that right after pruning, and peak RAM, against the share of the work that is left.

    Accuracies have an axis each: points apart after fine-tuning, tens of points before.

    Parameters
    ----------
    accuracy : one row an application, seed, share and whether it was fine-tuned; work 1 is the whole network.
    memory : one row an application and share.
    """
    figure = style.figure(7.4)
    after, before, memory_axes = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2, 2])
    for number, name in enumerate(dict.fromkeys(accuracy["application"])):
        own = accuracy[accuracy["application"] == name]
        whole = own["asked_work"] == 1.0
        tuned, raw = own[own["fine_tuned"] | whole], own[~own["fine_tuned"]]
        look = {"color": style.CYCLE[number], "marker": style.MARKERS[number]}
        for axes, rows in ((after, tuned), (before, raw)):
            axes.plot(100 * rows["work"], 100 * rows["accuracy"], linestyle="", alpha=0.35, markersize=4, **look)
            means = rows.groupby("asked_work")[["work", "accuracy"]].mean().sort_values("work")
            axes.plot(100 * means["work"], 100 * means["accuracy"], label=f"{name} ({own['source'].iloc[0]})", **look)
        at = memory[memory["application"] == name].merge(
            tuned.groupby("asked_work", as_index=False)["work"].mean(), on="asked_work"
        )
        memory_axes.plot(100 * at["work"], at["network_rss_mb"], **look)
    after.set(title="Accuracy, pruned and fine-tuned", ylabel="accuracy in %")
    before.set(title="Accuracy right after pruning", ylabel="accuracy in %")
    memory_axes.set(title="Peak RAM over torch's own, 256 images", ylabel="MB",
                    xlabel="% of the whole's multiply-adds")  # fmt: skip
    memory_axes.set_ylim(bottom=0)
    style.outside_legend(after)
    return figure
