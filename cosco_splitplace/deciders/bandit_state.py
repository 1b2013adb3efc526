"""What the bandit has learned: R, Q, N, epsilon, rho and t, as an object and as a JSON file."""
from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Sequence

import numpy as np

from ..datafiles import field as checked
from ..datafiles import read_json
from ..errors import ConfigurationError, DataFileError
from ..records import FloatArray, IntArray
from ..rewards.objective import ARMS, CONTEXTS

REMEDY = "cosco-splitplace train mab"
SHIPPED = "bandit.json"
SHAPE = (len(CONTEXTS), len(ARMS))


@dataclass
class BanditState:
    """Estimates of both bandits; Q and N have shape (2 contexts, 2 arms), R is in intervals by application."""

    layer_estimates: Dict[str, float]
    epsilon: float = 1.0
    threshold: float = 0.1
    intervals: int = 0
    rewards: FloatArray = field(default_factory=lambda: np.zeros(SHAPE))
    counts: IntArray = field(default_factory=lambda: np.zeros(SHAPE, dtype=np.int64))

    def named(self) -> Dict[str, float]:
        """Every number by name: R.<application>, Q.<context>.<arm>, N.<context>.<arm>, epsilon, rho."""
        numbers = {f"R.{name}": value for name, value in self.layer_estimates.items()}
        for c, context in enumerate(CONTEXTS):
            for d, arm in enumerate(ARMS):
                numbers[f"Q.{context}.{arm}"] = float(self.rewards[c, d])
                numbers[f"N.{context}.{arm}"] = float(self.counts[c, d])
        return {**numbers, "epsilon": self.epsilon, "rho": self.threshold}

    def write(self, path: Path, origin: Dict[str, Any]) -> None:
        """Write the state; `origin` says how it came about."""
        content = {
            "format": 1,
            "origin": origin,
            "layer_estimates_intervals": self.layer_estimates,
            "contexts": list(CONTEXTS),
            "arms": list(ARMS),
            "rewards": self.rewards.tolist(),
            "counts": self.counts.tolist(),
            "epsilon": self.epsilon,
            "rho": self.threshold,
            "intervals": self.intervals,
        }
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_state(path: Path, applications: Sequence[str]) -> BanditState:
    """The state in `path`, for `applications`.

    Raises
    ------
    DataFileError
        The file is missing or damaged.
    ConfigurationError
        It was trained on other applications: both lists are named.
    """
    content = read_json(path, REMEDY)
    estimates = checked(content, "layer_estimates_intervals", dict, path, REMEDY)
    if not set(applications) <= set(estimates):
        raise ConfigurationError(
            f"{path} was trained on the applications {', '.join(sorted(estimates))}, the run has "
            f"{', '.join(sorted(applications))}; train a bandit for them with: {REMEDY}"
        )
    state = BanditState(
        layer_estimates={name: checked(estimates, name, float, path, REMEDY) for name in applications},
        epsilon=checked(content, "epsilon", float, path, REMEDY),
        threshold=checked(content, "rho", float, path, REMEDY),
        intervals=checked(content, "intervals", int, path, REMEDY),
        rewards=_table(content, "rewards", path),
        counts=_table(content, "counts", path).astype(np.int64),
    )
    if min(*state.layer_estimates.values(), state.counts.min(), state.intervals, state.threshold) < 0:
        raise DataFileError(f"{path} holds negative times, counts or rho; make it again with: {REMEDY}")
    if not 0 <= state.epsilon <= 1:
        raise DataFileError(f"{path}: epsilon is {state.epsilon}, expected 0 to 1; make it again with: {REMEDY}")
    return state


def _table(content: Dict[str, Any], key: str, path: Path) -> FloatArray:
    rows = checked(content, key, list, path, REMEDY)
    numbers = [one for row in rows if isinstance(row, list) for one in row]
    if (
        [len(row) if isinstance(row, list) else -1 for row in rows] != [SHAPE[1]] * SHAPE[0]
        or not all(isinstance(one, (int, float)) and math.isfinite(one) for one in numbers)
    ):
        raise DataFileError(f"{path}: {key!r} must be {SHAPE[0]} x {SHAPE[1]} numbers; make it again with: {REMEDY}")
    return np.array(rows, dtype=float)
