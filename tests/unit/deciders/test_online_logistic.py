"""Bayesian logistic regression: its steps by hand, and what it should find."""
from __future__ import annotations

import numpy as np
import pytest

from cosco_splitplace.deciders.online_logistic import OnlineLogistic, sigmoid


def test_one_outcome_moves_the_belief_to_the_posteriors_mode() -> None:
    belief = OnlineLogistic(np.array([0.5, -1.0]), np.array([2.0, 0.7]))
    x = np.array([1.0, 3.0])

    belief.learn(x, True)
    p = sigmoid(float(x @ belief.mean))
    prior_slope = (belief.mean - [0.5, -1.0]) / np.square([2.0, 0.7])
    assert prior_slope == pytest.approx((1 - p) * x, abs=1e-8)  # the log posterior is flat there
    assert belief.precision == pytest.approx(np.diag([0.25, 1 / 0.49]) + p * (1 - p) * np.outer(x, x), rel=1e-6)
    assert belief.covariance @ belief.precision == pytest.approx(np.eye(2), abs=1e-9)


def test_it_finds_the_weights_and_gets_surer() -> None:
    draw = np.random.default_rng(1)
    truth = np.array([0.5, -1.5, 2.0])
    belief = OnlineLogistic(np.zeros(3), np.full(3, 3.0))
    before = belief.logit(np.ones(3))[1]
    for x in draw.normal(size=(3000, 3)):
        belief.learn(x, bool(draw.random() < sigmoid(float(x @ truth))))
    sd = np.sqrt(np.diag(belief.covariance))
    assert (np.abs(belief.mean - truth) < 3 * sd).all() and sd.max() < 0.15
    assert belief.logit(np.ones(3))[1] < before / 100


def test_what_is_forgotten_widens_the_belief_as_far_as_the_prior_and_keeps_the_mean() -> None:
    belief = OnlineLogistic(np.zeros(2), np.array([1.0, 2.0]))
    for _ in range(200):
        belief.learn(np.array([1.0, 0.5]), True)
    mean, sure = belief.mean.copy(), belief.logit(np.ones(2))[1]
    belief.forget(0.5)
    half = belief.logit(np.ones(2))[1]
    for _ in range(60):
        belief.forget(0.5)
    assert sure < half < belief.logit(np.ones(2))[1] == pytest.approx(1.0 + 4.0)
    assert (belief.mean == mean).all()


@pytest.mark.parametrize("logit", [-800.0, -1.0, 0.0, 1.0, 800.0])
def test_extreme_odds_neither_overflow_nor_break_learning(logit: float) -> None:
    belief = OnlineLogistic(np.array([logit]), np.array([1.0]))
    for outcome in (True, False):
        belief.learn(np.array([1.0]), outcome)
        assert np.isfinite(belief.mean).all() and np.isfinite(belief.covariance).all()
    assert sigmoid(logit) + sigmoid(-logit) == pytest.approx(1.0)
