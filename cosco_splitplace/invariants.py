"""The laws that every run must keep; they are checked on every run from what was recorded, not from the engine's state.

No task, work or byte is lost or made; no layer fragment starts before its predecessor has finished and its output has
arrived; nothing runs faster than its host, its link or its memory allows.
"""
from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import Dict, Mapping

import numpy as np

from .cluster import Cluster
from .errors import InvariantError
from .records import FragmentRow, RunResult

RELATIVE = 1e-6
SMALLEST = 1e-6  # MI, MB or s: what rounding may leave
CLOCKS_S = 1.0  # by which instants that two hosts measured may be apart


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= RELATIVE * max(abs(a), abs(b)) + SMALLEST


def _broken(law: str) -> InvariantError:
    return InvariantError(f"a law of the system is broken: {law}")


def _law(holds: bool, message: str) -> None:
    if not holds:
        raise _broken(message)


def check_result(result: RunResult, cluster: Cluster, exact: bool = True, pipelined: bool = False) -> None:
    """Check all laws.

    Parameters
    ----------
    result, cluster : the run, and the hosts that it ran on.
    exact : False where amounts of work and data were measured, or are unknown: then only the laws of tasks, order and
        precedence are asked.
    pipelined : True where a fragment may work on what the one before it has made so far.

    Raises
    ------
    InvariantError
        The first law that is broken, with the task, fragment or host concerned.
    """
    check_tasks(result)
    rows = {row.fragment.fragment_id: row for row in result.fragments}
    for row in result.fragments:
        check_order(row)
        check_precedence(row, rows, pipelined)
        if exact:
            check_amounts(row)
    if exact:
        check_totals(result)
        check_capacities(result, cluster)


def check_tasks(result: RunResult) -> None:
    """Each task is decided once, is in the system or has left once, and left only with all its results delivered."""
    known = {one.task_id for one in result.tasks}
    _law(len(known) == len(result.tasks) == len(result.decisions), "a task was decided twice or not at all")
    left = Counter(one.task.task_id for one in result.outcomes)
    _law(set(left) <= known and max(left.values(), default=1) == 1, "a task left twice or never arrived")
    undelivered: Dict[int, int] = dict.fromkeys(known, 0)
    for row in result.fragments:
        done = row.times is not None and isfinite(row.times.delivered_s)
        undelivered[row.fragment.task_id] += row.fragment.is_last and not done
    for task_id, missing in undelivered.items():
        has_left = task_id in left
        if (missing == 0) != has_left:
            raise _broken(f"task {task_id} has {missing} results to come, left: {has_left}")


def check_order(row: FragmentRow) -> None:
    """One fragment's times are in order."""
    if row.times is None:
        return
    made, times = row.fragment, row.times
    steps = [row.ready_s, times.placed_s, times.started_s, times.finished_s]
    if made.is_last:
        steps.append(times.delivered_s)
    reached = [one for one in steps if isfinite(one)]
    if reached != steps[: len(reached)]:
        raise _broken(f"fragment {made.fragment_id} skipped a step: {steps}")
    if reached != sorted(reached):
        raise _broken(f"fragment {made.fragment_id} went back in time: {steps}")


def check_amounts(row: FragmentRow) -> None:
    """One fragment's work and bytes are those that it was made with, and it started with all that it waited for."""
    if row.times is None:
        return
    made, times = row.fragment, row.times
    finished = isfinite(times.finished_s)
    done, due = times.work_done_mi, made.work_mi
    if not (_same(done, due) if finished else done <= due + SMALLEST):
        raise _broken(f"fragment {made.fragment_id} did {done} of {due} MI, finished: {finished}")
    if finished and (isfinite(times.delivered_s) or not made.is_last):
        bytes_due = row.input_link_mb + times.migrations * made.ram_mb + made.output_mb * made.is_last
        if not _same(times.received_mb, bytes_due):
            raise _broken(f"fragment {made.fragment_id} moved {times.received_mb} of {bytes_due} MB")
    arrived = times.received_mb >= row.input_link_mb * (1 - RELATIVE) - SMALLEST
    if made.depends_on and isfinite(times.started_s) and not arrived:
        raise _broken(f"fragment {made.fragment_id} started before the output of {made.depends_on[0]} had arrived")


def check_precedence(row: FragmentRow, rows: Mapping[int, FragmentRow], pipelined: bool = False) -> None:
    """A fragment is placed only when its predecessors have finished; pipelined, it finishes only when they have."""
    if row.times is None:
        return
    for one in row.fragment.depends_on:
        before = rows[one].times
        if pipelined:
            if isfinite(row.times.finished_s) and not (before and before.finished_s <= row.times.finished_s + CLOCKS_S):
                raise _broken(f"fragment {row.fragment.fragment_id} finished before {one} did")
        elif before is None or not before.finished_s <= row.times.placed_s:
            raise _broken(f"fragment {row.fragment.fragment_id} was placed before {one} finished")


def check_totals(result: RunResult) -> None:
    """What the hosts worked, sent and received is what the fragments did, and what those did that were lost."""
    hosts = result.hosts
    times = [row.times for row in result.fragments if row.times is not None]
    work = sum(one.work_done_mi for one in times) + float(hosts.lost_work_mi.sum())
    moved = sum(one.received_mb for one in times) + float(hosts.lost_mb.sum())
    received = float(hosts.received_mb.sum() + hosts.broker_received_mb.sum())
    sent = float(hosts.sent_mb.sum() + hosts.broker_sent_mb.sum())
    _law(_same(float(hosts.work_mi.sum()), work), f"hosts worked {hosts.work_mi.sum()} MI, fragments {work} MI")
    _law(_same(sent, received), f"{sent} MB were sent and {received} MB received")
    _law(_same(received, moved), f"{received} MB crossed the links, fragments account for {moved} MB")


def check_capacities(result: RunResult, cluster: Cluster) -> None:
    """No host works, sends, receives or holds more than it can."""
    hosts, span = result.hosts, result.settings.run.interval_s
    within = 1 + RELATIVE
    checks = {
        "CPU": np.all(hosts.work_mi <= cluster.mips * span * within + SMALLEST),
        "uplink": np.all(hosts.sent_mb <= hosts.bandwidth_mb_s * span * within + SMALLEST),
        "downlink": np.all(hosts.received_mb <= hosts.bandwidth_mb_s * span * within + SMALLEST),
        "broker's uplink": np.all(hosts.broker_sent_mb <= cluster.broker_link_mb_s * span * within + SMALLEST),
        "broker's downlink": np.all(hosts.broker_received_mb <= cluster.broker_link_mb_s * span * within + SMALLEST),
        "RAM": np.all(
            hosts.ram_used_mb <= cluster.ram_mb * result.settings.engine.ram_overcommit * within + SMALLEST
        ),
        "utilisation": np.all((hosts.cpu_utilisation >= 0) & (hosts.cpu_utilisation <= within)),
    }
    for name, holds in checks.items():
        _law(bool(holds), f"a host's {name} was used beyond its capacity")
