"""Differences by seed, their interval, wins, and gaps to the bounds: by hand."""
from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from cosco_splitplace.evaluation.bounds.run_bounds import RunBounds
from cosco_splitplace.evaluation.pairing import (
    STANDING_HEADS,
    bootstrap_interval,
    missing_plans,
    standing_cells,
    standings,
)

REWARDS = {"A": (0.80, 0.70, 0.90, 0.60), "B": (0.82, 0.73, 0.91, 0.64), "C": (0.81, 0.69, 0.92, 0.58)}
BOUNDS = [RunBounds(seed, 10, 0.95, plan, 5, (plan,)) for seed, plan in ((0, 0.9), (1, 0.92), (3, 0.94))]


def frame() -> pd.DataFrame:
    """Three models, four seeds, the models' rows in different orders of seeds."""
    rows = [(model, seed, values[seed]) for model, values in REWARDS.items() for seed in range(4)]
    rows[4:8] = rows[7:3:-1]
    return pd.DataFrame(rows, columns=["model", "seed", "drained_reward"])


def test_seeds_are_paired_whatever_their_order() -> None:
    a, b, c = standings(frame(), "A")
    assert [one.model for one in (a, b, c)] == ["A", "B", "C"]
    assert (b.difference, b.std) == (pytest.approx(0.025), pytest.approx(np.std([0.02, 0.03, 0.01, 0.04], ddof=1)))
    assert (b.wins, b.n, b.verdict) == (4, 4, "better")
    assert (c.difference, c.wins, c.verdict) == (pytest.approx(0.0), 2, "no difference")
    assert (a.difference, a.wins, a.verdict) == (0.0, 0, "baseline")
    assert standings(frame(), "B")[0].verdict == "worse"


def test_a_seed_that_one_of_them_lacks_is_left_out() -> None:
    some = frame().query("not (model == 'B' and seed == 3)")
    b = standings(some, "A")[1]
    assert (b.n, b.wins, b.difference) == (3, 3, pytest.approx(0.02))


def test_gaps_are_to_the_bounds_of_the_same_seeds() -> None:
    bounds = [*BOUNDS[:2], RunBounds(2, 10, 0.93), BOUNDS[2]]
    b = standings(frame(), "A", bounds)[1]
    assert b.gap_no_contention == pytest.approx(np.mean([0.13, 0.22, 0.02, 0.31]))
    assert (b.gap_plan, b.plans) == (pytest.approx(np.mean([0.08, 0.19, 0.30])), 3)
    assert missing_plans(bounds) == "2" and missing_plans(BOUNDS) is None
    without = standings(frame(), "A")[1]
    assert math.isnan(without.gap_no_contention) and math.isnan(without.gap_plan) and without.plans == 0


def test_the_interval_holds_the_mean_and_narrows_with_more_values() -> None:
    draw = np.random.default_rng(1)
    values = draw.normal(0.3, 1.0, 400)
    low, high = bootstrap_interval(values)
    assert low < values.mean() < high
    expected = 2 * 1.96 * values.std() / 400**0.5  # what the central limit theorem says of its width
    assert high - low == pytest.approx(expected, rel=0.05)
    few = bootstrap_interval(values[:25])
    assert few[1] - few[0] > 3 * (high - low)
    assert bootstrap_interval(values) == (low, high)


def test_two_seeds_are_too_few_for_an_interval() -> None:
    two = standings(frame().query("seed < 2"), "A")[1]
    assert math.isnan(two.low) and two.verdict == "no difference" and two.wins == 2


def test_cells_fit_their_heads() -> None:
    for one in standings(frame(), "A", BOUNDS):
        cells = standing_cells(one)
        assert len(cells) == len(STANDING_HEADS) and all(cells)
    b = standing_cells(standings(frame(), "A", BOUNDS)[1])
    assert b[1] == "+0.0250 ±0.0129" and b[3:5] == ("4/4", "better") and b[6] == "0.1900"
