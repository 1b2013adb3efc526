"""What workers of a Ray cluster are given to do in tests; they import it by name."""
from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Dict, Tuple

from cosco_splitplace.config import Settings
from cosco_splitplace.simulation import simulate


def metrics_of(seed: int) -> Dict[str, float]:
    """A small run's metrics; wall-clock ones are left out, and seed 13 fails."""
    if seed == 13:
        raise ValueError("thirteen")
    settings = Settings().replace(
        run={"decider": "random", "placer": "random", "intervals": 4, "seed": seed}, cluster={"hosts": 8},
        arrivals={"rate": 2.0}, churn={"stay_intervals": 5.0},
    )
    return {name: value for name, value in simulate(settings).metrics.items() if name != "scheduling_s"}


def die_before(marks: Tuple[Path, int]) -> int:
    """Kill the worker until it was called so many times; how often it was called."""
    folder, calls = marks
    (folder / f"call-{time.time_ns()}-{os.getpid()}").touch()
    if len(list(folder.iterdir())) < calls:
        os._exit(9)
    return len(list(folder.iterdir()))


def where(seconds: float) -> str:
    """The address of the node that does it."""
    import ray

    time.sleep(seconds)
    return str(ray.util.get_node_ip_address())


def marked(given: Tuple[Path, float]) -> str:
    """The same, with a file of that name while it works."""
    import ray

    folder, seconds = given
    (folder / f"{ray.util.get_node_ip_address()}-{os.getpid()}-{time.time_ns()}").touch()
    return where(seconds)
