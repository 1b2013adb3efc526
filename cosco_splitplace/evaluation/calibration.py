"""Calibration of a regime: four knobs of the environment, fitted one after the other by bisection to Table 4.

Each target is the row of a policy that always takes the same split: its mean over the tuning seeds, of the tasks that
left within the window, as in the paper. Everything else is predicted, never fitted.
"""
from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import tomli_w
from joblib import Parallel, delayed

from ..config import Settings
from ..errors import SplitPlaceError
from ..records import COMPRESSED, LAYER, SEMANTIC
from ..regimes import Regime
from ..simulation import simulate

MOST_STEPS = 40
TOLERANCE = 0.002  # of the target; the issue of a step function (deadlines are whole intervals) is the nearest step
WIDEST = 1e4  # a knob's bracket may span this factor around where it starts


class CalibrationError(SplitPlaceError):
    """A target can't be reached by its knob."""


@dataclass(frozen=True)
class Target:
    """A figure of Table 4: `metric` of the policy that always takes `split`, reached by turning one knob."""

    knob: Tuple[str, str]
    start: float
    split: str
    metric: str
    value: float
    rises: bool

    @property
    def name(self) -> str:
        """How files and tables call it."""
        return f"{self.split}_{self.metric}"


TARGETS: Sequence[Target] = (
    Target(("fragments", "instructions_per_multiply_add"), 100.0, LAYER, "response_intervals", 9.92, True),
    Target(("fragments", "semantic_work"), 1.0, SEMANTIC, "response_intervals", 3.70, True),
    Target(("fragments", "compressed_work"), 1.0, COMPRESSED, "response_intervals", 6.85, True),
    Target(("arrivals", "deadline_scale"), 1.0, LAYER, "violations", 0.62, False),
)
PREDICTED = ("violations", "response_intervals", "accuracy", "reward", "drained_reward")

Progress = Callable[[str, int, int], None]


def calibrate(
    regime: Regime, seeds: Sequence[int], jobs: int = 1, progress: Optional[Progress] = None
) -> Regime:
    """`regime` with fitted knobs, and what they reach and predict.

    Parameters
    ----------
    regime : its ``world`` and ``placer`` are what it is calibrated with; its knobs are forgotten.
    seeds : tuning seeds; each evaluation is the mean of a run with each.
    jobs : worker processes.
    progress : called with (target, steps done, most steps).

    Raises
    ------
    CalibrationError
        A target is out of reach.
    """
    knobs: Dict[str, Dict[str, float]] = {"fragments": {}, "arrivals": {}}
    with Parallel(n_jobs=jobs) as workers:
        for target in TARGETS:
            table, key = target.knob

            def measured(value: float, target: Target = target, table: str = table, key: str = key) -> float:
                trial = {**knobs, table: {**knobs[table], key: value}}
                found = _measure(workers, replace(regime, knobs=trial), target.split, seeds)[target.metric]
                return found

            knobs[table][key] = bisect(measured, target, progress)
        fitted = replace(regime, knobs=knobs)
        rows = {split: _measure(workers, fitted, split, seeds, drain=True) for split in (LAYER, SEMANTIC, COMPRESSED)}
    fitted_names = {one.name for one in TARGETS}
    return replace(
        fitted,
        found={one.name: rows[one.split][one.metric] for one in TARGETS},
        predicted={
            f"{split}_{name}": row[name] for split, row in rows.items() for name in PREDICTED
            if f"{split}_{name}" not in fitted_names
        },
    )


def bisect(measured: Callable[[float], float], target: Target, progress: Optional[Progress] = None) -> float:
    """The knob's value whose measurement is nearest to the target, by bisection in the knob's logarithm."""
    tried: List[Tuple[float, float]] = []

    def excess(value: float) -> float:
        found = measured(value)
        tried.append((abs(found - target.value), value))
        if progress is not None:
            progress(target.name.replace("_", " "), len(tried), MOST_STEPS)
        return (found - target.value) * (1 if target.rises else -1)

    low = high = target.start
    step = excess(target.start)
    while abs(step) > TOLERANCE * target.value:
        if step < 0:
            low, high = high, high * 1.5
            moved = high
        else:
            low, high = low / 1.5, low
            moved = low
        if max(moved / target.start, target.start / moved) > WIDEST:
            raise CalibrationError(
                f"{'.'.join(target.knob)} can't bring {target.split} {target.metric} to {target.value}: at {moved:g} "
                f"it differs by {abs(step):.3g}; change the regime's world"
            )
        before, step = step, excess(moved)
        if (before < 0) != (step < 0):
            break
    while len(tried) < MOST_STEPS and min(tried)[0] > TOLERANCE * target.value and high / low > 1 + 1e-4:
        middle = math.sqrt(low * high)
        if excess(middle) < 0:
            low = middle
        else:
            high = middle
    if progress is not None:
        progress(target.name.replace("_", " "), MOST_STEPS, MOST_STEPS)
    return min(tried)[1]


def regime_document(regime: Regime) -> str:
    """The regime as the text of its file."""
    content: Dict[str, Any] = {
        "regime": {
            "description": regime.description, "placer": regime.placer, "seeds": regime.seeds,
            "trained": regime.trained, "command": regime.command,
        },
        "world": regime.world,
        "knobs": _rounded(regime.knobs),
        "targets": {one.name: one.value for one in TARGETS},
        "found": {key: round(value, 4) for key, value in regime.found.items()},
        "predicted": {key: round(value, 4) for key, value in regime.predicted.items()},
    }
    return tomli_w.dumps(content)


def _rounded(knobs: Mapping[str, Mapping[str, float]]) -> Dict[str, Dict[str, float]]:
    return {table: {key: float(f"{value:.6g}") for key, value in values.items()} for table, values in knobs.items()}


def _measure(
    workers: Parallel, regime: Regime, split: str, seeds: Sequence[int], drain: bool = False
) -> Dict[str, float]:
    """Every metric of the policy that always takes `split`, mean over the seeds."""
    settings = regime.settings().replace(run={"decider": split, "placer": regime.placer})
    if not drain:
        settings = settings.replace(run={"drain_intervals": 0})
    runs = workers(delayed(_metrics)(settings.replace(run={"seed": seed})) for seed in seeds)
    return {name: float(np.mean([one[name] for one in runs])) for name in runs[0]}


def _metrics(settings: Settings) -> Mapping[str, float]:
    return simulate(settings).metrics
