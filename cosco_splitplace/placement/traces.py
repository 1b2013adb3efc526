"""Execution traces Lambda = {[S_t, P_t, D_t], O_t}: what the surrogates are trained on (section 4.2)."""
from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import List, Sequence

import torch

from ..records import IntArray
from .features import (
    DECISION_FEATURES,
    Encoding,
    contention,
    demand_elsewhere,
    encode,
    one_hot,
    shuffle_slots,
    slot_hosts,
)
from .heuristics import HeuristicPlacer, LeastLoadedPlacer, RandomPlacer
from .port import PlacementProblem, Placer, PlacerSetup
from .surrogate import Surrogate


@dataclass(frozen=True)
class Trace:
    """Inputs and objectives: (n_rows, n_constant), (n_rows, n_slots), (n_rows,) and (n_rows,).

    ``hosts`` holds each slot's host, WAIT or EMPTY: its one-hot rows are made when they are needed, as all of them
    together would fill the memory.
    """

    constant: torch.Tensor
    hosts: torch.Tensor
    contention: torch.Tensor
    objective: torch.Tensor

    def error(self, surrogate: Surrogate) -> torch.Tensor:
        """The surrogate's mean squared error (eq. 11)."""
        predicted = surrogate(self.constant, one_hot(self.hosts, surrogate.n_hosts), self.contention)
        return torch.nn.functional.mse_loss(predicted, self.objective)

    def rows(self, rows: torch.Tensor) -> "Trace":
        """Some rows of it."""
        return Trace(self.constant[rows], self.hosts[rows], self.contention[rows], self.objective[rows])

    def with_slots(self, slots: torch.Tensor) -> "Trace":
        """The same with the fragments in the order `slots`, which means nothing to the objective."""
        return replace(self, constant=shuffle_slots(self.constant, slots), hosts=self.hosts[:, slots])

    def without_decisions(self) -> "Trace":
        """The same as GOBI sees it."""
        constant = self.constant.clone()
        constant[:, -self.hosts.shape[1] * DECISION_FEATURES :] = 0.0
        return replace(self, constant=constant)


def carried_out(encoding: Encoding, placement: IntArray, objective: float) -> Trace:
    """The rows of one interval: its state and decisions with the placement that was carried out, and its outcome."""
    blocks, slots, n_hosts = encoding.placement.shape
    hosts = slot_hosts(placement, blocks, slots)
    placed = one_hot(hosts, n_hosts, queued=0.0)
    return Trace(
        constant=encoding.constant,
        hosts=hosts,
        contention=contention(placed, demand_elsewhere(placed, encoding.demand), encoding.demand),
        objective=torch.full((blocks,), objective),
    )


class TracingPlacer(Placer):
    """Places by a heuristic drawn anew for every interval, so that good and bad placements are seen, and records.

    ``rows`` grows by the blocks of every interval in which a task left.
    """

    def __init__(self, setup: PlacerSetup) -> None:
        self._setup = setup
        self._heuristics: Sequence[HeuristicPlacer] = [
            one(setup) for one in (RandomPlacer, LeastLoadedPlacer)
        ]
        self._problem: PlacementProblem
        self.rows: List[Trace] = []

    def place(self, problem: PlacementProblem) -> IntArray:
        self._problem = problem
        chosen = int(self._setup.generator.choice(len(self._heuristics)))
        return self._heuristics[chosen].place(problem)

    def learn(self, objective: float, placement: IntArray) -> None:
        if not math.isfinite(objective):
            return
        encoding = encode(self._problem, self._setup.settings, decision_aware=True)
        self.rows.append(carried_out(encoding, placement, objective))

    def trace(self) -> Trace:
        """All rows as one trace."""
        columns = [[getattr(row, one.name) for row in self.rows] for one in fields(Trace)]
        return Trace(*map(torch.cat, columns))
