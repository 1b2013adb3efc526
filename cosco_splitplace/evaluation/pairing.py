"""Models against a baseline on the same seeds, and what they leave to the bounds.

Runs of the same seed see the same arrivals and links, so that their difference says more than two means do.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
import pandas as pd

from ..records import FloatArray
from .bounds.run_bounds import RunBounds

METRIC = "drained_reward"  # of all tasks that arrived: the one that starving slow tasks can't flatter
RESAMPLES = 10_000
CONFIDENCE = 0.95
RESAMPLING_SEED = 0  # of the bootstrap: the same table every time


@dataclass(frozen=True)
class Standing:
    """Where a model stands: its drained reward less the baseline's by seed, and below the bounds.

    ``difference`` (mean over the ``n`` seeds that both have), ``std`` (sample standard deviation), ``low`` and ``high``
    (bootstrap 95 % interval of the mean), ``wins`` (seeds in which the model is better); ``gap_no_contention`` and
    ``gap_plan`` (mean of bound less reward), the latter over the ``plans`` seeds whose plan is known. NaN where there
    is nothing to say.
    """

    model: str
    baseline: str
    difference: float
    std: float
    low: float
    high: float
    wins: int
    n: int
    gap_no_contention: float
    gap_plan: float
    plans: int

    @property
    def verdict(self) -> str:
        """Better, worse, or no difference: the interval holds 0, or there are too few seeds for one."""
        if self.model == self.baseline:
            return "baseline"
        if not math.isfinite(self.low) or self.low <= 0 <= self.high:
            return "no difference"
        return "better" if self.difference > 0 else "worse"


@dataclass(frozen=True)
class Difference:
    """One quantity less another, paired by seed.

    ``mean`` over the ``n`` seeds that both have, ``std`` (sample standard deviation), ``low`` and ``high`` (bootstrap
    95 % interval of the mean; NaN for fewer than 3 seeds), ``wins`` (seeds in which the first is larger).
    """

    mean: float
    std: float
    low: float
    high: float
    wins: int
    n: int

    @property
    def sign(self) -> Optional[int]:
        """1 or -1 where the interval is above or below 0; 0 where it holds 0; None where there is none."""
        if not math.isfinite(self.low):
            return None
        return 0 if self.low <= 0 <= self.high else int(math.copysign(1, self.mean))


def paired_difference(own: "pd.Series[float]", other: "pd.Series[float]") -> Difference:
    """`own` less `other`; both have one value a seed."""
    values = _present(own - other)
    low, high = bootstrap_interval(values)
    return Difference(
        mean=_mean(values),
        std=float(values.std(ddof=1)) if len(values) > 1 else math.nan,
        low=low,
        high=high,
        wins=int((values > 0).sum()),
        n=len(values),
    )


def standings(frame: pd.DataFrame, baseline: str, bounds: Sequence[RunBounds] = ()) -> List[Standing]:
    """Every model's standing, in the order of the frame.

    Parameters
    ----------
    frame : one row a model and seed, with columns ``model``, ``seed`` and ``drained_reward``.
    baseline : a model of the frame.
    bounds : of its seeds; of none where no bound applies.
    """
    rewards = frame.pivot(index="seed", columns="model", values=METRIC)
    no_contention = pd.Series({one.seed: one.no_contention for one in bounds}, dtype=float)
    plans = pd.Series({one.seed: one.plan for one in bounds if one.plan is not None}, dtype=float)
    found = []
    for model in dict.fromkeys(str(one) for one in frame["model"]):
        own = rewards[model]
        paired = paired_difference(own, rewards[baseline])
        to_plans = _present(plans - own)
        found.append(
            Standing(
                model=model,
                baseline=baseline,
                difference=paired.mean,
                std=paired.std,
                low=paired.low,
                high=paired.high,
                wins=paired.wins,
                n=paired.n,
                gap_no_contention=_mean(_present(no_contention - own)),
                gap_plan=_mean(to_plans),
                plans=len(to_plans),
            )
        )
    return found


def bootstrap_interval(values: FloatArray) -> Tuple[float, float]:
    """The percentile bootstrap interval of the mean of `values` (n,); NaN for fewer than 3.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    if len(values) < 3:
        return math.nan, math.nan
    draw = np.random.default_rng(RESAMPLING_SEED)
    means = values[draw.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [outside, 1 - outside])
    return float(low), float(high)


def standing_cells(one: Standing) -> Tuple[str, ...]:
    """A standing as a table shows it, under `STANDING_HEADS`."""
    interval = f"{one.low:+.3f} .. {one.high:+.3f}" if math.isfinite(one.low) else "-"
    if one.model == one.baseline:
        paired: Tuple[str, ...] = ("-", "-", "-", one.verdict)
    else:
        spread = f" ±{one.std:.4f}" if math.isfinite(one.std) else ""
        paired = (f"{one.difference:+.4f}{spread}", interval, f"{one.wins}/{one.n}", one.verdict)
    return (one.model, *paired, _gap(one.gap_no_contention), _gap(one.gap_plan))


STANDING_HEADS = (
    "Model", "Difference", "95 % interval", "Wins", "Verdict", "Gap to bound", "Gap to plan",
)  # fmt: skip


def standing_title(found: Sequence[Standing]) -> str:
    """What the table of `found` shows."""
    return f"Drained reward against {found[0].baseline}, paired by seed; gaps to the bounds"


def missing_plans(bounds: Sequence[RunBounds]) -> Optional[str]:
    """The seeds that have no clairvoyant plan yet, as ``--seeds`` takes them; None if all have."""
    seeds = [str(one.seed) for one in bounds if one.plan is None]
    return ",".join(seeds) or None


def standing_row(one: Standing) -> "dict[str, Any]":
    """A standing as a row of a file."""
    return {**vars(one), "verdict": one.verdict}


def _present(values: "pd.Series[float]") -> FloatArray:
    return np.asarray(values.dropna(), dtype=float)


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else math.nan


def _gap(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "-"
