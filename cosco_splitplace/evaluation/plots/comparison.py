"""Models beside one another: every seed a dot, mean and spread over them, reward foremost."""

from __future__ import annotations

from typing import List, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..applications import application_label
from ..labels import label, shown_value, unit
from ..summaries import Summary, summarise
from . import style

PANELS: Sequence[str] = (
    "accuracy", "violations", "response_intervals", "wait_intervals", "energy_mwh", "cost_per_task_usd", "fairness",
    "layer_fraction",
)  # fmt: skip
BY_APPLICATION: Sequence[str] = ("reward", "accuracy", "violations", "response_intervals")


def plot_comparison(frame: pd.DataFrame) -> Figure:
    """Reward in a large panel and the other main metrics in small ones, by model.

    Parameters
    ----------
    frame : one row a model and seed, with columns ``model`` and one a metric.
    """
    summary = summarise(frame)
    names = [name for name in PANELS if name in frame.columns]
    n_rows = (len(names) + 3) // 4
    small = 0.75 + 0.19 * len(summary)
    figure = style.figure(0.95 + 0.3 * len(summary) + n_rows * (small + 0.25))
    heights = [0.9 + 0.3 * len(summary), n_rows * (small + 0.25)]
    top, below = figure.subfigures(2, 1, height_ratios=heights, squeeze=False)[:, 0]
    _dots(top.subplots(), frame, summary, "reward", large=True)
    grid = below.subplots(n_rows, 4, sharey=True, squeeze=False)
    for axes, name in zip(grid.flat, names):
        _dots(axes, frame, summary, name)
    for axes in list(grid.flat)[len(names) :]:
        axes.set_visible(False)
    return figure


def _dots(axes: Axes, frame: pd.DataFrame, summary: Summary, name: str, large: bool = False) -> None:
    models = list(summary)
    for row, model in enumerate(models):
        colour = style.CYCLE[row % len(style.CYCLE)]
        values = shown_value(name, 1.0) * frame.loc[frame["model"] == model, name].to_numpy(dtype=float)
        spread = summary[model][name]
        axes.scatter(
            values, np.full(len(values), row), s=22 if large else 10, color=colour, alpha=0.45, linewidths=0
        )
        std = shown_value(name, spread.std) if np.isfinite(spread.std) else 0.0
        axes.errorbar(
            shown_value(name, spread.mean), row, xerr=std, fmt=style.MARKERS[row % len(style.MARKERS)], color=colour,
            markersize=8 if large else 5, capsize=4 if large else 2.5, linewidth=1.6 if large else 1.1,
        )  # fmt: skip
    axes.set_yticks(range(len(models)), models)
    axes.set_ylim(len(models) - 0.4, -0.6)
    axes.margins(x=0.12)
    shown_unit = {"0-1": "Jain's index, 0-1"}.get(unit(name), unit(name))
    if large:
        seeds = int(frame.groupby("model", sort=False).size().max())
        axes.set_title(f"{label(name)} (dots: {seeds} seeds; bars: mean ± sample standard deviation)")
        axes.set_xlabel(f"{shown_unit} (eq. 15)")
    else:
        axes.set_title(label(name))
        axes.set_xlabel(shown_unit, fontsize=8)
        axes.tick_params(labelsize=7.5)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=3))


def plot_trade_off(frame: pd.DataFrame) -> Figure:
    """Accuracy against response time: what a split gives and takes."""
    figure = style.figure(3.8)
    axes = figure.subplots()
    for index, (model, spreads) in enumerate(summarise(frame).items()):
        accuracy, response = spreads["accuracy"], spreads["response_intervals"]
        axes.errorbar(
            response.mean, 100 * accuracy.mean,
            xerr=np.nan_to_num(response.std), yerr=100 * np.nan_to_num(accuracy.std),
            fmt=style.MARKERS[index % len(style.MARKERS)], color=style.CYCLE[index % len(style.CYCLE)], markersize=8,
            capsize=3, linewidth=1.1, label=f"{model} (reward {100 * spreads['reward'].mean:.1f}%)",
        )  # fmt: skip
    axes.set(xlabel="response time (intervals, lower is better)", ylabel="accuracy (%, higher is better)")
    axes.set_xlim(left=0)
    axes.margins(y=0.15)
    style.outside_legend(axes)
    return figure


def plot_by_application(spreads: Mapping[str, Summary], data_sources: Mapping[str, str]) -> Figure:
    """The main means by application: models as groups of dots with their spread."""
    models = list(next(iter(spreads.values())))
    figure = style.figure(1.4 + 0.24 * len(spreads) * len(models))
    panels: List[Axes] = list(figure.subplots(1, len(BY_APPLICATION), sharey=True))
    height = len(models) + 1.5
    for axes, name in zip(panels, BY_APPLICATION):
        for block, summary in enumerate(spreads.values()):
            for row, model in enumerate(models):
                if model not in summary:
                    continue
                spread = summary[model][name]
                axes.errorbar(
                    shown_value(name, spread.mean), block * height + row,
                    xerr=np.nan_to_num(shown_value(name, spread.std)),
                    fmt=style.MARKERS[row % len(style.MARKERS)], color=style.CYCLE[row % len(style.CYCLE)],
                    markersize=5, capsize=2.5, linewidth=1.1, label=model if block == 0 else None,
                )  # fmt: skip
        axes.set_title(label(name))
        axes.set_xlabel(unit(name), fontsize=8)
        axes.margins(x=0.12)
        axes.grid(False, axis="y")
    names = [application_label(name, data_sources).replace(" ", "\n") for name in spreads]
    panels[0].set_yticks([block * height + (len(models) - 1) / 2 for block in range(len(spreads))], names)
    panels[0].set_ylim(len(spreads) * height - 1.4, -1.0)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 6))
    return figure
