"""Logistic regression that learns from one outcome at a time, knows how sure it is, and forgets. Pure arrays."""
from __future__ import annotations

import math

import numpy as np

from ..records import FloatArray

NEWTON_STEPS = 25  # the scalar equation of `learn` is solved to machine precision well before
CLOSE = 1e-10


class OnlineLogistic:
    """A Gaussian belief N(mean, precision^-1) over the weights of P(y = 1 | x) = sigmoid(w . x).

    Parameters
    ----------
    prior_mean, prior_sd : of every weight before anything was seen, (n_features,); that is also what forgetting
        leads back to, though the mean stays.
    """

    def __init__(self, prior_mean: FloatArray, prior_sd: FloatArray) -> None:
        self.prior_precision: FloatArray = np.diag(prior_sd**-2.0)
        self.believe(prior_mean.copy(), self.prior_precision.copy())

    def believe(self, mean: FloatArray, precision: FloatArray) -> None:
        """Take over a belief: (n_features,) and (n_features, n_features)."""
        self.mean, self.precision = mean, precision
        self.covariance: FloatArray = np.asarray(np.linalg.inv(precision), dtype=np.float64)

    def logit(self, x: FloatArray) -> "tuple[float, float]":
        """Mean and variance of the belief about w . x, x being (n_features,)."""
        return float(x @ self.mean), float(x @ self.covariance @ x)

    def learn(self, x: FloatArray, y: bool) -> None:
        """Bayes' rule with Laplace's approximation: the exact mode, which lies along covariance @ x, and the
        curvature there."""
        mean, variance = self.logit(x)
        p = sigmoid(_mode(mean, variance, float(y)))
        gain = self.covariance @ x  # (n_features,)
        curvature = p * (1 - p)
        self.mean = self.mean + gain * (float(y) - p)
        self.precision = self.precision + curvature * np.outer(x, x)
        self.covariance = self.covariance - np.outer(gain, gain) * (curvature / (1 + curvature * variance))

    def forget(self, share: float) -> None:
        """Let a share of the evidence go: the precision moves towards the prior's, the mean stays."""
        if share > 0:
            self.believe(self.mean, (1 - share) * self.precision + share * self.prior_precision)


def sigmoid(logit: float) -> float:
    """1 / (1 + exp(-logit)), without overflow."""
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else 1 - 1 / (1 + math.exp(logit))


def _mode(mean: float, variance: float, y: float) -> float:
    """The z that maximises N(z; mean, variance) P(y | z): z = mean + variance (y - sigmoid(z)).

    Newton's method on a monotone function, held within the interval that has the root.
    """
    low, high = mean - variance * (1 - y), mean + variance * y
    z = mean
    for _ in range(NEWTON_STEPS):
        p = sigmoid(z)
        error = z - mean - variance * (y - p)
        low, high = (z, high) if error < 0 else (low, z)
        step = z - error / (1 + variance * p * (1 - p))
        z, before = (step if low <= step <= high else (low + high) / 2), z
        if abs(z - before) < CLOSE:
            break
    return z
