"""Logistic regression that learns from one outcome at a time, knows how sure it is, and forgets. Pure arrays."""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Tuple

import numpy as np

from ..records import FloatArray

NEWTON_STEPS = 25  # the scalar equation of `learn` is solved to machine precision well before
WIDEN = math.pi / 8  # MacKay (1992): sigmoid(mean / sqrt(1 + pi/8 variance)) is about E[sigmoid(logit)]


@dataclass
class OnlineLogistic:
    """A Gaussian belief N(mean, precision^-1) over the weights of P(y = 1 | x) = sigmoid(w . x).

    Parameters
    ----------
    prior_sd : standard deviation of every weight before anything was seen, (n_features,).
    mean, precision : the belief, (n_features,) and (n_features, n_features); at first the prior around 0.
    """

    prior_sd: FloatArray
    mean: FloatArray = field(default_factory=lambda: np.zeros(0))
    precision: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))

    def __post_init__(self) -> None:
        self.prior_precision = np.diag(self.prior_sd**-2.0)
        if not len(self.mean):
            self.mean = np.zeros(len(self.prior_sd))
            self.precision = self.prior_precision.copy()
        self.covariance: FloatArray = np.asarray(np.linalg.inv(self.precision), dtype=np.float64)

    def logit(self, x: FloatArray) -> Tuple[float, float]:
        """Mean and variance of the belief about w . x, x being (n_features,)."""
        return float(x @ self.mean), float(x @ self.covariance @ x)

    def learn(self, x: FloatArray, y: bool) -> None:
        """Bayes' rule with Laplace's approximation: the exact mode along S x, and the curvature there."""
        mean, variance = self.logit(x)
        at = _mode(mean, variance, float(y))
        p = sigmoid(at)
        gain = self.covariance @ x  # (n_features,)
        curvature = p * (1 - p)
        self.mean = self.mean + gain * (float(y) - p)
        self.precision = self.precision + curvature * np.outer(x, x)
        self.covariance = self.covariance - np.outer(gain, gain) * (curvature / (1 + curvature * variance))

    def forget(self, share: float) -> None:
        """Let a share of the evidence go: the precision moves towards the prior's, the mean stays."""
        if share > 0:
            self.precision = (1 - share) * self.precision + share * self.prior_precision
            self.covariance = np.asarray(np.linalg.inv(self.precision), dtype=np.float64)


def sigmoid(logit: float) -> float:
    """1 / (1 + exp(-logit)), without overflow."""
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else 1 - 1 / (1 + math.exp(logit))


def expected_probability(mean: float, variance: float) -> float:
    """E[sigmoid(z)] of z ~ N(mean, variance), to about 0.02 (MacKay, 1992)."""
    return sigmoid(mean / math.sqrt(1 + WIDEN * variance))


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
        if abs(z - before) < 1e-10:
            break
    return z
