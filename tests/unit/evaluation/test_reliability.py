"""The reliability diagram's numbers."""
from __future__ import annotations

import numpy as np
import pytest

from cosco_splitplace.evaluation.plots.reliability import reliability


def test_classes_by_hand() -> None:
    predicted = np.array([0.95, 0.05, 0.97, 0.06, 1.0])
    mean, share, low, high = reliability(predicted, np.array([1.0, 0.0, 0.0, 1.0, 1.0]))
    assert mean == pytest.approx([0.055, 0.96, 1.0])
    assert share == pytest.approx([0.5, 0.5, 1.0])
    # Wilson's limits of 1 in 2, from the quadratic (p - s)^2 = z^2 p (1 - p) / n
    z2 = 1.959964**2
    roots = np.roots([1 + z2 / 2, -(2 * 0.5 + z2 / 2), 0.25])
    assert [low[0], high[0]] == pytest.approx(sorted(roots))
    assert high[2] == 1.0 and low[2] < 0.5


def test_calibrated_predictions_lie_within_their_intervals() -> None:
    draw = np.random.default_rng(0)
    predicted = draw.random(20_000)
    mean, _, low, high = reliability(predicted, (draw.random(20_000) < predicted).astype(float))
    assert len(mean) == 12 and ((low <= mean) & (mean <= high)).sum() >= 11
    wrong = reliability(predicted**2, (draw.random(20_000) < predicted).astype(float))
    assert (wrong[3] < wrong[0]).sum() + (wrong[2] > wrong[0]).sum() > 8
