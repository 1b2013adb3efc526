"""``cosco-splitplace bound``: how good could any policy be?"""
from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, List, Optional

import click
from rich.table import Table

from ..evaluation.bounds.run_bounds import RunBounds, search_all
from ..evaluation.files import write_csv
from ..evaluation.seeds import parse_seeds
from .common import build_settings, print_json, progress_bar, settings_options
from .console import output

COLUMNS = ("seed", "tasks", "no_contention", "plan", "evaluations")


@click.command("bound")
@click.option("--seeds", default="5", show_default=True, help="A count (5: seeds 0 to 4) or a list such as 3,7,10-14.")
@settings_options
@click.option("--evaluations", type=int, default=150, show_default=True, help="Runs that a plan's search may take.")
@click.option("--jobs", type=int, default=os.cpu_count() or 1, show_default="cores", help="Worker processes.")
@click.option("--out", type=click.Path(path_type=Path), help="CSV file for the bounds, one row a seed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; no progress bar.")
def bound(
    seeds: str, evaluations: int, jobs: int, out: Optional[Path], as_json: bool, **options: Any
) -> None:
    """Compute, for each seed, two rewards that a policy's drained reward is measured against.

    \b
    no contention      each task has the cluster to itself, and gets the better split: no policy exceeds it
    clairvoyant plan   all arrivals are known, splits are searched by hill climbing, daso-set places: it is reached

    A plan takes about half a minute a seed; it is kept in your cache, where `compare` finds it. After Ctrl-C the same
    command goes on with the seeds that are missing.
    """
    settings, numbers = build_settings(**options), parse_seeds(seeds)
    found: List[RunBounds] = []
    with progress_bar(as_json) as report:
        report("plans", 0, len(numbers))
        for one in search_all(settings, numbers, evaluations, jobs):
            found.append(one)
            report("plans", len(found), len(numbers))
    found.sort(key=lambda one: numbers.index(one.seed))
    rows = [{name: value for name, value in asdict(one).items() if name in COLUMNS} for one in found]
    if out is not None:
        write_csv(out, COLUMNS, rows)
    if as_json:
        print_json({"regime": settings.run.regime, "bounds": [asdict(one) for one in found]})
        return
    table = Table(title=f"bounds on the drained reward, regime {settings.run.regime or '-'}", title_justify="left")
    for column in ("Seed", "Tasks", "No contention", "Clairvoyant plan", "Best start", "Evaluations"):
        table.add_column(column, justify="right")
    for one in found:
        table.add_row(
            str(one.seed), str(one.tasks), f"{one.no_contention:.4f}", f"{one.plan:.4f}",
            f"{one.trajectory[1]:.4f}", str(one.evaluations),
        )
    table.add_section()
    means = [sum(values) / len(found) for values in zip(*((one.no_contention, one.plan or 0.0) for one in found))]
    table.add_row("mean", "", *(f"{value:.4f}" for value in means), "", "")
    output().print(table)
    if out is not None:
        output().print(f"wrote {out}", highlight=False, soft_wrap=True)
