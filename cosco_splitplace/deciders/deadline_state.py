"""What the deadline decider has learned: a belief about keeping deadlines for each split, as a JSON file too."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Sequence, Tuple

import numpy as np

from ..datafiles import field as checked
from ..datafiles import read_json
from ..errors import ConfigurationError, DataFileError
from ..records import FloatArray
from .online_logistic import OnlineLogistic
from .outlook import FEATURES

REMEDY = "cosco-splitplace train deadline"
SHIPPED = "deadline.json"
PRIOR_MEAN = np.array([0.0, 2.0, 0.0, 0.0, 0.0, 0.0])  # more time means a better chance; our own choice, as is:
PRIOR_SD = np.array([2.0, 10.0, 1.0, 1.0, 1.0, 1.0])


class DeadlineState:
    """For each split the belief about P(deadline kept | `outlook.FEATURES`); it knows no application by name.

    Parameters
    ----------
    splits : between which it chooses.
    """

    def __init__(self, splits: Sequence[str]) -> None:
        self.beliefs = {one: OnlineLogistic(PRIOR_MEAN, PRIOR_SD) for one in splits}
        self.outcomes = dict.fromkeys(splits, 0)

    def named(self) -> Dict[str, float]:
        """Every weight's mean by name: <split>.<feature>; and outcomes.<split>."""
        numbers = {
            f"{split}.{name}": float(value)
            for split, belief in self.beliefs.items()
            for name, value in zip(FEATURES, belief.mean)
        }
        return {**numbers, **{f"outcomes.{split}": float(count) for split, count in self.outcomes.items()}}

    def write(self, path: Path, origin: Dict[str, Any]) -> None:
        """Write the state; `origin` says how it came about."""
        content = {
            "format": 1,
            "origin": origin,
            "features": list(FEATURES),
            "splits": {
                split: {
                    "outcomes": self.outcomes[split],
                    "mean": belief.mean.tolist(),
                    "precision": belief.precision.tolist(),
                }
                for split, belief in self.beliefs.items()
            },
        }
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_deadline_state(path: Path, splits: Sequence[str] = ()) -> DeadlineState:
    """The state in `path`, for `splits` (empty: all that it has).

    Raises
    ------
    DataFileError
        The file is missing or damaged.
    ConfigurationError
        It was trained on other features or lacks a split: what came and what is expected is named.
    """
    content = read_json(path, REMEDY)
    features = tuple(checked(content, "features", list, path, REMEDY))
    if features != FEATURES:
        raise ConfigurationError(
            f"{path} was trained on the features {', '.join(map(str, features))}, expected {', '.join(FEATURES)}; "
            f"make it again with: {REMEDY}"
        )
    tables = checked(content, "splits", dict, path, REMEDY)
    missing = [one for one in splits if one not in tables]
    if missing:
        raise ConfigurationError(
            f"{path} was trained on the splits {', '.join(tables)}, deadline.splits has {', '.join(splits)}; "
            f"train one for them with: {REMEDY}"
        )
    state = DeadlineState(splits or list(tables))
    for split, belief in state.beliefs.items():
        table = checked(tables, split, dict, path, REMEDY)
        n = len(FEATURES)
        mean, precision = _numbers(table, "mean", (n,), path), _numbers(table, "precision", (n, n), path)
        if not np.array_equal(precision, precision.T) or np.linalg.eigvalsh(precision).min() <= 0:
            raise DataFileError(
                f"{path}: 'precision' of {split} is no symmetric, positive definite matrix; make it again with: "
                f"{REMEDY}"
            )
        belief.believe(mean, precision)
        state.outcomes[split] = checked(table, "outcomes", int, path, REMEDY)
    return state


def _numbers(table: Dict[str, Any], key: str, shape: Tuple[int, ...], path: Path) -> FloatArray:
    try:
        numbers = np.array(checked(table, key, list, path, REMEDY), dtype=float)
    except (TypeError, ValueError):  # ragged rows, or something else than numbers
        numbers = np.zeros(0)
    if numbers.shape != shape or not np.isfinite(numbers).all():
        wanted = " x ".join(map(str, shape))
        raise DataFileError(f"{path}: {key!r} must be {wanted} finite numbers; make it again with: {REMEDY}")
    return numbers
