"""What decider and placer believe, against what came true."""

from __future__ import annotations

from typing import Any, Dict, List

import numpy as np

from ..evaluation.plots.reliability import reliability
from ..records import LAYER, FloatArray, IntArray
from .series import interval_columns
from .tables import RunTables


def decider_view(run: RunTables) -> Dict[str, Any]:
    """The decider's state by interval, its decisions, layer splits' observed responses, and its reliability.

    ``state`` has a series (n_intervals,) for each number that the decider shows: Q.<context>.<arm>, N., R. of the
    bandit, weights of the deadline decider, nothing of a fixed one.
    """
    tasks = run.tasks
    done = np.isfinite(tasks["left_interval"])
    layers = done & (tasks["split"] == LAYER)
    applications = sorted(set(tasks["application"]))
    return {
        "decider": str(run.settings["run"]["decider"]),
        "state": interval_columns(run, "decider."),
        "decisions": {
            split: np.bincount(tasks["arrival_interval"][tasks["split"] == split].astype(int),
                               minlength=run.n_intervals)[: run.n_intervals]
            for split in sorted(set(tasks["split"]))
        },
        "layer_responses": {
            one: _responses(run, np.flatnonzero(layers & (tasks["application"] == one))) for one in applications
        },
        "reliability": _reliability(run),
    }


def _responses(run: RunTables, which: IntArray) -> Dict[str, Any]:
    """The responses of the tasks `which`, and when each left."""
    tasks = run.tasks
    return {"interval": tasks["left_interval"][which], "response_intervals": tasks["response_intervals"][which]}


def _reliability(run: RunTables) -> List[Dict[str, Any]]:
    """A curve for each split: predicted probability, observed share, its 95 % interval, number of tasks."""
    tasks = run.tasks
    known = np.isfinite(tasks["p_deadline"]) & np.isfinite(tasks["violated"])
    curves = []
    for split in sorted(set(tasks["split"][known])):
        which = known & (tasks["split"] == split)
        predicted, observed = tasks["p_deadline"][which].astype(float), 1.0 - tasks["violated"][which].astype(float)
        mean, share, low, high = reliability(predicted, observed)
        curves.append(
            {
                "split": str(split), "tasks": int(which.sum()), "predicted_mean": float(predicted.mean()),
                "observed_mean": float(observed.mean()), "predicted": mean, "observed": share, "low": low,
                "high": high,
            }
        )  # fmt: skip
    return curves


def placer_view(run: RunTables) -> Dict[str, Any]:
    """Predicted against observed objective, the time of deciding and placing, what else the placer shows."""
    state = interval_columns(run, "placer.")
    observed = run.intervals["objective"]
    predicted = state.pop("predicted", np.full(len(observed), np.nan))
    return {
        "placer": str(run.settings["run"]["placer"]),
        "observed": observed,
        "predicted": predicted,
        "correlation": _correlation(predicted, observed),
        "scheduling_s": run.intervals.get("scheduling_s", np.full(len(observed), np.nan)),
        "waiting_fragments": run.intervals["waiting_fragments"],
        "active_fragments": run.intervals["active_fragments"],
        "migrations": run.intervals["migrations"],
        "state": state,
    }


def _correlation(a: FloatArray, b: FloatArray) -> float:
    """Pearson's, of the intervals that have both; NaN where it has no value."""
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 3 or np.std(a[both]) == 0 or np.std(b[both]) == 0:
        return float("nan")
    return float(np.corrcoef(a[both], b[both])[0, 1])
