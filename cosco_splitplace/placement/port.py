"""The Placer port: on which host does each fragment run?"""
from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Dict

import numpy as np

from ..cluster import Cluster
from ..config import Settings
from ..records import BoolArray, FloatArray, IntArray, Snapshot

WAIT = -1


@dataclass(frozen=True)
class PlacerSetup:
    """What a placer is built from; every random draw of the placer comes from ``generator``."""

    settings: Settings
    cluster: Cluster
    generator: np.random.Generator


@dataclass(frozen=True)
class PlacementProblem:
    """The fragments C_t to be placed and the state S_t; arrays have shape (n_fragments,), oldest fragment first.

    Only fragments whose predecessors have finished are here, so that every placement keeps the precedence chain.
    ``layer`` and ``semantic`` mark the fragments of such splits; one of a compressed network is neither.
    ``current`` is the host of a placed fragment and WAIT for one in the queue; a placed one may get another host only
    where ``movable``. ``source`` is the host that holds a queued fragment's input, or n_hosts for the broker.
    ``task_ids`` says which belong together, ``due_s`` when their task's result must be at the broker (in seconds since
    the run began); ``steps_after`` counts the fragments that can only start when this one has finished, and
    ``work_after_mi`` is theirs.
    ``free_ram_mb`` (n_hosts,) is what placements may still take.
    """

    cluster: Cluster
    snapshot: Snapshot
    fragment_ids: IntArray
    layer: BoolArray
    semantic: BoolArray
    task_ids: IntArray
    due_s: FloatArray
    steps_after: IntArray
    work_after_mi: FloatArray
    work_left_mi: FloatArray
    ram_mb: FloatArray
    input_mb: FloatArray
    source: IntArray
    current: IntArray
    movable: BoolArray
    free_ram_mb: FloatArray

    @property
    def queued(self) -> BoolArray:
        """Which fragments have no host yet."""
        waiting: BoolArray = self.current == WAIT
        return waiting


class Placer(ABC):
    """Chooses hosts for the queued fragments, and may move running ones.

    A placer is built with a `PlacerSetup`. In every interval the loop calls `place` once and, after the interval,
    `learn` once. The loop carries out what fits (see `feasibility.enforce`); the rest waits and is offered again.
    """

    @abstractmethod
    def place(self, problem: PlacementProblem) -> IntArray:
        """A host for each fragment of `problem`, or WAIT, (n_fragments,)."""

    def learn(self, objective: float, placement: IntArray) -> None:  # noqa: B027  (a placer may learn nothing)
        """The interval's O^P (eq. 10; NaN if no task left) and the placement that was carried out."""

    def state(self) -> Dict[str, float]:
        """What is worth recording every interval, by name."""
        return {}
