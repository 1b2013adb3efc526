"""What became of a task: whole intervals, the critical path, and where the time went, by hand."""
from __future__ import annotations

from typing import Any, Dict, Tuple

import pytest

from cosco_splitplace.config import FragmentSettings
from cosco_splitplace.contract.made_parts import made_application, made_task, made_times
from cosco_splitplace.fragments.tracking import Workflow, WorkflowTracker
from cosco_splitplace.fragments.workflow import make_fragments
from cosco_splitplace.pipeline.plan import make_plan
from cosco_splitplace.records import FragmentTimes, RunResult, TaskOutcome
from cosco_splitplace.rewards.outcome import critical_path, task_outcome, whole_intervals


@pytest.mark.parametrize(
    ("seconds", "intervals"),
    [(0.0, 1), (0.1, 1), (299.9, 1), (300.0, 1), (300.1, 2), (600.0, 2), (600.0001, 3), (3000.0, 10)],
)
def test_whole_intervals(seconds: float, intervals: int) -> None:
    assert whole_intervals(seconds, 300.0) == intervals


def test_rounding_at_a_boundary_does_not_count_as_late() -> None:
    assert whole_intervals(0.1 + 0.2, 0.1) == 3  # 0.30000000000000004
    assert whole_intervals(600.0000001, 300.0) == 2


def workflow(split: str, **task: Any) -> Workflow:
    made = made_task(3, **task)
    fragments = make_fragments(made, made_application().split(split), FragmentSettings(), first_id=0)
    tracker = WorkflowTracker()
    tracker.add(made, fragments, make_plan(fragments), 0.0)
    return tracker.workflows[3]


def chain(deadline: int = 4) -> Tuple[TaskOutcome, Dict[int, FragmentTimes]]:
    """Arrives at 600 s (interval 2); ready 600, 700, 900; delivered at 1500 + 40 s."""
    times = {
        0: made_times(0, 620.0, 630.0, 700.0, host=4),
        1: made_times(1, 720.0, 760.0, 900.0, host=4, migration_s=50.0, migrations=1),
        2: made_times(2, 950.0, 1000.0, 1500.0, host=1, delivered_s=1540.0),
    }
    made = workflow("layer", arrival_interval=2, deadline_intervals=deadline)
    return task_outcome(made, times, 0.75, left_interval=5, interval_s=300.0), times


def test_a_chain() -> None:
    found, _ = chain()
    assert found.response_s == 940.0
    assert found.response_intervals == 4
    assert found.wait_s == 20 + 20 + 50
    assert found.transfer_s == 10 + 40 + 50 + 40
    assert found.migration_s == 50
    assert found.compute_s == 70 + 140 + 500 - 50
    assert found.wait_s + found.transfer_s + found.compute_s + found.migration_s == pytest.approx(found.response_s)
    assert (found.migrations, found.hosts, found.left_interval, found.split) == (1, (4, 4, 1), 5, "layer")


@pytest.mark.parametrize(("deadline", "violated", "reward"), [(3, True, 0.375), (4, False, 0.875), (5, False, 0.875)])
def test_violated_only_if_the_response_is_longer_than_the_deadline(
    deadline: int, violated: bool, reward: float
) -> None:
    found, _ = chain(deadline)
    assert (found.violated, found.reward) == (violated, pytest.approx(reward))


@pytest.mark.parametrize(("late", "delivered"), [(0, (245.0, 195.0)), (1, (225.0, 295.0))])
def test_of_branches_the_last_delivered_one_counts_whenever_it_finished(
    late: int, delivered: Tuple[float, float]
) -> None:
    times = {
        0: made_times(0, 70.0, 100.0, 215.0, delivered_s=delivered[0], migrations=2),
        1: made_times(1, 0.0, 10.0, 175.0, delivered_s=delivered[1]),  # finishes first in both cases
    }
    made = workflow("semantic")
    assert [one.index for one in critical_path(list(made.fragments.values()), times)] == [late]
    found = task_outcome(made, times, 0.5, left_interval=0, interval_s=300.0)
    expected = (70.0, 60.0, 115.0) if late == 0 else (0.0, 130.0, 165.0)
    assert (found.wait_s, found.transfer_s, found.compute_s) == pytest.approx(expected)
    assert found.response_s == delivered[late] == pytest.approx(sum(expected))
    assert found.migrations == 2  # of all branches


def test_the_parts_of_every_real_task_add_up(short_run: RunResult) -> None:
    assert {one.split for one in short_run.outcomes} == {"layer", "semantic"}
    for one in short_run.outcomes:
        parts = one.wait_s + one.transfer_s + one.compute_s + one.migration_s
        assert parts == pytest.approx(one.response_s, rel=1e-9)
        assert min(one.wait_s, one.transfer_s, one.compute_s, one.migration_s) >= 0
        assert one.left_interval == one.task.arrival_interval + one.response_intervals - 1
        assert one.violated == (one.response_intervals > one.task.deadline_intervals)
        assert len(one.hosts) == (4 if one.split == "layer" else 5)
