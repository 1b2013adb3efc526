"""The precedence chain: a fragment is offered only when its predecessor has finished."""
from __future__ import annotations

from typing import List, Tuple

import pytest

from cosco_splitplace.config import FragmentSettings
from cosco_splitplace.contract.made_parts import made_application, made_task
from cosco_splitplace.fragments.tracking import WorkflowTracker
from cosco_splitplace.fragments.workflow import make_fragments
from cosco_splitplace.pipeline.plan import make_plan
from cosco_splitplace.records import DELIVERED, FINISHED, LOST, MIGRATED, Fragment, FragmentEvent


def enter(
    tracker: WorkflowTracker, task_id: int, split: str, first_id: int, now_s: float = 0.0
) -> Tuple[Fragment, ...]:
    task = made_task(task_id)
    fragments = make_fragments(task, made_application().split(split), FragmentSettings(), first_id)
    tracker.add(task, fragments, make_plan(fragments), now_s)
    return fragments


def queued(tracker: WorkflowTracker) -> List[int]:
    return [one.fragment_id for one in tracker.queue]


def test_a_chain_is_offered_one_by_one() -> None:
    tracker = WorkflowTracker()
    first, second, third = enter(tracker, 0, "layer", 0, now_s=300.0)
    assert queued(tracker) == [0]
    tracker.mark_placed([first])
    assert (queued(tracker), list(tracker.placed)) == ([], [0])
    assert tracker.take_in([FragmentEvent(FINISHED, 0, 450.0)]) == []
    assert (queued(tracker), list(tracker.placed)) == ([1], [])
    assert tracker.ready_s == {0: 300.0, 1: 450.0}
    tracker.mark_placed([second])
    tracker.take_in([FragmentEvent(FINISHED, 1, 800.0)])
    tracker.mark_placed([third])
    assert tracker.take_in([FragmentEvent(MIGRATED, 2, 850.0), FragmentEvent(FINISHED, 2, 900.0)]) == []
    complete = tracker.take_in([FragmentEvent(DELIVERED, 2, 910.0)])
    assert [one.task.task_id for one in complete] == [0]
    assert not tracker.workflows and not tracker.queue and not tracker.placed


def test_branches_are_offered_at_once_and_all_must_be_delivered() -> None:
    tracker = WorkflowTracker()
    fragments = enter(tracker, 0, "semantic", 0)
    assert queued(tracker) == [0, 1]
    tracker.mark_placed(fragments)
    assert tracker.take_in([FragmentEvent(FINISHED, 1, 10.0), FragmentEvent(DELIVERED, 1, 11.0)]) == []
    complete = tracker.take_in([FragmentEvent(FINISHED, 0, 12.0), FragmentEvent(DELIVERED, 0, 13.0)])
    assert [one.task.task_id for one in complete] == [0]


def test_the_queue_keeps_the_order_of_readiness_over_tasks() -> None:
    tracker = WorkflowTracker()
    chain = enter(tracker, 0, "layer", 0)
    tracker.mark_placed(chain[:1])
    enter(tracker, 1, "semantic", 3)
    tracker.take_in([FragmentEvent(FINISHED, 0, 10.0)])
    assert queued(tracker) == [3, 4, 1]
    tracker.mark_placed([tracker.queue[0]])
    assert queued(tracker) == [4, 1]
    assert tracker.plan_of(4).task_id == 1


def test_what_was_not_placed_cannot_finish() -> None:
    tracker = WorkflowTracker()
    enter(tracker, 0, "layer", 0)
    with pytest.raises(KeyError):
        tracker.take_in([FragmentEvent(FINISHED, 0, 10.0)])


def test_a_lost_fragment_waits_again_before_the_others() -> None:
    tracker = WorkflowTracker()
    first, _, _ = enter(tracker, 0, "layer", 0, now_s=300.0)
    tracker.mark_placed([first])
    enter(tracker, 1, "layer", 3, now_s=600.0)
    assert tracker.take_in([FragmentEvent(LOST, 0, 700.0)]) == []
    assert (queued(tracker), list(tracker.placed)) == ([0, 3], [])
    assert tracker.ready_s[0] == 300.0  # what it has waited counts
