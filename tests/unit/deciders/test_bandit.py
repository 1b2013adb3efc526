"""Equations 2 to 9 by hand."""
from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Type

import numpy as np
import pytest

from cosco_splitplace.cluster import load_cluster
from cosco_splitplace.config import Settings
from cosco_splitplace.contract.made_parts import made_application, made_outcome, made_task, parts_of
from cosco_splitplace.deciders import DeciderSetup
from cosco_splitplace.deciders.bandit import BanditDecider, TrainingBanditDecider
from cosco_splitplace.records import TaskOutcome

CLUSTER = load_cluster(Settings().cluster)
HIGH, LOW = 0, 1


def decider(kind: Type[BanditDecider] = BanditDecider, seed: int = 0, **bandit: Any) -> BanditDecider:
    settings = Settings().replace(bandit={"state_file": "untrained", **bandit})
    applications = {"A": made_application("A"), "B": made_application("B")}
    return kind(DeciderSetup(settings, applications, CLUSTER, np.random.default_rng(seed)))


def left(split: str, deadline: int, reward: float, response: int = 5, application: str = "A") -> TaskOutcome:
    task = made_task(0, application=application, deadline_intervals=deadline)
    return made_outcome(task, split, reward=reward, response_intervals=response)


class TestLearning:
    def test_layer_responses_are_averaged_exponentially(self) -> None:
        bandit = decider(ema_weight=0.9)
        bandit.bandit.layer_estimates.update(A=10.0, B=3.0)
        bandit.learn([left("layer", 9, 0.5, response=20), left("semantic", 9, 0.5, response=2)], 0)
        assert bandit.bandit.layer_estimates == {"A": pytest.approx(0.9 * 20 + 0.1 * 10), "B": 3.0}
        bandit.learn([left("layer", 9, 0.5, response=10), left("layer", 9, 0.5, response=15)], 1)
        assert bandit.bandit.layer_estimates["A"] == pytest.approx(0.9 * 15 + 0.1 * (0.9 * 10 + 0.1 * 19))

    def test_rewards_move_by_the_step_size_and_an_empty_cell_stays(self) -> None:
        bandit = decider(step_size=0.1)
        bandit.bandit.layer_estimates["A"] = 6.0
        bandit.bandit.rewards[:] = [[0.5, 0.5], [0.2, 0.2]]
        reward = bandit.learn([left("layer", 8, 0.9), left("layer", 7, 0.7), left("semantic", 2, 1.0)], 0)
        assert bandit.bandit.rewards[HIGH] == pytest.approx([0.5 + 0.1 * (0.8 - 0.5), 0.5])
        assert bandit.bandit.rewards[LOW] == pytest.approx([0.2, 0.2 + 0.1 * (1.0 - 0.2)])
        assert reward == pytest.approx((0.8 + 1.0) / 2)

    def test_contexts_are_judged_before_the_estimate_moves(self) -> None:
        bandit = decider(step_size=1.0)
        bandit.bandit.layer_estimates["A"] = 6.0
        bandit.learn([left("layer", 7, 0.9, response=50)], 0)
        assert bandit.bandit.rewards[HIGH, 0] == pytest.approx(0.9)
        assert bandit.bandit.rewards[LOW, 0] == 0.0

    def test_an_interval_without_a_leaving_task_only_counts(self) -> None:
        bandit = decider()
        before = bandit.state()
        assert math.isnan(bandit.learn([], 0))
        assert bandit.state() == before
        assert bandit.bandit.intervals == 1

    def test_outcomes_that_are_no_arms_give_the_placer_their_mean(self) -> None:
        bandit = decider()
        others = [left("compressed", 8, 0.9), left("compressed", 2, 0.5)]
        assert bandit.learn(others, 0) == pytest.approx(0.7)
        assert (bandit.bandit.rewards == 0).all()
        assert bandit.learn([*others, left("layer", 8, 0.3)], 1) == pytest.approx(0.3)


class TestUcb:
    def ready(self, **bandit: Any) -> BanditDecider:
        made = decider(exploration=0.5, **bandit)
        made.bandit.layer_estimates["A"] = 6.0
        made.bandit.rewards[:] = [[0.6, 0.5], [0.1, 0.2]]
        made.bandit.counts[:] = [[100, 25], [1, 400]]
        made.bandit.intervals = 100
        return made

    def test_the_value_of_both_arms(self) -> None:
        found = self.ready().decide([made_task(deadline_intervals=7)], 0)[0]
        # ln 100 = 4.60517: 0.6 + 0.5 sqrt(0.0460517), 0.5 + 0.5 sqrt(0.184207)
        assert found.reason.startswith("high deadline: ")
        assert parts_of(found.reason) == {"layer": 0.707, "semantic": 0.715}
        assert found.split == "semantic"

    def test_each_context_has_its_own_bandit(self) -> None:
        found = self.ready().decide([made_task(deadline_intervals=5)], 0)[0]
        # 0.1 + 0.5 sqrt(4.60517), 0.2 + 0.5 sqrt(0.0115129)
        assert parts_of(found.reason) == {"layer": 1.173, "semantic": 0.254}
        assert (found.split, found.reason[:3]) == ("layer", "low")

    def test_every_decision_counts_at_once(self) -> None:
        made = self.ready()
        decisions = made.decide([made_task(number, deadline_intervals=7) for number in range(40)], 0)
        assert made.bandit.counts.sum() == 100 + 25 + 1 + 400 + 40
        assert made.bandit.counts[LOW].tolist() == [1, 400]
        shares = Counter(one.split for one in decisions)
        assert shares["semantic"] >= 1 and shares["layer"] >= 1  # semantic's bonus shrinks as it is played
        assert made.bandit.counts[HIGH].tolist() == [100 + shares["layer"], 25 + shares["semantic"]]

    def test_an_arm_that_was_never_played_comes_first(self) -> None:
        made = self.ready()
        made.bandit.counts[:] = [[0, 1], [1, 0]]
        made.bandit.rewards[:] = [[-5.0, 1.0], [1.0, -5.0]]
        tasks = [made_task(deadline_intervals=7), made_task(deadline_intervals=7), made_task(deadline_intervals=2)]
        assert [one.split for one in made.decide(tasks, 0)] == ["layer", "semantic", "semantic"]

    def test_at_the_very_start_both_arms_are_tried(self) -> None:
        made = decider()
        tasks = [made_task(number, deadline_intervals=7) for number in range(2)]
        assert sorted(one.split for one in made.decide(tasks, 0)) == ["layer", "semantic"]

    def test_without_exploration_the_estimates_decide(self) -> None:
        made = decider(exploration=0.0)
        made.bandit.rewards[:] = [[0.6, 0.5], [0.1, 0.2]]
        made.bandit.counts[:] = 1
        made.bandit.intervals = 50
        assert {one.split for one in made.decide([made_task(deadline_intervals=7)] * 5, 0)} == {"layer"}


