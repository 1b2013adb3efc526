"""What the views read of a run, finished or not: columns by name, whatever file they came from."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from ..evaluation.rows import FRAGMENT_COLUMNS, TASK_COLUMNS
from ..records import FloatArray, FragmentMove

Array = npt.NDArray[Any]
Columns = Dict[str, Array]

TEXTS = frozenset({"application", "split", "reason", "state", "depends_on", "hosts", "kind"})
TASKS: Tuple[str, ...] = tuple(TASK_COLUMNS)
FRAGMENTS: Tuple[str, ...] = tuple(FRAGMENT_COLUMNS)
MOVES: Tuple[str, ...] = tuple(one.name for one in fields(FragmentMove))
HOST_COLUMNS = (
    "cpu_utilisation", "work_mi", "energy_wh", "ram_used_mb", "fragments", "sent_mb", "received_mb", "bandwidth_mb_s",
    "latency_s",
)  # fmt: skip


@dataclass
class RunTables:
    """A run so far.

    Parameters
    ----------
    model : name of the policy.
    settings : all settings, nested.
    tasks, fragments : one row each, in order of id: row i has id i. Numbers are floats, NaN where there is none.
    moves : migrations and losses, in order.
    intervals : one row an interval; ``decider.`` and ``placer.`` columns among them.
    hosts : arrays (n_intervals, n_hosts) by name.
    host_types : (n_hosts,) names.
    cluster : what is known of the hosts that does not change, (n_hosts,) by name.
    """

    model: str
    settings: Mapping[str, Mapping[str, Any]]
    tasks: Columns
    fragments: Columns
    moves: Columns
    intervals: Columns
    hosts: Columns
    host_types: Sequence[str]
    cluster: Mapping[str, Sequence[float]]
    data_sources: Mapping[str, str]

    @property
    def interval_s(self) -> float:
        """Length of an interval."""
        return float(self.settings["run"]["interval_s"])

    @property
    def window(self) -> int:
        """Intervals in which tasks arrive; the run drains after them."""
        return int(self.settings["run"]["intervals"])

    @property
    def n_intervals(self) -> int:
        """Intervals that are done."""
        return len(self.intervals["interval"])

    @property
    def n_hosts(self) -> int:
        """Hosts; also the index of the broker."""
        return len(self.host_types)

    def fragments_of(self, task: int) -> npt.NDArray[np.int64]:
        """The ids of a task's fragments, in their order: they were made one after the other."""
        ids = self.fragments["task_id"]
        return np.arange(np.searchsorted(ids, task), np.searchsorted(ids, task, side="right"))


class GrowingColumns:
    """Columns to which rows are appended, and whose cells may change; `columns` shows them without a copy."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._count = 0
        self._arrays: Columns = {name: _empty(name, 64) for name in names}

    def __len__(self) -> int:
        return self._count

    @property
    def columns(self) -> Columns:
        """All columns, (n_rows,) each."""
        return {name: values[: self._count] for name, values in self._arrays.items()}

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """New rows; what a row lacks is NaN or empty."""
        end = self._count + len(rows)
        for name in self._names:
            values = self._arrays[name]
            if end > len(values):
                values = np.concatenate([values, _empty(name, max(len(values), end))])
                self._arrays[name] = values
            values[self._count : end] = [cell(name, row.get(name)) for row in rows]
        self._count = end

    def put(self, row: int, values: Mapping[str, Any]) -> None:
        """Change cells of a row; values of other columns are left out."""
        for name, value in values.items():
            if name in self._arrays:
                self._arrays[name][row] = cell(name, value)


def cell(name: str, value: Any) -> Any:
    """A value as its column holds it."""
    if name in TEXTS:
        if isinstance(value, list):
            return ";".join(map(str, value))
        return "" if value is None else str(value)
    return math.nan if value is None else value


def _empty(name: str, rows: int) -> Array:
    return np.full(rows, "", dtype=object) if name in TEXTS else np.full(rows, math.nan)


def series_columns(rows: Sequence[Mapping[str, Any]]) -> Columns:
    """Rows whose columns are not known beforehand, as float columns; NaN where a row lacks one."""
    names: Dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    return {name: np.array([cell(name, row.get(name)) for row in rows], dtype=float) for name in names}


def host_of_each(values: FloatArray) -> List[int]:
    """Hosts as whole numbers, -1 where there is none."""
    found: List[int] = np.where(np.isfinite(values), values, -1).astype(int).tolist()
    return found
