"""``make bench``: how fast the engine simulates and the placers decide. Figures, not tests: machines differ.

Everything is measured in one process on one thread; ratios between rows of one run are what may be compared.
"""
from __future__ import annotations

import json
import platform
import resource
import time
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from cosco_splitplace.cluster import load_cluster
from cosco_splitplace.config import Settings
from cosco_splitplace.placement import PLACERS, WAIT, PlacementProblem, PlacerSetup
from cosco_splitplace.records import Snapshot
from cosco_splitplace.simulation import build_loop, run_loop
from cosco_splitplace.threads import limited_threads

ENGINE_CASES = ((50, 6.0, 100), (1000, 120.0, 20))
CASES: Dict[str, Sequence[Tuple[int, int]]] = {  # placer: (hosts, fragments), half of them in the queue
    "least-loaded": ((50, 30), (50, 500), (200, 120), (1000, 600), (10_000, 6_000)),
    "gobi": ((50, 30), (50, 500)),
    "daso": ((50, 30), (50, 500)),
    "daso, 200 steps": ((50, 30), (50, 500)),
    "daso-priced": ((50, 30), (50, 500)),
    "daso-set": ((50, 30), (50, 500), (200, 120), (1000, 600), (10_000, 6_000)),
}
ALL_STEPS = {"search_tolerance": 1e-12}  # no convergence before the most steps are made
REPEATS = 30
ENGINE_REPEATS = 5


def simulated(hosts: int, rate: float, intervals: int) -> Dict[str, Any]:
    """The median of whole runs (decisions, placement, engine, accuracy) by least-loaded; set-up, first compilation and
    the networks' answers to the images, which a process computes once, are excluded."""
    settings = Settings().replace(
        run={"decider": "random", "placer": "least-loaded", "intervals": intervals, "drain_intervals": 0},
        cluster={"hosts": hosts},
        arrivals={"rate": rate},
    )
    times = []
    for _ in range(ENGINE_REPEATS):
        loop = build_loop(settings)
        began = time.perf_counter()
        result = run_loop(loop)
        times.append(time.perf_counter() - began)
    seconds = float(np.median(times))
    return {
        "hosts": hosts, "rate": rate, "intervals": intervals, "seconds": seconds,
        "intervals_a_second": intervals / seconds, "tasks": len(result.tasks),
    }


def problem(settings: Settings, fragments: int, generator: np.random.Generator) -> PlacementProblem:
    """A random state with half of the fragments placed and half in the queue; memory is no limit."""
    cluster = load_cluster(settings.cluster)
    n = cluster.n_hosts
    current = np.where(np.arange(fragments) % 2 == 0, generator.integers(n, size=fragments), WAIT)
    placed = current != WAIT
    snapshot = Snapshot(
        time_s=0.0,
        cpu_utilisation=generator.random(n),
        placed_fragments=np.bincount(current[placed], minlength=n),
        ram_used_mb=np.zeros(n),
        bandwidth_mb_s=cluster.link_mb_s,
        latency_s=cluster.ping_s,
        fragment_ids=np.flatnonzero(placed),
        fragment_hosts=current[placed],
        work_left_mi=generator.uniform(1e5, 3e6, int(placed.sum())),
        movable=np.ones(int(placed.sum()), dtype=bool),
    )
    layer = generator.random(fragments) < 0.5
    return PlacementProblem(
        cluster=cluster,
        snapshot=snapshot,
        fragment_ids=np.arange(fragments),
        layer=layer,
        semantic=~layer,
        task_ids=np.arange(fragments),
        due_s=generator.uniform(300.0, 6000.0, fragments),
        steps_after=np.zeros(fragments, dtype=np.int64),
        work_after_mi=np.zeros(fragments),
        work_left_mi=generator.uniform(1e5, 3e6, fragments),
        ram_mb=np.full(fragments, 1.0),
        input_mb=generator.uniform(10, 400, fragments),
        source=np.full(fragments, n),
        current=current,
        movable=placed,
        free_ram_mb=cluster.ram_mb,
    )


def decision(name: str, hosts_there: int, fragments: int, repeats: int = REPEATS) -> Dict[str, Any]:
    """Median time of a decision, and of the learning after it."""
    placer_name, _, all_steps = name.partition(",")
    settings = Settings().replace(cluster={"hosts": hosts_there}, surrogate=ALL_STEPS if all_steps else {})
    generator = np.random.default_rng(0)
    placer = PLACERS.get(placer_name)(PlacerSetup(settings, load_cluster(settings.cluster), generator))
    times: List[Tuple[float, float]] = []
    for _ in range(repeats):
        one = problem(settings, fragments, generator)
        began = time.perf_counter()
        hosts = placer.place(one)
        placed = time.perf_counter()
        placer.learn(0.3, hosts)
        times.append((placed - began, time.perf_counter() - placed))
    place_ms, learn_ms = np.median(np.array(times), axis=0) * 1e3
    return {
        "placer": name, "hosts": hosts_there, "fragments": fragments,
        "place_ms": float(place_ms), "learn_ms": float(learn_ms),
    }


def table(title: str, rows: List[Dict[str, Any]]) -> Table:
    """Rows as a table."""
    shown = Table(title=title, title_justify="left")
    for name in rows[0]:
        shown.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        shown.add_row(*(f"{one:,.2f}" if isinstance(one, float) else str(one) for one in row.values()))
    return shown


@click.command()
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all figures to this file.")
def main(json_file: Path) -> None:
    """Measure the engine and the placers on this machine."""
    console = Console(width=110)
    with limited_threads(1):
        simulated(50, 6.0, 100)  # compiles the engine, classifies the images
        for name in CASES:
            decision(name, 50, 30, repeats=2)  # compiles the placers
        engine = [simulated(*case) for case in ENGINE_CASES]
        console.print(table("engine: whole runs with least-loaded", engine))
        placers = [decision(name, *case) for name, cases in CASES.items() for case in cases]
        console.print(table("placers: median of one decision", placers))
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"peak memory {memory_mb:,.0f} MB; {platform.processor() or platform.machine()}, one thread")
    if json_file is not None:
        json_file.write_text(json.dumps({"engine": engine, "placers": placers, "peak_memory_mb": memory_mb}, indent=1))


if __name__ == "__main__":
    main()
