"""Everything about a run that is one number an interval: tasks, reward so far, references, energy, parts' state."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

import numpy as np

from ..evaluation.rows import FAILED_STATE
from ..records import LAYER, FloatArray
from .tables import Columns, RunTables


def run_series(run: RunTables) -> Dict[str, FloatArray]:
    """By name, (n_intervals,) each: the intervals' own columns, what `task_series` says, sums over the hosts."""
    hosts = run.hosts
    return {
        **run.intervals,
        **task_series(run),
        "cpu_utilisation": hosts["cpu_utilisation"].mean(axis=1),
        "ram_share": hosts["ram_used_mb"].sum(axis=1) / np.sum(run.cluster["ram_mb"]),
        "energy_so_far_wh": np.nancumsum(run.intervals["energy_wh"]),
        "sent_mb": hosts["sent_mb"].sum(axis=1),
    }


def task_series(run: RunTables) -> Dict[str, FloatArray]:
    """How many tasks wait, run, are done and late at the end of every interval, and what they earned so far.

    A task waits until its first fragment has a host. It is late when it left after its deadline, or is still there.
    """
    n, tasks = run.n_intervals, run.tasks
    arrived = np.cumsum(_count(tasks["arrival_interval"], n))
    left = tasks["left_interval"]
    done = np.cumsum(_count(left, n))
    placed = np.cumsum(_count(first_placed_interval(run), n))
    failed = float((tasks["state"] == FAILED_STATE).sum())
    due = tasks["arrival_interval"] + tasks["deadline_intervals"]  # the first interval in which it is late
    late = np.where(np.isfinite(left), np.where(tasks["violated"] == 1, np.minimum(due, left), np.nan), due)
    layers = tasks["split"] == LAYER
    return {
        "tasks_arrived": arrived,
        "tasks_done": done,
        "tasks_waiting": np.maximum(arrived - placed, 0.0),
        "tasks_running": np.maximum(placed - done, 0.0),
        "tasks_late": np.cumsum(_count(late, n)),
        "tasks_failed": np.where(np.arange(n) == n - 1, failed, 0.0),
        "reward_so_far": _mean_so_far(left, tasks["reward"], n),
        "violations_so_far": _mean_so_far(left, tasks["violated"], n),
        "accuracy_so_far": _mean_so_far(left, tasks["accuracy"], n),
        "response_so_far": _mean_so_far(left, tasks["response_intervals"], n),
        "layer_share_so_far": _mean_so_far(tasks["arrival_interval"], layers.astype(float), n),
    }


def reference_series(run: RunTables, references: Optional[Mapping[str, Any]]) -> Dict[str, FloatArray]:
    """The same of what always-semantic reached in this run's world, and of the most that any policy can reach.

    The bound is that of the tasks that have left by then, so that both are of the same tasks.
    """
    if references is None:
        return {}
    n, left = run.n_intervals, run.tasks["left_interval"]
    bound = np.array(references["bound_reward"], dtype=float)
    found = {}
    if len(bound) >= len(left):
        found["bound_reward_so_far"] = _mean_so_far(left, bound[: len(left)], n)
        kept = np.array(references["bound_kept"], dtype=float)
        found["bound_violations_so_far"] = 1 - _mean_so_far(left, kept[: len(left)], n)
    semantic = {name: np.array(values, dtype=float) for name, values in references["semantic"].items()}
    found["semantic_reward_so_far"] = _mean_so_far(semantic["left_interval"], semantic["reward"], n)
    found["semantic_violations_so_far"] = _mean_so_far(semantic["left_interval"], semantic["violated"], n)
    return found


def first_placed_interval(run: RunTables) -> FloatArray:
    """The interval in which a task's first fragment got a host, (n_tasks,); NaN for none."""
    owner = run.fragments["task_id"]
    placed = np.floor(run.fragments["placed_s"] / run.interval_s + 1e-6)
    first = np.full(len(run.tasks["task_id"]), np.inf)
    known = np.isfinite(placed)
    np.minimum.at(first, owner[known].astype(int), placed[known])
    return np.where(np.isfinite(first), first, np.nan)


def _count(intervals: FloatArray, n: int) -> FloatArray:
    known = intervals[np.isfinite(intervals)].astype(int)
    return np.bincount(known[(known >= 0) & (known < n)], minlength=n)[:n].astype(float)


def _mean_so_far(intervals: FloatArray, values: FloatArray, n: int) -> FloatArray:
    """The mean of `values` whose interval has come, (n,); NaN before there is any."""
    known = np.isfinite(intervals) & np.isfinite(values) & (intervals < n)
    at = intervals[known].astype(int)
    total: FloatArray = np.cumsum(np.bincount(at, weights=values[known], minlength=n)[:n])
    count = np.cumsum(np.bincount(at, minlength=n)[:n])
    mean: FloatArray = np.divide(total, count, out=np.full(n, np.nan), where=count > 0)
    return mean


def interval_columns(run: RunTables, prefix: str) -> Columns:
    """The columns of the intervals that begin with `prefix`, without it."""
    return {name[len(prefix) :]: values for name, values in run.intervals.items() if name.startswith(prefix)}
