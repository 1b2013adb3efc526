"""How fast fragments are, by batch size, and what memory they take."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from . import style


def plot_profile(frame: pd.DataFrame) -> Figure:
    """Latency, throughput and peak memory against the batch size, a line a fragment.

    Parameters
    ----------
    frame : one row a fragment and batch size, with columns ``fragment``, ``batch``, ``latency_ms``,
        ``latency_p90_ms``, ``images_per_s`` and ``peak_rss_mb``.
    """
    figure = style.figure(3.2)
    panels = figure.subplots(1, 3)
    for number, (fragment, part) in enumerate(frame.groupby("fragment", sort=False)):
        colour, marker = style.CYCLE[number % len(style.CYCLE)], style.MARKERS[number % len(style.MARKERS)]
        for axes, column in zip(panels, ("latency_ms", "images_per_s", "peak_rss_mb")):
            axes.plot(part["batch"], part[column], marker=marker, color=colour, label=str(fragment))
        panels[0].fill_between(part["batch"], part["latency_ms"], part["latency_p90_ms"], color=colour, alpha=0.15)
    for axes, title, unit in zip(panels, ("Latency, median to 90 %", "Throughput", "Peak RAM of the process"),
                                 ("ms a batch", "images a second", "MB")):  # fmt: skip
        axes.set(title=title, ylabel=unit, xlabel="images at once", xscale="log")
    panels[0].set_yscale("log")
    panels[1].set_yscale("log")
    panels[2].set_ylim(bottom=0)
    style.outside_legend(panels[2])
    return figure
