"""Mean and spread over the seeds of every model, and which model is best: what a comparison's tables and plots show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Sequence

import pandas as pd

from ..rewards.metrics import METRICS, metric
from .files import Row
from .labels import format_spread


@dataclass(frozen=True)
class Spread:
    """Mean, sample standard deviation (NaN for one value) and number of values that were not NaN."""

    mean: float
    std: float
    n: int


Summary = Dict[str, Dict[str, Spread]]  # by model, by metric


def metric_columns(frame: pd.DataFrame) -> List[str]:
    """The metrics that `frame` has a column of, in the order of ``METRICS``."""
    return [one.name for one in METRICS if one.name in frame.columns]


def summarise(frame: pd.DataFrame) -> Summary:
    """Mean and spread of each metric over the rows of each model; models in the order of their first row.

    Parameters
    ----------
    frame : one row a model and seed, with a column ``model`` and one a metric.
    """
    names = metric_columns(frame)
    return {
        str(model): {name: _spread(rows[name]) for name in names}
        for model, rows in frame.groupby("model", sort=False)
    }


def _spread(values: Any) -> Spread:
    present = values.dropna()
    if present.empty:
        return Spread(math.nan, math.nan, 0)
    return Spread(float(present.mean()), float(present.std(ddof=1)), len(present))


def seeds_by_model(frame: pd.DataFrame) -> Dict[str, int]:
    """How many runs each model has."""
    return {str(model): len(rows) for model, rows in frame.groupby("model", sort=False)}


def best_models(summary: Summary, name: str) -> List[str]:
    """The models whose mean is shown as best; none where no direction is better or there is nothing to compare."""
    better = metric(name).better
    means = {
        model: spreads[name].mean for model, spreads in summary.items() if math.isfinite(spreads[name].mean)
    }
    if not better or len(means) < 2 or len(set(means.values())) == 1:
        return []
    best = (max if better == "higher" else min)(means.values())
    shown = format_spread(name, best, math.nan, 1)
    return [model for model, mean in means.items() if format_spread(name, mean, math.nan, 1) == shown]


def summary_rows(summary: Summary, seeds: Dict[str, int]) -> List[Dict[str, Any]]:
    """One flat row a model: ``<metric>_mean``, ``<metric>_std``, ``<metric>_n``."""
    rows: List[Dict[str, Any]] = []
    for model, spreads in summary.items():
        row: Dict[str, Any] = {"model": model, "seeds": seeds[model]}
        for name, spread in spreads.items():
            row.update({f"{name}_mean": spread.mean, f"{name}_std": spread.std, f"{name}_n": spread.n})
        rows.append(row)
    return rows


def application_spreads(rows: Sequence[Row]) -> Dict[str, Summary]:
    """Summaries by application from rows with ``application``, ``model`` and metrics; applications in order."""
    frame = pd.DataFrame([dict(row) for row in rows])
    return {str(name): summarise(part) for name, part in frame.groupby("application", sort=False)}
