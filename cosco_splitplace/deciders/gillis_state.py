"""What Gillis' policy has learned: a table of action values Q and of how often each was tried, as a JSON file too."""
from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Sequence, Tuple

import numpy as np

from ..config import GillisSettings
from ..datafiles import field as checked
from ..datafiles import read_json
from ..errors import ConfigurationError, DataFileError
from ..records import COMPRESSED, LAYER, FloatArray, IntArray, Task

ACTIONS = (LAYER, COMPRESSED)
REMEDY = "cosco-splitplace train gillis"
SHIPPED = "gillis.json"
BEST_REWARD = 1.0


@dataclass
class GillisState:
    """Action values by context; ``values`` and ``counts`` have shape (applications, deadlines, batches, 2 actions).

    ``deadline_edges`` (intervals) and ``batch_edges`` (images) part the deadlines and batch sizes into classes. A value
    starts at the best reward that there is, so that an action is tried before it is judged.
    """

    applications: Tuple[str, ...]
    deadline_edges: Tuple[float, ...]
    batch_edges: Tuple[float, ...]
    epsilon: float = 1.0
    intervals: int = 0
    values: FloatArray = field(init=False)
    counts: IntArray = field(init=False)

    def __post_init__(self) -> None:
        shape = (len(self.applications), len(self.deadline_edges) + 1, len(self.batch_edges) + 1, len(ACTIONS))
        self.values = np.full(shape, BEST_REWARD)
        self.counts = np.zeros(shape, dtype=np.int64)

    def context(self, task: Task) -> Tuple[int, int, int]:
        """Where `task` belongs in the table: application, class of its deadline, class of its batch."""
        return (
            self.applications.index(task.application),
            int(np.searchsorted(self.deadline_edges, task.deadline_intervals, side="right")),
            int(np.searchsorted(self.batch_edges, task.batch_images, side="right")),
        )

    def named(self) -> Dict[str, float]:
        """By name: epsilon, the share of the table that was tried, and each action's mean value by application,
        weighted by how often it was tried."""
        numbers = {"epsilon": self.epsilon, "tried": float((self.counts > 0).mean())}
        for a, application in enumerate(self.applications):
            for d, action in enumerate(ACTIONS):
                values, counts = self.values[a, ..., d], self.counts[a, ..., d]
                mean = float((values * counts).sum() / counts.sum()) if counts.any() else BEST_REWARD
                numbers[f"Q.{application}.{action}"] = mean
        return numbers

    def write(self, path: Path, origin: Dict[str, Any]) -> None:
        """Write the state; `origin` says how it came about."""
        content = {
            "format": 1,
            "origin": origin,
            "applications": list(self.applications),
            "deadline_edges_intervals": list(self.deadline_edges),
            "batch_edges_images": list(self.batch_edges),
            "actions": list(ACTIONS),
            "epsilon": self.epsilon,
            "intervals": self.intervals,
            "values": self.values.tolist(),
            "counts": self.counts.tolist(),
        }
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def fitting_gillis_state(path: Path, settings: GillisSettings, applications: Sequence[str]) -> GillisState:
    """The state in `path`, for `applications` and the classes of `settings`.

    Raises
    ------
    DataFileError
        The file is missing or damaged.
    ConfigurationError
        It was trained on other applications, or with other classes of deadlines or batches: both are named.
    """
    state = read_gillis_state(path)
    if not set(applications) <= set(state.applications):
        raise ConfigurationError(
            f"{path} was trained on the applications {', '.join(state.applications)}, the run has "
            f"{', '.join(applications)}; train a policy for them with: {REMEDY}"
        )
    for name in ("deadline_edges", "batch_edges"):
        found, wanted = getattr(state, name), getattr(settings, name)
        if found != wanted:
            raise ConfigurationError(
                f"{path} was trained with gillis.{name} {list(found)}, the settings have {list(wanted)}; "
                f"train a policy with those with: {REMEDY}"
            )
    return state


def read_gillis_state(path: Path) -> GillisState:
    """The state in the file `path`; raises DataFileError if it is missing or damaged."""
    content = read_json(path, REMEDY)
    state = GillisState(
        _all_of(str, content, "applications", path),
        _all_of(float, content, "deadline_edges_intervals", path),
        _all_of(float, content, "batch_edges_images", path),
        epsilon=checked(content, "epsilon", float, path, REMEDY),
        intervals=checked(content, "intervals", int, path, REMEDY),
    )
    state.values = _table(content, "values", state.values.shape, path)
    counts = _table(content, "counts", state.values.shape, path)
    state.counts = counts.astype(np.int64)
    if not (0 <= state.epsilon <= 1 and state.values.min() >= 0 and state.values.max() <= BEST_REWARD):
        raise DataFileError(f"{path}: epsilon and values must be 0 to 1; make it again with: {REMEDY}")
    if state.intervals < 0 or counts.min() < 0 or (counts != state.counts).any():
        raise DataFileError(f"{path}: intervals and counts must be whole numbers from 0; make it again with: {REMEDY}")
    return state


def _all_of(kind: Any, content: Dict[str, Any], key: str, path: Path) -> Tuple[Any, ...]:
    entries = {f"{key}[{index}]": one for index, one in enumerate(checked(content, key, list, path, REMEDY))}
    return tuple(checked(entries, name, kind, path, REMEDY) for name in entries)


def _table(content: Dict[str, Any], key: str, shape: Tuple[int, ...], path: Path) -> FloatArray:
    rows = checked(content, key, list, path, REMEDY)
    try:
        table = np.array(rows, dtype=float)
    except (TypeError, ValueError):  # ragged rows, or something else than numbers
        table = np.zeros(0)
    if table.shape != shape or not np.isfinite(table).all():
        wanted = " x ".join(map(str, shape))
        raise DataFileError(f"{path}: {key!r} must be {wanted} finite numbers; make it again with: {REMEDY}")
    return table
