"""Ray against joblib: the same runs by two workers of each, in turn, from one process.

Both start their workers once before anything is timed; a round is timed with each in turn, so that what else the
machine does falls on both.
"""
from __future__ import annotations

import time
from typing import Dict, List

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from cosco_splitplace.config import Settings
from cosco_splitplace.evaluation.executors import Failure, executor
from cosco_splitplace.simulation import simulate


def run(seed: int) -> Dict[str, float]:
    """One run of 100 intervals, by least-loaded."""
    settings = Settings().replace(run={"decider": "random", "placer": "least-loaded", "seed": seed})
    return {name: value for name, value in simulate(settings).metrics.items() if name != "scheduling_s"}


def timed(backend: str, seeds: List[int], workers: int) -> "tuple[float, List[Dict[str, float]]]":
    """Seconds, and the results in order."""
    began = time.perf_counter()
    found = dict(executor(backend)(run, seeds, workers))
    seconds = time.perf_counter() - began
    failed = [one for one in found.values() if isinstance(one, Failure)]
    if failed:
        raise SystemExit(f"{backend}: {failed[0].error}\n{failed[0].trace}")
    return seconds, [found[index] for index in range(len(seeds))]


@click.command()
@click.option("--runs", default=24, show_default=True, help="Runs a round.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--workers", default=2, show_default=True)
def main(runs: int, rounds: int, workers: int) -> None:
    """Measure both on this machine."""
    import ray

    seeds = list(range(runs))
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)  # as joblib, which keeps its workers
    table = Table(title=f"{runs} runs by {workers} workers", title_justify="left")
    for column in ("round", "joblib (s)", "Ray (s)", "Ray's speed / joblib's"):
        table.add_column(column, justify="right")
    timed("joblib", seeds[:workers], workers)
    timed("ray", seeds[:workers], workers)
    ratios = []
    for number in range(rounds):
        (joblib_s, by_joblib), (ray_s, by_ray) = timed("joblib", seeds, workers), timed("ray", seeds, workers)
        assert repr(by_joblib) == repr(by_ray), "the results differ"  # noqa: S101
        ratios.append(joblib_s / ray_s)
        table.add_row(str(number + 1), f"{joblib_s:.2f}", f"{ray_s:.2f}", f"{ratios[-1]:.2f}")
    console = Console()
    console.print(table)
    console.print(f"median ratio {np.median(ratios):.2f}; the results are the same, bit for bit")


if __name__ == "__main__":
    main()
