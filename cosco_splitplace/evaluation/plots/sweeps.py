"""The figures of experiments: models in several worlds, every seed a dot, mean and spread over them."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...records import FloatArray
from ..applications import application_label
from ..labels import label, shown_value, unit
from ..reproduction.experiment import Data
from . import style

# parts of the response (the scheduler's time is on its own: it does not wait for it), with their colours
PARTS: Sequence[Tuple[str, str, str]] = (
    ("wait_intervals", "waiting", style.GREY),
    ("transfer_s", "data transfer", style.SKY),
    ("compute_s", "execution", style.GREEN),
    ("migration_s", "migration", style.VERMILLION),
)
LINES = ("-", "--", ":", "-.")
_PAPER = ("SplitPlace", "M+G", "S+G", "L+G", "R+D", "MC", "Gillis", "S+D")
# colour, marker and line of the models that most figures show; others are dashed
_LOOKS = {
    "SplitPlace": (style.BLUE, "o", "-"), "M+G": (style.ORANGE, "^", "-"), "S+G": (style.GREEN, "s", "-"),
    "L+G": (style.PURPLE, "D", "-"), "R+D": (style.VERMILLION, "v", "-"), "MC": (style.SKY, "P", "-"),
    "Gillis": (style.GREY, "X", "-"), "SplitPlace+": (style.BLACK, "*", "-"),
}  # fmt: skip
_OTHERS = (style.ORANGE, style.GREEN, style.PURPLE, style.VERMILLION, style.SKY, style.GREY)


def plot_models(data: Data, metrics: Sequence[str], columns: int = 3) -> Figure:
    """One panel a metric: a row a model, a colour and marker a world; or, where there is but one, by who made it."""
    if len(data.variants) > 1:
        return _rows(data, metrics, columns, data.variants, lambda name: {"variant": name}, data.variants)
    theirs = [one for one in data.models if one in _PAPER]
    groups = {"of the paper": theirs, "other placers, and ours": [one for one in data.models if one not in _PAPER]}
    kept = [name for name, models in groups.items() if models]
    return _rows(data, metrics, columns, kept, lambda name: {"model": groups[name]}, kept, beside=False)


def plot_applications(data: Data, metrics: Sequence[str], variant: str = "") -> Figure:
    """One panel a metric: a row a model, a colour and marker an application."""
    where = variant or data.variants[0]
    names = data.applications
    labels = [application_label(one, data.sources) for one in names]
    return _rows(
        data, metrics, len(metrics), names, lambda name: {"application": name, "variant": where}, labels
    )


def plot_applications_by_world(data: Data, metric: str) -> Figure:
    """One panel a world: a row a model, a colour and marker an application."""
    models = data.models
    figure = style.figure(1.2 + 0.3 * len(models))
    panels: List[Axes] = list(figure.subplots(1, len(data.variants), sharex=True, sharey=True, squeeze=False)[0])
    for axes, variant in zip(panels, data.variants):
        for index, application in enumerate(data.applications):
            part = data.part(application, variant=variant)
            name = application_label(application, data.sources)
            _dots(axes, part, models, metric, index, len(data.applications), name)
        axes.set_title(variant)
        axes.set_xlabel(unit(metric), fontsize=8)
        axes.margins(x=0.12)
    _model_axis(panels[0], models)
    _legend_above(figure, panels)
    return figure


def _rows(
    data: Data, metrics: Sequence[str], columns: int, groups: Sequence[str],
    choose: Callable[[str], Mapping[str, Any]], labels: Sequence[str], beside: bool = True,
) -> Figure:  # fmt: skip
    """Panels of dots; a row's groups stand `beside` one another, or have the row to themselves."""
    models = data.models
    n_rows = (len(metrics) + columns - 1) // columns
    count = len(groups) if beside else 1
    height = 0.8 + (0.2 if count == 1 else 0.12 + 0.1 * count) * len(models)
    figure = style.figure(0.4 + height * n_rows)
    grid = figure.subplots(n_rows, columns, sharey=True, squeeze=False)
    for axes, metric in zip(grid.flat, metrics):
        for index, (group, text) in enumerate(zip(groups, labels)):
            _dots(axes, data.part(**choose(group)), models, metric, index, count, text)
        axes.set_title(label(metric))
        axes.set_xlabel(unit(metric), fontsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
        axes.margins(x=0.12)
    for axes in list(grid.flat)[len(metrics) :]:
        axes.set_visible(False)
    _model_axis(grid[0, 0], models)
    if len(groups) > 1:
        _legend_above(figure, [grid[0, 0]])
    return figure


def _dots(
    axes: Axes, part: pd.DataFrame, models: Sequence[str], metric: str, index: int, count: int, text: str
) -> None:
    """Every seed a small dot, the mean a marker with the sample standard deviation, on the models' rows."""
    colour, marker = style.CYCLE[index % len(style.CYCLE)], style.MARKERS[index % len(style.MARKERS)]
    shift = (index - (count - 1) / 2) * 0.72 / count if count > 1 else 0.0
    shown = False
    for row, model in enumerate(models):
        values = shown_value(metric, 1.0) * part.loc[part["model"] == model, metric].to_numpy(dtype=float)
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        axes.scatter(values, np.full(len(values), row + shift), s=9, color=colour, alpha=0.4, linewidths=0)
        axes.errorbar(
            float(values.mean()), row + shift, xerr=float(values.std(ddof=1)) if len(values) > 1 else 0.0, fmt=marker,
            color=colour, markersize=4.5, capsize=2, linewidth=1.0, label=None if shown else text,
        )  # fmt: skip
        shown = True


def _model_axis(axes: Axes, models: Sequence[str]) -> None:
    axes.set_yticks(range(len(models)), models)
    axes.set_ylim(len(models) - 0.4, -0.6)


def _legend_above(figure: Figure, panels: Sequence[Axes], most: int = 5) -> None:
    found: Dict[str, Artist] = {}
    for axes in panels:
        for handle, text in zip(*axes.get_legend_handles_labels()):
            found.setdefault(str(text), handle)
    if found:
        figure.legend(
            list(found.values()), list(found), loc="outside upper center", ncols=min(len(found), most)
        )


def plot_lines(data: Data, metrics: Sequence[str], x_label: str, log: bool = False, columns: int = 3) -> Figure:
    """One panel a metric over the worlds' ``x``: a line a model, the band its sample standard deviation."""
    n_rows = (len(metrics) + columns - 1) // columns
    figure = style.figure(0.7 + 2.3 * n_rows)
    grid = figure.subplots(n_rows, columns, squeeze=False)
    models = data.models
    for axes, metric in zip(grid.flat, metrics):
        for model in models:
            x, mean, std = _over_x(data, metric, model)
            colour, marker, line = model_style(model, models)
            axes.plot(
                x, mean, color=colour, marker=marker, linestyle=line, markersize=4.5, linewidth=1.3, label=model
            )
            axes.fill_between(x, mean - std, mean + std, color=colour, alpha=0.13, linewidth=0)
        axes.set_title(label(metric))
        axes.set(xlabel=x_label, ylabel=unit(metric))
        _x_ticks(axes, data, log)
    for axes in list(grid.flat)[len(metrics) :]:
        axes.set_visible(False)
    _legend_above(figure, [grid[0, 0]])
    return figure


def _over_x(data: Data, metric: str, model: str, application: str = "all") -> Tuple[FloatArray, FloatArray, FloatArray]:
    part = data.part(application, model=model).groupby("x")[metric]
    x: FloatArray = np.array(list(part.groups), dtype=np.float64)
    mean: FloatArray = np.array(part.mean()) * shown_value(metric, 1.0)
    std: FloatArray = np.array(part.std(ddof=1).fillna(0.0)) * shown_value(metric, 1.0)
    return x, mean, std


def _x_ticks(axes: Axes, data: Data, log: bool) -> None:
    if log:
        axes.set_xscale("log")
    ticks = sorted({one.x for one in data.experiment.variants if np.isfinite(one.x)})
    axes.set_xticks(ticks, [f"{one:g}" for one in ticks])
    axes.minorticks_off()


def model_style(model: str, models: Sequence[str]) -> Tuple[str, str, str]:
    """Colour, marker and line style of a model: the same in every figure for those that most figures show."""
    if model in _LOOKS:
        return _LOOKS[model]
    index = [one for one in models if one not in _LOOKS].index(model)
    return _OTHERS[index % len(_OTHERS)], "xv+1234"[index % 7], LINES[1 + index % (len(LINES) - 1)]


def plot_layer_share(data: Data, models: Sequence[str], x_label: str) -> Figure:
    """Share of layer splits over the worlds' ``x``, by application: one panel a model."""
    figure = style.figure(2.9)
    panels: List[Axes] = list(figure.subplots(1, len(models), sharey=True, squeeze=False)[0])
    for axes, model in zip(panels, models):
        for index, application in enumerate(data.applications):
            x, mean, std = _over_x(data, "layer_fraction", model, application)
            axes.errorbar(
                np.arange(len(x)) + 0.08 * (index - 1), mean, yerr=std, color=style.CYCLE[index],
                marker=style.MARKERS[index], markersize=5, capsize=2, linewidth=1.3,
                label=application_label(application, data.sources),
            )  # fmt: skip
        axes.set_title(model)
        ticks = sorted({one.x for one in data.experiment.variants if np.isfinite(one.x)})
        axes.set_xticks(range(len(ticks)), [f"{one:g}" for one in ticks])
        axes.set_xlabel(x_label)
        axes.set_ylim(-3, 103)
    panels[0].set_ylabel("layer splits (%)")
    _legend_above(figure, panels)
    return figure


def plot_parts(data: Data, models: Sequence[str] = ()) -> Figure:
    """Where the time goes: a stacked bar a model, one panel a world; the mean of a task's critical path in minutes."""
    chosen = list(models) or data.models
    figure = style.figure(1.2 + 0.3 * len(chosen))
    panels: List[Axes] = list(figure.subplots(1, len(data.variants), sharey=True, squeeze=False)[0])
    for axes, variant in zip(panels, data.variants):
        left = np.zeros(len(chosen))
        for name, text, colour in PARTS:
            width = np.array([_minutes(data, name, model, variant) for model in chosen])
            axes.barh(range(len(chosen)), width, left=left, color=colour, height=0.7, label=text)
            left = left + np.nan_to_num(width)
        axes.set_title(variant)
        axes.set_xlabel("minutes")
        axes.grid(False, axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    _model_axis(panels[0], chosen)
    _legend_above(figure, panels)
    return figure


def _minutes(data: Data, name: str, model: str, variant: str) -> float:
    interval_s = data.measured[0][1].run.settings.run.interval_s
    factor = interval_s if name == "wait_intervals" else 1.0
    return factor * data.mean(name, model, variant) / 60


def plot_curves(data: Data, panels: Sequence[Tuple[str, str, Mapping[str, str]]]) -> Figure:
    """Curves over the intervals, the mean of the seeds and the range of them: one panel an entry of `panels`.

    Parameters
    ----------
    panels : title, unit, and the curves by name with the text that names each.
    """
    n_rows = (len(panels) + 1) // 2
    figure = style.figure(0.4 + 2.2 * n_rows)
    grid = figure.subplots(n_rows, 2, sharex=True, squeeze=False)
    for axes, (title, y_label, names) in zip(grid.flat, panels):
        for index, (name, text) in enumerate(names.items()):
            curves = np.array([measures.curves[name] for _, measures in data.measured])
            colour = style.CYCLE[index % len(style.CYCLE)]
            axes.plot(curves.mean(axis=0), color=colour, linestyle=LINES[index % len(LINES)], label=text)
            axes.fill_between(
                range(curves.shape[1]), curves.min(axis=0), curves.max(axis=0), color=colour, alpha=0.15, linewidth=0
            )
        axes.set_title(title)
        axes.set_ylabel(y_label)
        axes.legend(loc="best", fontsize=8)
        style.whole_numbers(axes)
    for axes in grid[-1]:
        axes.set_xlabel("interval of training")
    return figure


def plot_over_time(data: Data, window: int = 10) -> Figure:
    """What arrives, and what became of it by the interval of its arrival: a line a model, one column a world."""
    worlds = data.variants
    figure = style.figure(6.6)
    grid = figure.subplots(3, len(worlds), sharex=True, sharey="row", squeeze=False)
    for column, world in enumerate(worlds):
        for index, model in enumerate(data.models):
            runs = [m for planned, m in data.measured if (planned.variant.label, planned.run.model) == (world, model)]
            if not runs:
                continue
            colour, _, line = model_style(model, data.models)
            arrived = np.array([one.curves["arrived"] for one in runs])
            if index == 0:
                grid[0, column].plot(_smooth(arrived, window), color=style.BLACK)
            for row, name in ((1, "reward"), (2, "response")):
                values = np.array([one.curves[name] for one in runs])
                factor = 100.0 if name == "reward" else 1.0
                grid[row, column].plot(
                    factor * _smooth(values, window), color=colour, label=model, linestyle=line
                )
        grid[0, column].set_title(world)
        grid[2, column].set_xlabel("interval of arrival")
        style.whole_numbers(grid[2, column])
    for row, text in enumerate(("tasks an interval", "reward (%)", "response (intervals)")):
        grid[row, 0].set_ylabel(text)
    _legend_above(figure, [grid[1, 0]])
    return figure


def _smooth(values: FloatArray, window: int) -> FloatArray:
    """The moving mean of all seeds, (n_intervals,), of `values`, (n_seeds, n_intervals), NaN where nothing was."""
    present = np.isfinite(values)
    return style.moving_mean(np.where(present, values, 0.0).sum(axis=0), present.sum(axis=0).astype(float), window)


def plot_deviation(data: Data, spreads: Callable[[Data, str], Mapping[str, FloatArray]]) -> Figure:
    """How far the response spreads over one kind of decision: one panel a world, every seed a dot."""
    figure = style.figure(2.3)
    panels: List[Axes] = list(figure.subplots(1, len(data.variants), sharey=True, squeeze=False)[0])
    for axes, world in zip(panels, data.variants):
        found = spreads(data, world)
        for row, (name, values) in enumerate(found.items()):
            axes.scatter(values, np.full(len(values), row), s=12, color=style.CYCLE[row], alpha=0.5, linewidths=0)
            axes.errorbar(
                float(np.mean(values)), row, xerr=float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
                fmt=style.MARKERS[row], color=style.CYCLE[row], markersize=8, capsize=3, label=name,
            )  # fmt: skip
        axes.set_title(world)
        axes.margins(x=0.12)
        axes.set_xlabel("standard deviation of\nthe response (intervals)")
        axes.set_xlim(left=0)
        axes.set_yticks(range(len(found)), list(found))
        axes.set_ylim(len(found) - 0.4, -0.6)
    return figure


def drawn(draw: Callable[[Data], Figure], data: Data) -> Dict[str, bytes]:
    """The figure as "png" and as "pdf", in the house's style; the same data give the same bytes."""
    return style.styled_as(partial(draw, data), ("png", "pdf"))
