"""Equations 3, 4 and 10 by hand."""
from __future__ import annotations

import math

import numpy as np
import pytest

from cosco_splitplace.contract.made_parts import made_outcome, made_task
from cosco_splitplace.rewards.objective import (
    HIGH,
    LOW,
    bandit_reward,
    context_of,
    context_rewards,
    placement_objective,
)


def test_a_deadline_equal_to_the_estimate_is_high() -> None:
    assert [context_of(deadline, 7.0) for deadline in (6, 7, 8)] == [LOW, HIGH, HIGH]
    assert context_of(7, 7.001) == LOW


def test_context_rewards() -> None:
    estimates = {"A": 6.0, "B": 3.0}
    outcomes = [
        made_outcome(made_task(0, deadline_intervals=6), "layer", reward=0.9),  # high
        made_outcome(made_task(1, deadline_intervals=8), "layer", reward=0.5),  # high
        made_outcome(made_task(2, deadline_intervals=5), "semantic", reward=0.4),  # low for A
        made_outcome(made_task(3, application="B", deadline_intervals=5), "semantic", reward=0.8),  # high for B
        made_outcome(made_task(4, deadline_intervals=2), "semantic", reward=1.0),  # low
        made_outcome(made_task(5, deadline_intervals=2), "whole", reward=0.0),  # no arm of the bandit
    ]
    rewards = context_rewards(outcomes, estimates)
    assert rewards[HIGH] == pytest.approx([0.7, 0.8])
    assert rewards[LOW] == pytest.approx([math.nan, 0.7], nan_ok=True)
    assert bandit_reward(rewards) == pytest.approx((0.7 + 0.8 + 0.7) / 3)


def test_no_outcome_gives_no_reward() -> None:
    rewards = context_rewards([], {})
    assert rewards.shape == (2, 2)
    assert np.isnan(rewards).all()
    assert math.isnan(bandit_reward(rewards))


def test_the_placers_objective() -> None:
    assert placement_objective(0.9, 0.5, 0.2, 0.7, 0.3) == pytest.approx(0.9 - 0.35 - 0.06)
    assert placement_objective(0.9, 0.6, 0.2, 0.5, 0.5) < placement_objective(0.9, 0.5, 0.2, 0.5, 0.5)
    assert math.isnan(placement_objective(math.nan, 0.5, math.nan, 0.5, 0.5))
