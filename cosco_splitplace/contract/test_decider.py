"""What every decider owes the loop: see the package for how to run it on your own."""
from __future__ import annotations

import math
from typing import List, Sequence

import numpy as np
import pytest

from cosco_splitplace.arrivals.catalogue import load_catalogue
from cosco_splitplace.cluster import load_cluster
from cosco_splitplace.config import Settings
from cosco_splitplace.contract import under_test
from cosco_splitplace.contract.made_parts import made_outcome, made_task
from cosco_splitplace.deciders import DECIDERS, Decider, DeciderSetup
from cosco_splitplace.records import Decision, Task, TaskOutcome

CLUSTER = load_cluster(Settings().cluster)
APPLICATIONS = load_catalogue()


def build(name: str, seed: int = 3) -> Decider:
    return DECIDERS.get(name)(DeciderSetup(Settings(), APPLICATIONS, CLUSTER, np.random.default_rng(seed)))


def tasks(count: int, seed: int = 0) -> List[Task]:
    draw = np.random.default_rng(seed)
    names = list(APPLICATIONS)
    return [
        made_task(number, application=names[int(draw.integers(3))], deadline_intervals=int(draw.integers(2, 26)))
        for number in range(count)
    ]


def outcomes(made: Sequence[Task], decisions: Sequence[Decision]) -> List[TaskOutcome]:
    return [
        made_outcome(task, decision.split, reward=0.1 * (task.task_id % 11), response_intervals=1 + task.task_id % 20)
        for task, decision in zip(made, decisions)
    ]


def life(decider: Decider) -> List[str]:
    """All decisions of twenty intervals."""
    splits = []
    for number in range(20):
        made = tasks(7, seed=number)
        decisions = decider.decide(made, number)
        decider.learn(outcomes(made, decisions), number)
        splits += [one.split for one in decisions]
    return splits


@pytest.mark.parametrize("name", under_test("DECIDERS", DECIDERS))
class TestDecider:
    def test_one_decision_a_task_that_the_application_knows(self, name: str) -> None:
        made = tasks(50)
        decisions = build(name).decide(made, 0)
        assert len(decisions) == 50
        for task, decision in zip(made, decisions):
            assert APPLICATIONS[task.application].split(decision.split).name == decision.split
            assert decision.reason

    def test_no_task_no_decision(self, name: str) -> None:
        assert list(build(name).decide([], 0)) == []

    def test_the_reward_is_a_share_or_nan(self, name: str) -> None:
        decider = build(name)
        made = tasks(30)
        assert 0 <= decider.learn(outcomes(made, decider.decide(made, 0)), 0) <= 1
        assert math.isnan(decider.learn([], 1))

    def test_its_state_is_numbers_under_the_same_names(self, name: str) -> None:
        decider = build(name)
        before = dict(decider.state())
        life(decider)
        after = decider.state()
        assert list(before) == list(after)
        assert all(isinstance(one, float) and math.isfinite(one) for one in after.values())

    def test_the_same_generator_gives_the_same_decisions(self, name: str) -> None:
        assert life(build(name)) == life(build(name))

    def test_it_draws_from_its_own_generator_only(self, name: str) -> None:
        np.random.seed(1)  # noqa: NPY002
        before = np.random.get_state()[1].copy()  # type: ignore[index,union-attr]  # noqa: NPY002
        life(build(name))
        assert np.array_equal(before, np.random.get_state()[1])  # type: ignore[index]  # noqa: NPY002

    def test_two_of_a_kind_share_nothing(self, name: str) -> None:
        first, second = build(name), build(name)
        before = dict(second.state())
        life(first)
        assert second.state() == before
