"""``cosco-splitplace mobility``: the traces that the hosts' links follow."""
from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

import click
from rich.table import Table

from ..config import parse_toml_value
from ..errors import ConfigurationError, require
from ..evaluation.files import write_json
from ..mobility.city_map import map_path, origin_path, read_map, write_map
from ..mobility.radio import RadioSettings
from ..mobility.sumo import CitySettings, find_sumo
from ..mobility.trace import SUMO, WAYPOINT, MobilityTrace, read_trace, trace_path, write_trace
from ..mobility.vehicles import HostSettings, make_vehicle_trace
from ..mobility.waypoint import make_trace
from .common import command_line, print_json, progress_bar
from .console import output

TABLES: Dict[str, Any] = {"city": CitySettings, "radio": RadioSettings, "host": HostSettings}
HOSTS, INTERVALS, INTERVAL_S, SEED = 50, 500, 300, 0  # of the shipped traces


@click.group()
def mobility() -> None:
    """Traces that the hosts' latency and bandwidth follow: make one with SUMO, look at one.

    \b
    cosco-splitplace mobility make --out mine.csv.gz --seed 3 --set radio.units=9
    cosco-splitplace mobility show mine.csv.gz --out mine.pdf
    cosco-splitplace run --set cluster.mobility_file=mine.csv.gz
    cosco-splitplace run --set cluster.mobility_file=sumo      # the one that is shipped
    """


@mobility.command("make")
@click.option("--model", type=click.Choice([SUMO, WAYPOINT]), default=SUMO, show_default=True,
              help="Vehicles of SUMO under a radio model, or random waypoints (needs no SUMO).")  # fmt: skip
@click.option("--hosts", type=int, default=HOSTS, show_default=True, help="Hosts in the trace.")
@click.option("--intervals", type=int, default=INTERVALS, show_default=True, help="Intervals in the trace.")
@click.option("--interval-seconds", type=int, default=INTERVAL_S, show_default=True, help="Length of an interval.")
@click.option("--seed", type=int, default=SEED, show_default=True, help="Of trips, traffic, shadowing.")
@click.option("--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE",
              help="A parameter of city, traffic or radio; see 'mobility parameters'.  [repeatable]")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="CSV file, .gz allowed.  [default: the shipped trace]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; no progress bar.")
def make(
    model: str, hosts: int, intervals: int, interval_seconds: int, seed: int, overrides: Sequence[str],
    out: Optional[Path], as_json: bool,
) -> None:  # fmt: skip
    """Make a trace, and beside it a file that says how, and SUMO's map.

    SUMO drives vehicles through a grid of streets with traffic lights; a radio model turns the place of each into
    latency and bandwidth every second, and a trace holds their means in every interval. Every second host is on a
    vehicle, the others stand still.
    """
    own = (hosts, intervals, interval_seconds, seed, *overrides) != (HOSTS, INTERVALS, INTERVAL_S, SEED)
    require(out is not None or not own, "a trace of your own would replace the shipped one; give --out FILE")
    path = out or trace_path(model)
    origin: Dict[str, Any] = {
        "format": 1, "command": command_line(), "model": model, "hosts": hosts, "intervals": intervals,
        "interval_s": interval_seconds, "seed": seed,
    }  # fmt: skip
    if model == WAYPOINT:
        require(not overrides, "--set is for --model sumo; random waypoints have no parameters")
        trace = make_trace(hosts, intervals, seed, interval_seconds)
    else:
        trace, more = _by_sumo(path, hosts, intervals, interval_seconds, seed, overrides, as_json)
        origin.update(more)
    write_trace(trace, path)
    write_json(origin_path(path), {**origin, "found": trace.figures()})
    if as_json:
        print_json({"file": str(path), **origin, "found": trace.figures()})
        return
    console = output()
    console.print(f"{intervals} intervals of {hosts} hosts in {path}", highlight=False, soft_wrap=True)
    _show_figures(trace)


def _by_sumo(
    path: Path, hosts: int, intervals: int, interval_s: int, seed: int, overrides: Sequence[str], quiet: bool
) -> Tuple[MobilityTrace, Dict[str, Any]]:
    parts = _parameters(overrides)
    programs = find_sumo()
    with progress_bar(quiet) as report:
        trace, city = make_vehicle_trace(
            programs, hosts, intervals, interval_s, seed, parts["city"], parts["radio"], parts["host"],
            lambda done, total: report(f"SUMO {programs.version}: seconds", done, total),
        )
    write_map(city, map_path(path))
    return trace, {"sumo": programs.version, **{name: vars(part) for name, part in parts.items()}}


def _parameters(overrides: Sequence[str]) -> Dict[str, Any]:
    """The parameters of city, radio and hosts, with what the command line changes."""
    changes: Dict[str, Dict[str, Any]] = {name: {} for name in TABLES}
    for text in overrides:
        name, found, value = text.partition("=")
        table, _, key = name.partition(".")
        known = {f"{one}.{field.name}": field for one, kind in TABLES.items() for field in dataclasses.fields(kind)}
        require(bool(found), f"--set {text!r} is not of the form TABLE.KEY=VALUE, e.g. radio.units=9")
        require(name in known, f"--set: there is no {name!r}; known: {', '.join(sorted(known))}")
        wanted: Any = type(known[name].default)
        got = parse_toml_value(value.strip())
        good = isinstance(got, (int, float) if wanted is float else wanted) and not isinstance(got, bool)
        require(good, f"--set: {name} is {got!r}; it must be of type {wanted.__name__}")
        changes[table][key] = float(got) if wanted is float else got
    return {name: kind(**changes[name]) for name, kind in TABLES.items()}


@mobility.command("parameters")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def parameters(as_json: bool) -> None:
    """List the parameters of city, traffic and radio, with their sources."""
    rows = [
        {"parameter": f"{name}.{one.name}", "default": one.default, "meaning": one.metadata["help"]}
        for name, kind in TABLES.items()
        for one in dataclasses.fields(kind)
    ]
    if as_json:
        print_json(rows)
        return
    table = Table()
    for title in ("parameter", "default", "meaning"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    output().print(table)


@mobility.command("show")
@click.argument("trace", default=SUMO)
@click.option("--out", type=click.Path(path_type=Path), default="mobility.png", show_default=True,
              help="Picture: .png or .pdf.")  # fmt: skip
def show(trace: str, out: Path) -> None:
    """Draw TRACE (sumo, waypoint, or a CSV file): map, routes of the first hour, link quality over time."""
    from ..evaluation.plots.mobility import draw_mobility

    require(out.suffix in (".png", ".pdf"), f"--out is {str(out)!r}; give a name that ends in .png or .pdf")
    path = trace_path(trace)
    found = read_trace(trace)
    city = read_map(map_path(path)) if map_path(path).exists() else None
    try:
        draw_mobility(found, city, out)
    except OSError as error:
        raise ConfigurationError(f"--out {out} can't be written: {error}") from None
    console = output()
    console.print(f"{path} is drawn in {out}", highlight=False, soft_wrap=True)
    if city is None and trace != WAYPOINT:
        console.print(f"without a map: there is no {map_path(path)}", highlight=False, soft_wrap=True)
    _show_figures(found)


def _show_figures(trace: MobilityTrace) -> None:
    for name, value in trace.figures().items():
        output().print(f"  {name.replace('_', ' '):<22}{value:g}", highlight=False)
