"""Makes the golden runs again: ``python tests/golden/make.py``.

Do so only when results are meant to change (engine, workload, shipped profiles or trace), look at the difference in
``git diff tests/golden``, and say in the commit message why they changed.
"""
from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Dict, List

from cosco_splitplace.config import Settings
from cosco_splitplace.records import RunResult
from cosco_splitplace.simulation import simulate

FOLDER = Path(__file__).resolve().parent
SPLITS = ("layer", "semantic")
COLUMNS = ("wait_s", "transfer_s", "compute_s", "migration_s", "response_s", "response_intervals", "accuracy", "reward")


def golden_run(split: str) -> RunResult:
    """Ten hosts, eight intervals, seed 3, enough tasks for some to wait."""
    return simulate(
        Settings().replace(
            run={"decider": split, "placer": "least-loaded", "intervals": 8, "seed": 3, "drain_intervals": 0},
            cluster={"hosts": 10},
            arrivals={"rate": 4.0, "batch_max": 24_000},
        )
    )


def task_rows(result: RunResult) -> List[Dict[str, object]]:
    """One row a task that left: where its time went, and its hosts."""
    return [
        {
            "task": one.task.task_id, "application": one.task.application, "images": one.task.batch_images,
            "deadline": one.task.deadline_intervals, "hosts": ";".join(map(str, one.hosts)),
            **{name: getattr(one, name) for name in COLUMNS},
        }
        for one in result.outcomes
    ]  # fmt: skip


def interval_rows(result: RunResult) -> List[Dict[str, object]]:
    """One row an interval: tasks, fragments, energy, work and bytes."""
    return [
        {
            "interval": number, "arrived": one.arrived, "left": one.left, "placed": one.placed_fragments,
            "waiting": one.waiting_fragments, "energy_wh": one.energy_wh, "objective": one.objective,
            "work_mi": float(result.hosts.work_mi[number].sum()),
            "received_mb": float(result.hosts.received_mb[number].sum()),
            "broker_received_mb": float(result.hosts.broker_received_mb[number]),
        }
        for number, one in enumerate(result.intervals)
    ]  # fmt: skip


def main() -> int:
    """Write all golden files."""
    for split in SPLITS:
        result = golden_run(split)
        for name, rows in (("tasks", task_rows(result)), ("intervals", interval_rows(result))):
            with (FOLDER / f"{split}-{name}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
