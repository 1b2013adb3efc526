"""A mobility trace: the city and the routes of the first hour, and every moving host's link over time."""
from __future__ import annotations

from pathlib import Path
from typing import Optional

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...mobility.city_map import TRACKED_S, CityMap
from ...mobility.trace import MobilityTrace
from . import style

SHOWN_ROUTES = 6


def draw_mobility(trace: MobilityTrace, city: Optional[CityMap], path: Path) -> None:
    """Draw `trace`, and the city where there is a map of it, into a PNG or PDF file, as `path` ends."""
    with matplotlib.rc_context(style._STYLE):
        drawn = plot_mobility(trace, city)
        drawn.savefig(path, dpi=style.DPI, metadata={"CreationDate": None} if path.suffix == ".pdf" else {})


def plot_mobility(trace: MobilityTrace, city: Optional[CityMap]) -> Figure:
    """See the module."""
    figure = style.figure(9.4 if city else 5.6)
    axes = figure.subplots(3 if city else 2, 1, height_ratios=([2.1, 1.5, 1.0] if city else [1.5, 1.0]))
    if city:
        _map(axes[0], city)
    hosts = np.flatnonzero(trace.moving)
    shown = axes[-2].imshow(
        trace.bandwidth_share[:, hosts].T, aspect="auto", origin="lower", vmin=0, vmax=1, cmap="cividis",
        interpolation="nearest", extent=(0, len(trace.bandwidth_share), -0.5, len(hosts) - 0.5),
    )
    axes[-2].grid(visible=False)
    axes[-2].set(title="Bandwidth of every moving host, share of its nominal link", ylabel="host")
    ticks = np.linspace(0, len(hosts) - 1, min(len(hosts), 6)).round().astype(int)
    axes[-2].set_yticks(ticks, [str(hosts[one]) for one in ticks])
    figure.colorbar(shown, ax=axes[-2], pad=0.01)
    _spread(axes[-1], trace, hosts)
    return figure


def _map(axes: Axes, city: CityMap) -> None:
    x, y = city.junctions_x, city.junctions_y
    axes.vlines(x, y[0], y[-1], color="#D9D9D9", linewidth=2.5, zorder=1)
    axes.hlines(y, x[0], x[-1], color="#D9D9D9", linewidth=2.5, zorder=1)
    for number in range(min(SHOWN_ROUTES, len(city.hosts))):
        places = city.tracks[:, number] + 7.0 * (number - SHOWN_ROUTES / 2)  # side by side on a shared street
        axes.plot(places[:, 0], places[:, 1], color=style.CYCLE[number], linewidth=1.0, alpha=0.75, zorder=2)
        axes.plot(*places[0], style.MARKERS[number], color=style.CYCLE[number], markersize=6, zorder=3,
                  label=f"host {city.hosts[number]}")  # fmt: skip
    axes.plot(city.units[:, 0], city.units[:, 1], "*", color=style.BLACK, markersize=11, zorder=4,
              linestyle="none", label="road-side unit")  # fmt: skip
    axes.set_aspect("equal")
    axes.grid(visible=False)
    hours = TRACKED_S / 3600
    axes.set(title=f"Streets, road-side units, and routes of the first {hours:g} h", xlabel="m", ylabel="m")
    style.outside_legend(axes)


def _spread(axes: Axes, trace: MobilityTrace, hosts: "np.typing.NDArray[np.int64]") -> None:
    share, factor = trace.bandwidth_share[:, hosts], trace.latency_factor[:, hosts]
    at = np.arange(len(share)) + 0.5
    low, middle, high = np.quantile(share, [0.1, 0.5, 0.9], axis=1)
    axes.fill_between(at, low, high, color=style.BLUE, alpha=0.25, linewidth=0, label="bandwidth share, 10 to 90 %")
    axes.plot(at, middle, color=style.BLUE, label="bandwidth share, median")
    axes.set(title="Link quality of the moving hosts", xlabel="interval", ylabel="share", ylim=(0, 1))
    axes.set_xlim(0, len(share))
    right = axes.twinx()
    right.spines["right"].set_visible(True)
    right.grid(visible=False)
    right.plot(at, np.median(factor, axis=1), color=style.VERMILLION, linewidth=1.0, linestyle="--")
    right.set_ylabel("latency factor")
    right.set_ylim(bottom=0)
    axes.plot([], [], color=style.VERMILLION, linewidth=1.0, linestyle="--", label="latency factor, median (right)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=3)
