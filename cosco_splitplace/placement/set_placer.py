"""`daso-set`, our own decision-aware placer: one surrogate for every number of hosts and fragments."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Dict, List, Optional

import numpy as np

from ..config import Settings
from ..records import BoolArray, FloatArray, IntArray
from .fallback import FALLBACKS, Fallback
from .port import WAIT, PlacementProblem, Placer, PlacerSetup
from .set_search import Fragments, Hosts, search
from .set_surrogate import load_pair_surrogate, surrogate_path

STEP_INTERVALS = 0.5  # what a step of a chain loses, on average, until the next interval begins


@dataclass(frozen=True)
class Choice:
    """What the networks saw of one decision about a fragment; see `set_search.search`."""

    fragment_ids: IntArray
    time_s: float
    times: FloatArray
    meetings: FloatArray


class DasoSetPlacer(Placer):
    """Places the queue by coordinate ascent on the surrogate's objective; may let a fragment wait.

    Running fragments stay where they are. If the surrogate predicts what is no number, the interval is placed by
    `least-loaded` instead, and counted (``fallbacks``).
    """

    explore = 0.0  # share of the queued fragments that are put on a random host or wait; for traces

    def __init__(self, setup: PlacerSetup) -> None:
        self._setup = setup
        self._settings = setup.settings.pair_surrogate
        self.weights = load_pair_surrogate(surrogate_path(self._settings.weights_dir)).weights()
        self._fallback = Fallback(setup)
        self._objective = math.nan
        self._waiting = 0
        self.choices: Optional[List[Choice]] = None

    def place(self, problem: PlacementProblem) -> IntArray:
        n_hosts = problem.cluster.n_hosts
        queue = np.flatnonzero(problem.queued)
        self._objective, self._waiting = math.nan, 0
        if not len(queue):
            return problem.current
        fragments, hosts = fragment_columns(problem, self._setup.settings), host_columns(problem, self._setup.settings)
        explore, explored = self._explored(len(problem.current), n_hosts)
        placed, objective, times, meetings = search(
            self.weights,
            fragments,
            hosts,
            problem.cluster.broker_link_mb_s * self._setup.settings.run.interval_s,
            problem.current,
            queue,
            problem.free_ram_mb,
            self._settings.time_price,
            self._settings.sweeps,
            explore,
            explored,
        )
        if not math.isfinite(objective):
            return self._fallback.place(problem)
        self._objective, self._waiting = objective, int((placed[queue] == WAIT).sum())
        if self.choices is not None:
            self.choices.append(
                Choice(problem.fragment_ids, problem.snapshot.time_s, times, meetings)
            )
        hosts_chosen: IntArray = placed
        return hosts_chosen

    def _explored(self, n: int, n_hosts: int) -> "tuple[BoolArray, IntArray]":
        if self.explore == 0.0:
            return np.zeros(n, dtype=bool), np.full(n, WAIT)
        draw = self._setup.generator
        hosts = np.where(draw.random(n) < 0.3, WAIT, draw.integers(n_hosts, size=n))
        return draw.random(n) < self.explore, hosts

    def state(self) -> Dict[str, float]:
        return {
            "predicted": self._objective, "held_back": float(self._waiting), FALLBACKS: float(self._fallback.count)
        }


class TracingDasoSetPlacer(DasoSetPlacer):
    """The same, which keeps what it saw, and now and then tries a random host, or waits, to see what comes of it."""

    explore = 0.1  # our own choice

    def __init__(self, setup: PlacerSetup) -> None:
        super().__init__(setup)
        self.choices = []


def fragment_columns(problem: PlacementProblem, settings: Settings) -> Fragments:
    """The fragments of `problem` as the search takes them."""
    span = settings.run.interval_s
    typical = float(problem.cluster.fragment_mips(settings.fragments.cores).mean()) * span
    _, task = np.unique(problem.task_ids, return_inverse=True)
    steps = problem.steps_after.astype(float)
    still = ~problem.queued & ~problem.movable  # placed, but their input is on its way
    there = np.maximum(problem.current, 0)
    return Fragments(
        work=problem.work_left_mi.astype(float),
        ram=problem.ram_mb.astype(float),
        input_mb=problem.input_mb.astype(float),
        source=problem.source,
        due=(problem.due_s - problem.snapshot.time_s) / span,
        rest=problem.work_after_mi / typical + STEP_INTERVALS * steps,
        steps=steps,
        weight=1.0 / np.bincount(task)[task],
        layer=problem.layer.astype(float),
        arriving=np.where(still, problem.input_mb / (problem.snapshot.bandwidth_mb_s[there] * span), 0.0),
    )


def host_columns(problem: PlacementProblem, settings: Settings) -> Hosts:
    """The hosts of `problem` as the search takes them."""
    span = settings.run.interval_s
    return Hosts(
        capacity=problem.cluster.mips * span,
        fragment=problem.cluster.fragment_mips(settings.fragments.cores) * span,
        link=problem.snapshot.bandwidth_mb_s * span,
    )
