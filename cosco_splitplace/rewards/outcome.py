"""What became of a task that left: response, where the time went, accuracy, reward."""
from __future__ import annotations

import math
from typing import Mapping, Sequence, Tuple

from ..fragments.tracking import Workflow
from ..records import Fragment, FragmentTimes, TaskOutcome
from .metrics import task_reward

BOUNDARY_TOLERANCE = 1e-9  # a result that arrives at a boundary belongs to the interval before it


def whole_intervals(response_s: float, interval_s: float) -> int:
    """Response in scheduling intervals, the arrival interval included: a result within the first one counts 1."""
    return max(1, math.ceil(response_s / interval_s - BOUNDARY_TOLERANCE))


def critical_path(fragments: Sequence[Fragment], times: Mapping[int, FragmentTimes]) -> Sequence[Fragment]:
    """The fragments that the response consists of: those that the last delivered result depended on, in order."""
    by_id = {one.fragment_id: one for one in fragments}
    current = max((one for one in fragments if one.is_last), key=lambda one: times[one.fragment_id].delivered_s)
    path = [current]
    while current.depends_on:
        current = max((by_id[one] for one in current.depends_on), key=lambda one: times[one.fragment_id].finished_s)
        path.append(current)
    return path[::-1]


def _where_time_went(arrival_s: float, steps: Sequence[FragmentTimes]) -> Tuple[float, float, float]:
    """Seconds until hosts were found, on the way, and at work, along a path; each second counts once.

    Where fragments work at the same time (pipelining), a second belongs to the earliest that is not through.
    """
    wait_s = transfer_s = compute_s = 0.0
    now = arrival_s
    for one in steps:
        placed, started, finished = (max(now, when) for when in (one.placed_s, one.started_s, one.finished_s))
        wait_s += placed - now
        transfer_s += started - placed
        compute_s += finished - started
        now = finished
    return wait_s, transfer_s, compute_s


def task_outcome(
    workflow: Workflow,
    times: Mapping[int, FragmentTimes],
    accuracy: float,
    left_interval: int,
    interval_s: float,
) -> TaskOutcome:
    """The outcome of a complete workflow.

    Parameters
    ----------
    workflow : whose results have all been delivered.
    times : of its fragments, by id.
    accuracy : p_i, in [0, 1].
    left_interval : the interval in which the last result arrived.
    interval_s : length of an interval.
    """
    task = workflow.task
    path = critical_path(list(workflow.fragments.values()), times)
    steps = [times[one.fragment_id] for one in path]
    arrival_s = task.arrival_interval * interval_s
    response_s = steps[-1].delivered_s - arrival_s
    response = whole_intervals(response_s, interval_s)
    migration_s = sum(one.migration_s for one in steps)
    wait_s, transfer_s, compute_s = _where_time_went(arrival_s, steps)
    return TaskOutcome(
        task=task,
        split=workflow.split,
        left_interval=left_interval,
        response_s=response_s,
        response_intervals=response,
        wait_s=wait_s,
        transfer_s=transfer_s + steps[-1].delivered_s - steps[-1].finished_s,
        compute_s=compute_s - migration_s,
        migration_s=migration_s,
        migrations=sum(times[one].migrations for one in workflow.fragments),
        hosts=tuple(times[one].host for one in workflow.fragments),
        accuracy=accuracy,
        violated=response > task.deadline_intervals,
        reward=task_reward(response, task.deadline_intervals, accuracy),
    )