class TestFeedbackEpsilonGreedy:
    def test_epsilon_and_rho_move_only_above_rho(self) -> None:
        made = decider(TrainingBanditDecider, feedback=0.1, threshold_start=0.5)
        for reward, epsilon, rho in (
            (0.49, 1.0, 0.5),
            (0.5, 1.0, 0.5),
            (0.51, 0.9, 0.55),
            (0.52, 0.9, 0.55),
            (0.56, 0.81, 0.605),
        ):
            made.learn([left("layer", 8, reward)], 0)
            assert (made.bandit.epsilon, made.bandit.threshold) == pytest.approx((epsilon, rho))
        made.learn([], 0)
        assert made.bandit.epsilon == pytest.approx(0.81)

    def test_epsilon_is_the_chance_of_a_random_arm(self) -> None:
        made = decider(TrainingBanditDecider)
        made.bandit.epsilon = 0.4
        made.bandit.rewards[:] = [[1.0, 0.0], [0.0, 1.0]]
        tasks = [made_task(number, deadline_intervals=7) for number in range(5000)]
        other = sum(one.split == "semantic" for one in made.decide(tasks, 0))
        assert other / 5000 == pytest.approx(0.2, abs=0.02)

    def test_fully_random_at_the_start_and_greedy_at_the_end(self) -> None:
        made = decider(TrainingBanditDecider)
        made.bandit.rewards[:] = [[0.0, 1.0], [0.0, 1.0]]
        tasks = [made_task(number) for number in range(2000)]
        shares = Counter(one.split for one in made.decide(tasks, 0))
        assert shares["layer"] / 2000 == pytest.approx(0.5, abs=0.04)
        made.bandit.epsilon = 0.0
        assert {one.split for one in made.decide(tasks, 0)} == {"semantic"}

    def test_it_starts_from_nothing_whatever_state_is_configured(self) -> None:
        made = decider(TrainingBanditDecider, state_file="", threshold_start=0.3)
        expected: Dict[str, float] = {
            "R.A": 0, "R.B": 0, "Q.high.layer": 0, "N.high.layer": 0, "Q.high.semantic": 0, "N.high.semantic": 0,
            "Q.low.layer": 0, "N.low.layer": 0, "Q.low.semantic": 0, "N.low.semantic": 0, "epsilon": 1, "rho": 0.3,
        }  # fmt: skip
        assert made.state() == expected


def test_the_bandit_learns_which_split_keeps_a_tight_deadline(tmp_path: Path) -> None:
    """A world in which layer splits take 8 intervals at accuracy 1, semantic ones 2 at accuracy 0.8."""
    made = decider(TrainingBanditDecider)
    draw = np.random.default_rng(1)

    def interval(number: int) -> None:
        tasks = [made_task(deadline_intervals=int(one)) for one in draw.choice([4, 12], size=6)]
        outcomes: List[TaskOutcome] = []
        for task, decision in zip(tasks, made.decide(tasks, number)):
            response, accuracy = (8, 1.0) if decision.split == "layer" else (2, 0.8)
            reward = (float(response <= task.deadline_intervals) + accuracy) / 2
            outcomes.append(made_outcome(task, decision.split, response_intervals=response, reward=reward))
        made.learn(outcomes, number)

    for number in range(200):
        interval(number)
    assert made.bandit.layer_estimates["A"] == pytest.approx(8.0)
    assert made.bandit.rewards[HIGH] == pytest.approx([1.0, 0.9], abs=0.05)
    assert made.bandit.rewards[LOW] == pytest.approx([0.5, 0.9], abs=0.05)
    made.bandit.write(tmp_path / "bandit.json", {})
    trained = decider(BanditDecider, state_file=str(tmp_path / "bandit.json"), exploration=0.05)
    tasks = [made_task(deadline_intervals=12)] * 20 + [made_task(deadline_intervals=4)] * 20
    splits = [one.split for one in trained.decide(tasks, 0)]
    assert splits[:20].count("layer") >= 15 and splits[20:].count("semantic") >= 15
