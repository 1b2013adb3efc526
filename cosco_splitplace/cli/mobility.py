"""``cosco-splitplace mobility``: the trace that the hosts' links follow."""
from __future__ import annotations

from pathlib import Path

import click

from ..backends.simulated.mobility import SHIPPED, make_trace, write_trace
from ..datafiles import DATA_DIR
from .console import output


@click.group()
def mobility() -> None:
    """Make the trace that the hosts' latency and bandwidth follow."""


@mobility.command("make")
@click.option("--hosts", type=int, default=50, show_default=True, help="Hosts in the trace.")
@click.option("--intervals", type=int, default=500, show_default=True, help="Intervals in the trace.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="CSV file, .gz allowed.  [default: the shipped trace]")
def make(hosts: int, intervals: int, seed: int, out: Path) -> None:
    """Generate a random-waypoint trace: every second host drives through a city between road-side units."""
    path = out or DATA_DIR / SHIPPED
    write_trace(make_trace(hosts, intervals, seed), path)
    output().print(f"{intervals} intervals of {hosts} hosts in {path}", highlight=False, soft_wrap=True)
