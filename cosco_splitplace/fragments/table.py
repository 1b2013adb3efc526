"""What placers are told of fragments, as columns by id: a problem is gathered from them without a loop over rows."""
from __future__ import annotations

from typing import Any, Dict, Sequence, Tuple

import numpy as np

from ..records import LAYER, SEMANTIC, Fragment, IntArray

UNKNOWN = -2  # where a predecessor that has not finished will leave its output
ROW = np.dtype(
    [
        ("layer", np.bool_),
        ("semantic", np.bool_),
        ("work_mi", np.float64),
        ("ram_mb", np.float64),
        ("input_mb", np.float64),
        ("source", np.int64),
        ("task_id", np.int64),
        ("due_s", np.float64),
        ("steps_after", np.int64),
        ("work_after_mi", np.float64),
    ]
)


class FragmentTable:
    """One row a fragment, in order of id; ``source`` is the host that holds its input, or UNKNOWN.

    Parameters
    ----------
    broker : index of the broker, where the inputs of fragments without predecessors are.
    """

    def __init__(self, broker: int) -> None:
        self._broker = broker
        self._rows = np.zeros(1024, ROW)
        self._count = 0

    def add(self, fragments: Sequence[Fragment], due_s: float) -> None:
        """One task's fragments, with the next ids; its result is due at `due_s`."""
        total = self._count + len(fragments)
        while total > len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        after = _after(fragments)
        self._rows[self._count : total] = [
            (
                one.split == LAYER, one.split == SEMANTIC, one.work_mi, one.ram_mb, one.input_mb,
                UNKNOWN if one.depends_on else self._broker, one.task_id, due_s, *after[one.fragment_id],
            )
            for one in fragments
        ]
        self._count = total

    def column(self, name: str, fragment_ids: IntArray) -> Any:
        """One of ROW's columns for these fragments, in this order."""
        return self._rows[name][fragment_ids]

    def set_source(self, fragment_id: int, host: int) -> None:
        """The fragment's predecessor has finished on `host`."""
        self._rows["source"][fragment_id] = host


def _after(fragments: Sequence[Fragment]) -> Dict[int, Tuple[int, float]]:
    """By fragment id: how many fragments wait for it, directly or not, and their work in MI."""
    after: Dict[int, Tuple[int, float]] = {one.fragment_id: (0, 0.0) for one in fragments}
    for one in reversed(fragments):  # a fragment depends on earlier ones only
        steps, work = after[one.fragment_id]
        for before in one.depends_on:
            after[before] = steps + 1, work + one.work_mi
    return after
