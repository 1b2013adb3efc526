"""What the hosts did: CPU and RAM by host and interval, the queue, energy."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...records import FloatArray, IntArray, RunResult
from . import style


def plot_hosts(result: RunResult) -> Figure:
    """Heat maps of CPU and RAM use: hosts (by type) down, intervals across."""
    hosts = result.hosts
    order, bounds = _by_type(hosts.host_types)
    figure = style.figure(float(np.clip(1.3 + 0.07 * len(order), 3.2, 7.0)))
    left, right = figure.subplots(1, 2, sharey=True)
    ram = hosts.ram_used_mb / hosts.ram_mb
    for axes, values, title in (
        (left, hosts.cpu_utilisation, "CPU used"),
        (right, ram, "RAM used, right after placement"),
    ):
        image = _heat_map(axes, values[:, order], title)
        for _, stop in list(bounds.values())[:-1]:
            axes.axhline(stop - 0.5, color="white", linewidth=1.2)
    left.set_yticks([(start + stop - 1) / 2 for start, stop in bounds.values()])
    left.set_yticklabels([f"{name}\n{stop - start} hosts" for name, (start, stop) in bounds.items()])
    left.set_ylabel("hosts by type")
    figure.colorbar(image, ax=[left, right], label="% of the host's own", fraction=0.035, pad=0.02)
    return figure


def _heat_map(axes: Axes, values: FloatArray, title: str) -> Any:
    image = axes.imshow(
        100 * values.T,
        aspect="auto",
        interpolation="nearest",
        cmap="cividis",
        vmin=0,
        vmax=100,
        origin="upper",
    )
    axes.grid(False)
    axes.set(title=f"{title} (mean {100 * float(values.mean()):.0f}%)", xlabel="interval")
    style.whole_numbers(axes)
    return image


def _by_type(types: Tuple[str, ...]) -> Tuple[IntArray, Dict[str, Tuple[int, int]]]:
    """The hosts sorted by type (types in order of first host), and where each type's rows start and stop."""
    names = list(dict.fromkeys(types))
    order = np.array(
        sorted(range(len(types)), key=lambda host: (names.index(types[host]), host)), dtype=np.int64
    )
    bounds: Dict[str, Tuple[int, int]] = {}
    start = 0
    for name in names:
        bounds[name] = (start, start + types.count(name))
        start += types.count(name)
    return order, bounds


def plot_queue(result: RunResult) -> Figure:
    """Fragments that wait and run, tasks that come and go, fragments that are moved."""
    figure = style.figure(5.2)
    panels: List[Axes] = list(figure.subplots(3, 1, sharex=True, height_ratios=[3, 2, 1.3]))
    x = np.arange(len(result.intervals))
    active, waiting, arrived, left, moved = (
        np.array([getattr(one, name) for one in result.intervals], dtype=float)
        for name in ("active_fragments", "waiting_fragments", "arrived", "left", "migrations")
    )
    panels[0].plot(x, active, color=style.GREEN, label="on hosts")
    panels[0].plot(x, waiting, color=style.VERMILLION, linestyle="--", label="ready, waiting")
    panels[0].set(title="Fragments after placement", ylabel="fragments")
    panels[1].plot(x, np.cumsum(arrived), color=style.BLUE, label="arrived")
    panels[1].plot(x, np.cumsum(left), color=style.BLACK, linestyle="--", label="left")
    panels[1].set(title="Tasks so far", ylabel="tasks")
    panels[2].bar(x, moved, color=style.PURPLE, width=0.9, label="moved")
    panels[2].set(title="Migrations", ylabel="an interval", xlabel="interval")
    for axes in panels:
        axes.margins(x=0.01)
        top = max(axes.get_ylim()[1], 1.0)
        axes.set_ylim(-0.02 * top, top)  # a line of zeros stays visible above the axis
        style.whole_numbers(axes, "xy")
        style.outside_legend(axes)
    return figure


def plot_energy(result: RunResult) -> Figure:
    """Energy an interval by host type, and the mean draw of a host of each type."""
    figure = style.figure(3.4)
    axes = figure.subplots()
    order, bounds = _by_type(result.hosts.host_types)
    energy = result.hosts.energy_wh[:, order]
    parts = [energy[:, start:stop].sum(axis=1) for start, stop in bounds.values()]
    hours = len(result.intervals) * result.settings.run.interval_s / 3600
    names = [
        f"{name}, {stop - start} hosts\n{energy[:, start:stop].sum() / hours / (stop - start):.0f} W a host"
        for name, (start, stop) in bounds.items()
    ]
    colours = [style.CYCLE[index % len(style.CYCLE)] for index in range(len(parts))]
    axes.stackplot(np.arange(len(energy)), *parts, labels=names, colors=colours, alpha=0.9)
    axes.set(
        xlabel="interval", ylabel="W h an interval", title=f"Energy: {energy.sum() / 1e3:.1f} kW h in all"
    )
    axes.margins(x=0.0)
    axes.set_ylim(bottom=0)
    style.whole_numbers(axes)
    style.outside_legend(axes, reverse=True)
    return figure
