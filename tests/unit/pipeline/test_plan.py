"""Broadcast, forward and concat as a plan, and every way in which a plan can be broken."""
from __future__ import annotations

from dataclasses import replace
from typing import Callable, Tuple

import pytest

from cosco_splitplace.config import FragmentSettings
from cosco_splitplace.contract.made_parts import made_application, made_task
from cosco_splitplace.errors import InvariantError
from cosco_splitplace.fragments.workflow import make_fragments
from cosco_splitplace.pipeline.plan import Plan, Step, check_plan, make_plan
from cosco_splitplace.records import Fragment

Change = Callable[[Plan], Plan]


def fragments(split: str) -> Tuple[Fragment, ...]:
    return make_fragments(made_task(5), made_application().split(split), FragmentSettings(), first_id=10)


def test_a_layer_split_is_sent_forwarded_and_returned() -> None:
    plan = make_plan(fragments("layer"))
    assert plan.steps == (Step(None, 10, 10.0), Step(10, 11, 20.0), Step(11, 12, 4.0), Step(12, None, 1.0))
    assert (plan.task_id, plan.concat, plan.total_mb()) == (5, (12,), 35.0)
    assert plan.input_of(11) == Step(10, 11, 20.0)
    assert plan.input_of(10) == Step(None, 10, 10.0)


def test_a_semantic_split_is_broadcast_and_concatenated() -> None:
    plan = make_plan(fragments("semantic"))
    assert plan.steps == (Step(None, 10, 10.0), Step(None, 11, 10.0), Step(10, None, 0.5), Step(11, None, 0.5))
    assert plan.concat == (10, 11)


def steps(*changed: Step) -> Change:
    return lambda plan: replace(plan, steps=changed)


IN, FORWARD, FORWARD_2, OUT = Step(None, 10, 10.0), Step(10, 11, 20.0), Step(11, 12, 4.0), Step(12, None, 1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (steps(IN, FORWARD, OUT), "every fragment needs one input"),
        (steps(IN, IN, FORWARD, FORWARD_2, OUT), "every fragment needs one input"),
        (steps(IN, FORWARD, FORWARD_2, Step(12, 99, 1.0), OUT), "every fragment needs one input"),
        (steps(IN, FORWARD, Step(10, 12, 20.0), OUT), "an output goes nowhere"),
        (steps(IN, FORWARD, FORWARD_2), "an output goes nowhere"),
        (steps(IN, FORWARD, FORWARD_2, OUT, Step(99, None, 1.0)), "an output goes nowhere"),
        (steps(IN, FORWARD, FORWARD_2, OUT, OUT), "concatenated is not what is returned"),
        (lambda plan: replace(plan, concat=(11,)), "concatenated is not what is returned"),
        (lambda plan: replace(plan, concat=()), "concatenated is not what is returned"),
        (steps(IN, Step(10, 11, 19.0), FORWARD_2, OUT), "fragment 11 takes in 20 MB, but 19 MB are moved"),
        (steps(Step(None, 10, 3.0), FORWARD, FORWARD_2, OUT), "fragment 10 takes in 10 MB, but 3 MB are moved"),
        (steps(IN, FORWARD, FORWARD_2, Step(12, None, 2.0)), "fragment 12 puts out 1 MB, but 2 MB are moved"),
        (steps(IN, FORWARD, Step(11, 12, 4.0), Step(12, None, 1.0), Step(None, 13, 1.0)), "needs one input"),
    ],
)
def test_a_broken_plan_is_refused(change: Change, message: str) -> None:
    made = fragments("layer")
    with pytest.raises(InvariantError, match=f"task 5: .*{message}"):
        check_plan(change(make_plan(made)), made)


def test_fragments_whose_sizes_do_not_fit_are_refused() -> None:
    first, second, third = fragments("layer")
    with pytest.raises(InvariantError, match="fragment 10 puts out 20 MB, but 21 MB are moved"):
        make_plan((first, replace(second, input_mb=21.0), third))


def test_branches_must_be_concatenated_in_the_order_in_which_they_are_returned() -> None:
    made = fragments("semantic")
    with pytest.raises(InvariantError, match="concatenated is not what is returned"):
        check_plan(replace(make_plan(made), concat=(11, 10)), made)


def test_a_circle_is_refused() -> None:
    ring = tuple(replace(one, input_mb=4.0, output_mb=4.0) for one in fragments("layer"))
    movements = (Step(11, 10, 4.0), Step(10, 11, 4.0), Step(None, 12, 4.0), Step(12, None, 4.0))
    with pytest.raises(InvariantError, match="task 5: fragment 10 waits for itself"):
        check_plan(Plan(5, movements, (12,)), ring)
