"""The details of one task, fragment or host: what it is, and its whole history."""

from __future__ import annotations

import math
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from ..evaluation.rows import FAILED_STATE, FINISHED_STATE
from ..records import LOST
from .cluster import active_in, loads, move_row
from .series import first_placed_interval
from .tables import FRAGMENTS, TASKS, TEXTS, RunTables

WAITING, RUNNING, DONE, LATE, FAILED = "waiting", "running", "done", "late", "failed"
TASK_STATES = (WAITING, RUNNING, DONE, LATE, FAILED)
MOST_ROWS = 500
SORTS = ("task_id", "response_intervals", "reward", "batch_images", "deadline_intervals", "migrations")


def task_list(
    run: RunTables, state: str = "", application: str = "", split: str = "", sort: str = "task_id",
    descending: bool = False, offset: int = 0, limit: int = 100, search: Optional[int] = None,
) -> Dict[str, Any]:  # fmt: skip
    """The tasks that fit, `limit` of them from `offset` on, and how many there are.

    Parameters
    ----------
    state : one of TASK_STATES; late ones may have left or not.
    application, split : exact names.
    sort : one of SORTS.
    search : the id of one task.
    """
    tasks = run.tasks
    keep = np.ones(len(tasks["task_id"]), dtype=bool)
    if state:
        keep &= _states(run)[state]
    for name, wanted in (("application", application), ("split", split)):
        if wanted:
            keep &= tasks[name] == wanted
    if search is not None:
        keep &= tasks["task_id"] == search
    found = np.flatnonzero(keep)
    key = tasks[sort][found]
    found = found[np.argsort(np.where(np.isnan(key), np.inf, -key if descending else key), kind="stable")]
    return {"total": len(found), "tasks": [task_row(run, one) for one in found[offset : offset + limit].tolist()]}


def _states(run: RunTables) -> Dict[str, Any]:
    tasks = run.tasks
    left = tasks["state"] == FINISHED_STATE
    placed, failed = np.isfinite(first_placed_interval(run)), tasks["state"] == FAILED_STATE
    overdue = tasks["arrival_interval"] + tasks["deadline_intervals"] <= run.n_intervals - 1
    return {
        WAITING: ~left & ~placed & ~failed,
        RUNNING: ~left & placed & ~failed,
        DONE: left,
        LATE: np.where(left, tasks["violated"] == 1, overdue),
        FAILED: failed,
    }


def task_row(run: RunTables, task: int) -> Dict[str, Any]:
    """All columns of a task."""
    return {name: _plain(name, run.tasks[name][task]) for name in TASKS}


def task_detail(run: RunTables, task: int) -> Dict[str, Any]:
    """A task, its fragments with their moves, and the instants of arrival and deadline."""
    row = task_row(run, task)
    arrival_s = row["arrival_interval"] * run.interval_s
    return {
        **row,
        "arrival_s": arrival_s,
        "deadline_s": arrival_s + row["deadline_intervals"] * run.interval_s,
        "interval_s": run.interval_s,
        "now_s": run.n_intervals * run.interval_s,
        "fragments": [fragment_detail(run, int(one)) for one in run.fragments_of(task)],
    }


def fragment_detail(run: RunTables, fragment: int) -> Dict[str, Any]:
    """A fragment, its moves, and its history in words, in order of time."""
    row = {name: _plain(name, run.fragments[name][fragment]) for name in FRAGMENTS}
    moves = [move_row(run, one) for one in np.flatnonzero(run.moves["fragment_id"] == fragment).tolist()]
    return {**row, "moves": moves, "history": _history(run, row, moves)}


def _history(run: RunTables, row: Dict[str, Any], moves: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    task = task_row(run, row["task_id"])
    migrations = [one for one in moves if one["kind"] != LOST]
    first_host = migrations[0]["source"] if migrations else row["host"]
    steps: List[Dict[str, Any]] = []

    def step(time_s: Optional[float], what: str, detail: str = "") -> None:
        if time_s is not None and math.isfinite(time_s):
            steps.append({"time_s": time_s, "what": what, "detail": detail})

    step(
        task["arrival_interval"] * run.interval_s, "arrived",
        f"task {task['task_id']}: {task['batch_images']:,} images of {task['application']}, "
        f"deadline {task['deadline_intervals']} intervals",
    )  # fmt: skip
    step(task["arrival_interval"] * run.interval_s, f"decided: {task['split']}", task["reason"])
    before = row["depends_on"]
    step(row["ready_s"], "ready", f"fragment {', '.join(map(str, before))} has finished" if before else "")
    step(row["placed_s"], f"placed on host {first_host}", f"{row['ram_mb']:,.0f} MB of memory")
    step(
        row["started_s"], "started",
        f"its input of {row['input_mb']:,.1f} MB had arrived"
        + (" without crossing a link" if row["input_link_mb"] == 0 else ""),
    )  # fmt: skip
    for one in moves:
        if one["kind"] == LOST:
            step(one["ended_s"], "lost" if one["source"] < 0 else f"lost on host {one['source']}", one["reason"])
        else:
            step(one["ordered_s"], f"migration to host {one['target']} began", f"from host {one['source']}")
            step(one["ended_s"], f"migrated to host {one['target']}", "")
    step(row["finished_s"], "finished", f"{row['work_mi']:,.0f} MI of work")
    if row["is_last"]:
        step(row["delivered_s"], "result delivered", f"{row['output_mb']:,.1f} MB to the broker")
    return sorted(steps, key=lambda one: float(one["time_s"]))


def host_detail(run: RunTables, host: int, interval: int) -> Dict[str, Any]:
    """A host: what it is, what it did in every interval, and the fragments that it held in `interval`."""
    start_s = interval * run.interval_s
    here = active_in(run, start_s, start_s + run.interval_s)
    ever = np.flatnonzero(run.fragments["host"] == host)
    return {
        "host": host,
        "type": run.host_types[host],
        "is": {name: values[host] for name, values in run.cluster.items()},
        "loads": loads(run, host),
        "fragments": [fragment_detail(run, one) for one in here[run.fragments["host"][here] == host][:50].tolist()],
        "fragments_ever": len(ever),
        "energy_wh": float(np.nansum(run.hosts["energy_wh"][: interval + 1, host])),
    }


def _plain(name: str, value: Any) -> Any:
    """A cell as JSON shows it: whole numbers whole, lists as lists, None where there is no value."""
    if name in ("depends_on", "hosts"):
        return [int(one) for one in str(value).split(";") if one]
    if name in TEXTS:
        return str(value)
    if not math.isfinite(value):
        return None
    if name in ("violated", "is_last"):
        return bool(value)
    return int(value) if float(value).is_integer() and not name.endswith(("_s", "_mb", "_mi")) else float(value)
