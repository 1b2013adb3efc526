"""Gillis' Q-learning by hand, and what it learns in a small world."""
from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from cosco_splitplace.cluster import load_cluster
from cosco_splitplace.config import Settings
from cosco_splitplace.contract.made_parts import made_application, made_outcome, made_task
from cosco_splitplace.deciders import DeciderSetup
from cosco_splitplace.deciders.gillis import GillisDecider
from cosco_splitplace.records import Task, TaskOutcome

CLUSTER = load_cluster(Settings().cluster)
SMALL = {"state_file": "untrained", "deadline_edges": (4.0, 8.0), "batch_edges": (30_000.0,)}


def decider(seed: int = 0, **gillis: Any) -> GillisDecider:
    settings = Settings().replace(gillis={**SMALL, **gillis})
    applications = {"A": made_application("A"), "B": made_application("B")}
    return GillisDecider(DeciderSetup(settings, applications, CLUSTER, np.random.default_rng(seed)))


def task(deadline: int = 5, batch: int = 20_000, application: str = "A", number: int = 0) -> Task:
    return made_task(number, application=application, deadline_intervals=deadline, batch_images=batch)


def left(split: str, reward: float, **changes: Any) -> TaskOutcome:
    return made_outcome(task(**changes), split, reward=reward)


def test_an_edge_belongs_to_the_class_that_it_begins() -> None:
    table = decider().table
    contexts = [table.context(task(deadline)) for deadline in (2, 3, 4, 7, 8, 99)]
    assert [one[1] for one in contexts] == [0, 0, 1, 1, 2, 2]
    assert [table.context(task(batch=batch))[2] for batch in (29_999, 30_000)] == [0, 1]
    assert [table.context(task(application=name))[0] for name in "AB"] == [0, 1]


def test_a_value_is_first_a_mean_and_then_follows() -> None:
    made = decider(step_size=0.4)
    for reward, expected in ((0.6, 0.6), (0.8, 0.7), (0.2, 0.7 - 0.4 * 0.5)):  # steps 1, 1/2, 0.4 rather than 1/3
        made.learn([left("layer", reward)], 0)
        assert made.table.values[0, 1, 0, 0] == pytest.approx(expected)
    assert made.table.counts.sum() == made.table.counts[0, 1, 0, 0] == 3
    assert (np.delete(made.table.values.ravel(), made.table.counts.argmax()) == 1.0).all()


def test_the_placer_gets_the_mean_reward_and_other_splits_teach_nothing() -> None:
    made = decider()
    assert made.learn([left("semantic", 0.4), left("compressed", 0.8)], 0) == pytest.approx(0.6)
    assert made.table.counts.sum() == 1
    assert np.isnan(made.learn([], 1))


def test_the_better_action_is_taken_and_an_untried_one_before_it() -> None:
    made = decider()
    made.table.epsilon = 0.0
    made.learn([left("layer", 0.9)], 0)
    assert made.decide([task()], 1)[0].split == "compressed"  # still at the best reward that there is
    made.learn([left("compressed", 0.7)], 1)
    assert made.decide([task()], 2)[0].split == "layer"
    assert "layer 0.900, compressed 0.700" in made.decide([task()], 2)[0].reason
    made.learn([left("layer", 0.2, deadline=2), left("compressed", 0.7, deadline=2)], 2)
    assert [one.split for one in made.decide([task(), task(2)], 3)] == ["layer", "compressed"]


def test_exploration_decays_to_its_floor() -> None:
    made = decider(exploration_decay=0.5, exploration_floor=0.2)
    seen = []
    for number in range(4):
        seen.append(made.state()["epsilon"])
        made.learn([], number)
    assert seen == [1.0, 0.5, 0.25, 0.2]


def test_at_epsilon_1_both_actions_are_as_frequent() -> None:
    counts = Counter(one.split for one in decider().decide([task(number=number) for number in range(2000)], 0))
    assert set(counts) == {"layer", "compressed"}
    assert counts["layer"] / 2000 == pytest.approx(0.5, abs=0.04)


def test_it_learns_which_deadlines_a_layer_split_keeps() -> None:
    """Layer splits take 6 intervals at accuracy 0.9, compressed ones 3 at 0.8; large batches take twice as long."""
    made, draw = decider(seed=1), np.random.default_rng(2)
    for number in range(400):
        tasks = [task(int(draw.integers(3, 12)), int(draw.integers(16_000, 64_000)), "AB"[i % 2], i) for i in range(6)]
        outcomes = []
        for one, decision in zip(tasks, made.decide(tasks, number)):
            layer = decision.split == "layer"
            response = (6 if layer else 3) * (2 if one.batch_images >= 30_000 else 1)
            reward = (float(response <= one.deadline_intervals) + (0.9 if layer else 0.8)) / 2
            outcomes.append(made_outcome(one, decision.split, reward=reward))
        made.learn(outcomes, number)
    made.table.epsilon = 0.0
    asked = [task(9, 20_000), task(3, 20_000), task(9, 60_000)]
    assert [one.split for one in made.decide(asked, 400)] == ["layer", "compressed", "compressed"]
