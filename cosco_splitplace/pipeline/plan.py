"""The data movement of one task as a plan: broadcast, forward, concat. It is built and checked before anything runs.

A layer split sends the input to the first fragment, forwards each output to the next host and returns the last one's;
a semantic split broadcasts the input to every branch and returns all outputs to the broker, which concatenates them.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Set, Tuple

from ..errors import InvariantError
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
    by_id = {one.fragment_id: one for one in fragments}
    inputs = [step for step in plan.steps if step.target is not None]
    feeds = {step.target: step.source for step in inputs}
    if len(inputs) != len(by_id) or feeds.keys() != by_id.keys():
        raise _broken(plan, "every fragment needs one input")
    if {step.source for step in plan.steps} - {None} != by_id.keys():
        raise _broken(plan, "an output goes nowhere")
    if tuple(step.source for step in plan.steps if step.target is None) != plan.concat:
        raise _broken(plan, "concatenated is not what is returned")
    for step in plan.steps:
        if step.target is not None and not _same(step.megabytes, by_id[step.target].input_mb):
            raise _broken(plan, _mismatch(step, step.target, "takes in", by_id[step.target].input_mb))
        if step.source is not None and not _same(step.megabytes, by_id[step.source].output_mb):
            raise _broken(plan, _mismatch(step, step.source, "puts out", by_id[step.source].output_mb))
    fed: Set[int] = set()  # by the broker, directly or through others
    for fragment_id in by_id:
        path: List[int] = []
        current: Optional[int] = fragment_id
        while current is not None and current not in fed:
            if current in path:
                raise _broken(plan, f"fragment {current} waits for itself")
            path.append(current)
            current = feeds[current]
        fed.update(path)


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-9 * max(1.0, a)


def _mismatch(step: Step, fragment_id: int, verb: str, megabytes: float) -> str:
    return f"fragment {fragment_id} {verb} {megabytes:g} MB, but {step.megabytes:g} MB are moved"


def _broken(plan: Plan, message: str) -> InvariantError:
    return InvariantError(f"task {plan.task_id}: {message}")
