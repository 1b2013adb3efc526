"""A COSCO checkout in use in this process, for a while; small runs inside it."""
from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, List, Tuple

from cosco_splitplace.bridge.anchor import anchor
from cosco_splitplace.bridge.shims import apply_shims
from cosco_splitplace.config import Settings
from cosco_splitplace.records import RunResult

DROP_INS = ("framework_patches", "scheduler", "workload")


@contextmanager
def entered(root: Path) -> Iterator[Path]:
    """COSCO in `root` is importable, and so are the classes below it; afterwards nothing of it is left."""
    before = Path.cwd()
    held = anchor(root)
    shims = apply_shims(root)
    os.chdir(before)
    try:
        yield Path(root)
    finally:
        shims.undo()
        held.release()
        os.chdir(before)
        for name in list(sys.modules):
            if name.startswith(tuple(f"cosco_splitplace.{one}." for one in DROP_INS)):
                del sys.modules[name]


def small(placer: str, **run: Any) -> Settings:
    """10 hosts, 12 intervals, without what comes after them."""
    chosen = {"placer": placer, "intervals": 12, "drain_intervals": 0, "seed": 7, **run}
    return Settings().replace(run=chosen, cluster={"hosts": 10}, arrivals={"rate": 1.2, "sample_images": 50})


def responses(result: RunResult) -> List[Tuple[Any, ...]]:
    """What happened to each task, exactly."""
    return [
        (one.task.task_id, one.split, one.response_s, one.wait_s, one.transfer_s, one.hosts, one.accuracy, one.reward)
        for one in result.outcomes
    ]

