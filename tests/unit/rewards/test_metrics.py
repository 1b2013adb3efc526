"""Every metric on a made-up run of three tasks, by hand."""
from __future__ import annotations

import math
from typing import Any, Dict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosco_splitplace.contract.made_parts import made_outcome, made_task
from cosco_splitplace.records import RunResult
from cosco_splitplace.rewards.metrics import METRICS, drained_metrics, jain_fairness, metric, run_metrics, task_reward

EXPECTED: Dict[str, float] = {
    "energy_mwh": 0.0045,
    "scheduling_s": 0.25,
    "fairness": 0.64 / (2 * 0.4),  # (0.2 + 0.6)^2 / (2 (0.04 + 0.36))
    "ram_utilisation": 0.35,
    "wait_intervals": 0.5,  # (100 + 200) / 2 / 300
    "response_intervals": 4.0,
    "violations": 0.5,
    "accuracy": 0.85,
    "reward": 0.675,
    "cost_usd": 12.0,
    "cost_per_task_usd": 6.0,
    "execution_intervals": 3.0,  # (1050 - 150) / 300
    "layer_fraction": 2 / 3,
    "response_s": 1050.0,
    "transfer_s": 150.0,
    "compute_s": 725.0,
    "migration_s": 25.0,
    "migrations": 4.0,
    "losses": 2.0,
    "tasks": 3.0,
    "finished": 2.0,
    "unfinished": 1.0,
    "fallbacks": 3.0,
    "drained_reward": (0.45 + 0.9) / 3,  # the third never ended
    "drained_violations": 2 / 3,
    "drained_accuracy": 0.85,
    "drained_response_intervals": 4.0,
    "drained_wait_intervals": 0.5,
    "drained_unfinished": 1.0,
    "lost": 0.0,
}


def measured(**changes: Any) -> Dict[str, float]:
    outcomes = [
        made_outcome(made_task(0), "layer", response_s=1500.0, response_intervals=5, wait_s=100.0, transfer_s=200.0,
                     compute_s=1150.0, migration_s=50.0, accuracy=0.9, violated=True, reward=0.45),
        made_outcome(made_task(1), "semantic", response_s=600.0, response_intervals=3, wait_s=200.0, transfer_s=100.0,
                     compute_s=300.0, migration_s=0.0, accuracy=0.8, violated=False, reward=0.9),
    ]  # fmt: skip
    values: Dict[str, Any] = dict(
        outcomes=outcomes, decisions=["layer", "semantic", "layer"], host_utilisation=np.array([0.2, 0.6]),
        ram_utilisation=0.35, energy_wh=4500.0, cost_usd=12.0, interval_s=300.0, scheduling_s=0.25, migrations=4,
        losses=2, fallbacks=3,
    )
    values.update(changes)
    drained = drained_metrics(values["outcomes"], len(values["decisions"]), values["interval_s"])
    return {**run_metrics(**values), **drained}


@pytest.mark.parametrize("name", EXPECTED)
def test_each_metric(name: str) -> None:
    assert measured()[name] == pytest.approx(EXPECTED[name])


def test_every_metric_has_a_hand_worked_number_a_unit_and_a_meaning() -> None:
    assert list(measured()) == [one.name for one in METRICS] == list(EXPECTED)
    for one in METRICS:
        assert one.unit and one.meaning and one.better in ("higher", "lower", "")
    assert metric("reward").unit == "fraction"


def test_a_run_in_which_no_task_left() -> None:
    values = measured(outcomes=[])
    empty = {name for name, value in values.items() if math.isnan(value)}
    assert empty == {
        "wait_intervals", "response_intervals", "violations", "accuracy", "reward", "cost_per_task_usd",
        "execution_intervals", "response_s", "transfer_s", "compute_s", "migration_s", "drained_accuracy",
        "drained_response_intervals", "drained_wait_intervals",
    }  # fmt: skip
    assert (values["drained_reward"], values["drained_violations"], values["drained_unfinished"]) == (0, 1, 3)
    assert drained_metrics([], 3, 300.0, given_up=2)["lost"] == 2
    assert (values["finished"], values["unfinished"], values["cost_usd"]) == (0, 3, 12)
    assert math.isnan(measured(outcomes=[], decisions=[])["layer_fraction"])


@pytest.mark.parametrize(
    ("shares", "index"),
    [([0.5, 0.5, 0.5], 1.0), ([1.0, 0.0, 0.0, 0.0], 0.25), ([0.0, 0.0], 1.0), ([0.1, 0.3], 0.8), ([0.7], 1.0)],
)
def test_jains_index(shares: "list[float]", index: float) -> None:
    assert jain_fairness(np.array(shares)) == pytest.approx(index)


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=20), st.floats(0.1, 10.0))
def test_jains_index_lies_between_1_over_n_and_1_and_knows_no_unit(shares: "list[float]", factor: float) -> None:
    index = jain_fairness(np.array(shares))
    assert 1 / len(shares) - 1e-9 <= index <= 1 + 1e-9
    assert jain_fairness(np.array(shares) * factor) == pytest.approx(index)


@pytest.mark.parametrize(
    ("response", "deadline", "accuracy", "reward"),
    [(5, 5, 0.9, 0.95), (6, 5, 0.9, 0.45), (4, 5, 1.0, 1.0), (9, 1, 0.0, 0.0)],
)
def test_a_tasks_reward(response: int, deadline: int, accuracy: float, reward: float) -> None:
    assert task_reward(response, deadline, accuracy) == pytest.approx(reward)


def test_a_real_runs_metrics_agree_with_its_rows(short_run: RunResult) -> None:
    found, settings = short_run.metrics, short_run.settings
    hours = settings.run.intervals * settings.run.interval_s / 3600
    assert found["cost_usd"] == pytest.approx(short_run.hosts.price_usd_h.sum() * hours)
    assert found["energy_mwh"] == pytest.approx(short_run.hosts.energy_wh.sum() / 1e6)
    assert found["tasks"] == len(short_run.tasks) == sum(one.arrived for one in short_run.intervals)
    assert found["finished"] == len(short_run.outcomes) == sum(one.left for one in short_run.intervals)
    assert found["response_s"] == pytest.approx(
        found["transfer_s"] + found["compute_s"] + found["migration_s"] + found["wait_intervals"] * 300
    )
    late = sum(one.response_intervals > one.task.deadline_intervals for one in short_run.outcomes)
    assert found["violations"] == pytest.approx(late / len(short_run.outcomes))
