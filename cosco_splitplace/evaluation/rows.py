"""A run's records as flat rows with the units in the columns' names: what the result folder holds."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Dict, List, Sequence, Tuple

from ..records import (
    Decision,
    Fragment,
    FragmentMove,
    FragmentRow,
    FragmentTimes,
    HostHistory,
    IntervalRecord,
    RunResult,
    Task,
    TaskOutcome,
)

Rows = List[Dict[str, Any]]
FINISHED_STATE = "finished"
UNFINISHED_STATE = "unfinished"
FAILED_STATE = "failed"  # given up; only on real hosts


def _names(record: Any, *left_out: str) -> Tuple[str, ...]:
    return tuple(one.name for one in fields(record) if one.name not in left_out)


_OUTCOME_COLUMNS = _names(TaskOutcome, "task", "split")
_ROW_COLUMNS = _names(FragmentRow, "fragment", "times")
_TIME_COLUMNS = _names(FragmentTimes, "fragment_id")
_INTERVAL_COLUMNS = _names(IntervalRecord, "decider", "placer", "scheduling_s")
_BROKER_COLUMNS = ("broker_sent_mb", "broker_received_mb")
_HOST_ARRAYS = (
    "cpu_utilisation", "work_mi", "energy_wh", "ram_used_mb", "fragments", "sent_mb", "received_mb", "bandwidth_mb_s",
    "latency_s",
)  # fmt: skip

TASK_COLUMNS: Sequence[str] = (*_names(Task), *_names(Decision), "state", *_OUTCOME_COLUMNS)
FRAGMENT_COLUMNS: Sequence[str] = (*_names(Fragment), *_ROW_COLUMNS, *_TIME_COLUMNS)
MOVE_COLUMNS: Sequence[str] = _names(FragmentMove)
HOST_COLUMNS: Sequence[str] = ("interval", "host", "type", *_HOST_ARRAYS, "ram_mb", "cost_usd")


def task_rows(result: RunResult) -> Rows:
    """One row a task in order of arrival; a task that has not left has no outcome."""
    outcomes: Dict[int, TaskOutcome] = {one.task.task_id: one for one in result.outcomes}
    failed = {one.task.task_id for one in result.failures}
    rows = []
    for task, decision in zip(result.tasks, result.decisions):
        outcome = outcomes.get(task.task_id)
        row = {
            **vars(task),
            **vars(decision),
            "state": FAILED_STATE if task.task_id in failed else UNFINISHED_STATE,
        }
        if outcome is not None:
            row["state"] = FINISHED_STATE
            row.update((name, getattr(outcome, name)) for name in _OUTCOME_COLUMNS)
        rows.append(row)
    return rows


def fragment_rows(fragments: Sequence[FragmentRow]) -> Rows:
    """One row a fragment; one that was never placed has no times."""
    rows = []
    for one in fragments:
        row = {**vars(one.fragment), **{name: getattr(one, name) for name in _ROW_COLUMNS}}
        if one.times is not None:
            row.update((name, getattr(one.times, name)) for name in _TIME_COLUMNS)
        rows.append(row)
    return rows


def move_rows(moves: Sequence[FragmentMove]) -> Rows:
    """One row a migration or loss of a fragment."""
    return [vars(one) for one in moves]


def interval_columns(intervals: Sequence[IntervalRecord]) -> Tuple[str, ...]:
    """The fixed columns, then ``decider.<key>`` and ``placer.<key>`` for every key that ever came up, sorted."""
    shown = [
        f"{kind}.{key}"
        for kind in ("decider", "placer")
        for key in sorted({key for one in intervals for key in getattr(one, kind)})
    ]
    return (*_INTERVAL_COLUMNS, *_BROKER_COLUMNS, *shown)


def interval_rows(intervals: Sequence[IntervalRecord], hosts: HostHistory) -> Rows:
    """One row an interval, without the wall-clock time, which goes to the timing files."""
    return [
        {
            **{name: getattr(one, name) for name in _INTERVAL_COLUMNS},
            **{name: getattr(hosts, name)[number] for name in _BROKER_COLUMNS},
            **{f"decider.{key}": value for key, value in one.decider.items()},
            **{f"placer.{key}": value for key, value in one.placer.items()},
        }
        for number, one in enumerate(intervals)
    ]


def host_rows(hosts: HostHistory, interval_s: float) -> Rows:
    """One row a host and interval; the cost is the host's price over the interval (equation 16)."""
    n_intervals, n_hosts = hosts.cpu_utilisation.shape
    columns = {name: getattr(hosts, name).tolist() for name in _HOST_ARRAYS}  # (n_intervals, n_hosts) each
    cost_usd = (hosts.price_usd_h * interval_s / 3600.0).tolist()
    ram_mb = hosts.ram_mb.tolist()
    return [
        {
            "interval": interval,
            "host": host,
            "type": hosts.host_types[host],
            "ram_mb": ram_mb[host],
            "cost_usd": cost_usd[host],
            **{name: values[interval][host] for name, values in columns.items()},
        }
        for interval in range(n_intervals)
        for host in range(n_hosts)
    ]
