"""The cluster in one interval: what the hosts did, which fragments were on them, which waited, which moved."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np

from ..records import LOST, SPLITS, BoolArray, FloatArray, IntArray
from .tables import RunTables, host_of_each

TRANSFER, WORK, MIGRATION = "transfer", "running", "migration"
PHASES = (TRANSFER, WORK, MIGRATION)


def cluster_at(run: RunTables, interval: int) -> Dict[str, Any]:
    """What happened in `interval`, columns by name.

    ``fragments`` are those that had a host right after placement; ``phase`` is how each stood in the middle of the
    interval (an index into PHASES), ``split`` an index into SPLITS. ``moves`` are the migrations that were ordered or
    ended in it, and the losses.
    """
    start_s, end_s = interval * run.interval_s, (interval + 1) * run.interval_s
    chosen = active_in(run, start_s, end_s)
    columns = run.fragments
    middle_s = (start_s + end_s) / 2
    moved, hosts = _hosts_then(run, chosen, end_s)
    begun = columns["started_s"][chosen] <= middle_s
    phase = np.where(moved, PHASES.index(MIGRATION), np.where(begun, PHASES.index(WORK), PHASES.index(TRANSFER)))
    waiting = np.flatnonzero((columns["ready_s"] <= start_s + _TICK) & ~(columns["placed_s"] < end_s))
    return {
        "interval": interval,
        "hosts": {name: values[interval] for name, values in run.hosts.items()},
        "fragments": {
            "id": chosen,
            "task": columns["task_id"][chosen].astype(int),
            "index": columns["index"][chosen].astype(int),
            "host": hosts,
            "split": [SPLITS.index(one) if one in SPLITS else 0 for one in columns["split"][chosen]],
            "phase": phase,
            "ram_mb": columns["ram_mb"][chosen],
            "late": late_tasks(run, interval)[columns["task_id"][chosen].astype(int)],
        },
        "waiting": {"count": len(waiting), "id": waiting[:500], "task": columns["task_id"][waiting[:500]].astype(int)},
        "moves": moves_in(run, start_s, end_s),
    }


_TICK = 1e-6  # seconds: what rounding may leave


def active_in(run: RunTables, start_s: float, end_s: float) -> IntArray:
    """The fragments that had a host before `end_s` and had not finished at `start_s`, host by host."""
    columns = run.fragments
    here = (columns["placed_s"] < end_s - _TICK) & ~(columns["finished_s"] <= start_s + _TICK)
    here &= ~_left_unfinished(run, start_s)
    return np.flatnonzero(here)


def _left_unfinished(run: RunTables, now_s: float) -> BoolArray:
    """Fragments of tasks that left or were given up without them."""
    left = run.tasks["left_interval"] * run.interval_s
    found: BoolArray = left[run.fragments["task_id"].astype(int)] < now_s
    return found


def late_tasks(run: RunTables, interval: int) -> BoolArray:
    """Which tasks' deadlines had passed at the end of `interval`, (n_tasks,)."""
    late: BoolArray = (
        run.tasks["arrival_interval"] + run.tasks["deadline_intervals"] <= interval
    )
    return late


def _hosts_then(
    run: RunTables, chosen: IntArray, end_s: float
) -> Tuple[BoolArray, List[int]]:
    """Which of `chosen` were on their way to another host, and where each was at `end_s`: before its later moves."""
    hosts = dict(zip(chosen.tolist(), host_of_each(run.fragments["host"][chosen])))
    under_way = set()
    moves = run.moves
    for row in reversed(range(len(moves["kind"]))):
        fragment = int(moves["fragment_id"][row])
        if fragment not in hosts:
            continue
        if moves["ordered_s"][row] >= end_s - _TICK:
            hosts[fragment] = int(moves["source"][row])
        elif moves["ended_s"][row] > end_s - run.interval_s + _TICK and moves["kind"][row] != LOST:
            under_way.add(fragment)
    return np.array([one in under_way for one in hosts], dtype=bool), list(hosts.values())


def moves_in(run: RunTables, start_s: float, end_s: float) -> List[Dict[str, Any]]:
    """Migrations that were under way between two instants, and losses."""
    moves = run.moves
    rows = np.flatnonzero((moves["ordered_s"] < end_s - _TICK) & (moves["ended_s"] >= start_s))
    return [move_row(run, row) for row in rows.tolist()]


def move_row(run: RunTables, row: int) -> Dict[str, Any]:
    """One migration or loss."""
    moves = run.moves
    fragment = int(moves["fragment_id"][row])
    return {
        "fragment": fragment,
        "task": int(run.fragments["task_id"][fragment]),
        "kind": str(moves["kind"][row]),
        "source": int(moves["source"][row]),
        "target": int(moves["target"][row]),
        "ordered_s": float(moves["ordered_s"][row]),
        "ended_s": float(moves["ended_s"][row]),
        "reason": str(moves["reason"][row]),
    }


def loads(run: RunTables, host: int) -> Dict[str, FloatArray]:
    """What one host did in every interval, (n_intervals,) by name."""
    return {name: values[:, host] for name, values in run.hosts.items()}
