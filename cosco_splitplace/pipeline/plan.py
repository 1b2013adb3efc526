"""The data movement of one task as a plan: broadcast, forward, concat. It is built and checked before anything runs.

A layer split sends the input to the first fragment, forwards each output to the next host and returns the last one's;
a semantic split broadcasts the input to every branch and returns all outputs to the broker, which concatenates them.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional, Sequence, Tuple

from ..errors import InvariantError, require
from ..records import Fragment


@dataclass(frozen=True)
class Step:
    """Move `megabytes` from fragment `source` to fragment `target`; None stands for the broker."""

    source: Optional[int]
    target: Optional[int]
    megabytes: float


@dataclass(frozen=True)
class Plan:
    """All data movements of a task; the broker concatenates what is returned, in the order of ``concat``."""

    task_id: int
    steps: Tuple[Step, ...]
    concat: Tuple[int, ...]

    def input_of(self, fragment_id: int) -> Step:
        """The step that brings a fragment its input."""
        return next(step for step in self.steps if step.target == fragment_id)

    def total_mb(self) -> float:
        """All bytes that the plan moves, in MB."""
        return sum(step.megabytes for step in self.steps)


def make_plan(fragments: Sequence[Fragment]) -> Plan:
    """The checked plan of one task's fragments."""
    broadcast = [Step(None, one.fragment_id, one.input_mb) for one in fragments if not one.depends_on]
    forward = [Step(one.depends_on[0], one.fragment_id, one.input_mb) for one in fragments if one.depends_on]
    gather = [Step(one.fragment_id, None, one.output_mb) for one in fragments if one.is_last]
    plan = Plan(
        task_id=fragments[0].task_id,
        steps=tuple(broadcast + forward + gather),
        concat=tuple(one.fragment_id for one in fragments if one.is_last),
    )
    check_plan(plan, fragments)
    return plan


def check_plan(plan: Plan, fragments: Sequence[Fragment]) -> None:
    """Refuse a plan in which data is lost, made or moved in a circle.

    Raises
    ------
    InvariantError
        A fragment has not exactly one input; an output goes nowhere or its size changes on the way; the broker
        concatenates something else than what is returned; a fragment would wait for itself.
    """
    by_id: Dict[int, Fragment] = {one.fragment_id: one for one in fragments}
    targets = [step.target for step in plan.steps if step.target is not None]
    sources = [step.source for step in plan.steps if step.source is not None]
    require(sorted(targets) == sorted(by_id), f"task {plan.task_id}: every fragment needs one input", InvariantError)
    require(set(sources) == set(by_id), f"task {plan.task_id}: an output goes nowhere", InvariantError)
    returned = tuple(step.source for step in plan.steps if step.target is None)
    require(returned == plan.concat, f"task {plan.task_id}: concatenated is not what is returned", InvariantError)
    for step in plan.steps:
        if step.target is not None:
            require(
                abs(step.megabytes - by_id[step.target].input_mb) <= 1e-9 * max(1.0, step.megabytes),
                f"task {plan.task_id}: fragment {step.target} takes in {by_id[step.target].input_mb:g} MB, "
                f"but {step.megabytes:g} MB are moved",
                InvariantError,
            )
        if step.source is not None:
            require(
                abs(step.megabytes - by_id[step.source].output_mb) <= 1e-9 * max(1.0, step.megabytes),
                f"task {plan.task_id}: fragment {step.source} puts out {by_id[step.source].output_mb:g} MB, "
                f"but {step.megabytes:g} MB are moved",
                InvariantError,
            )
    feeds = {step.target: step.source for step in plan.steps if step.target is not None}
    for fragment_id in by_id:
        seen = set()
        current: Optional[int] = fragment_id
        while current is not None:
            require(current not in seen, f"task {plan.task_id}: fragment {current} waits for itself", InvariantError)
            seen.add(current)
            current = feeds[current]
