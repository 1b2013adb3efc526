"""GOBI and DASO: gradient search through a surrogate that is fine-tuned after every interval.

They differ in one thing: DASO's surrogate knows the split decisions.
"""
from __future__ import annotations

import math
from typing import Dict, Optional

import torch

from ..records import IntArray
from .features import Encoding, encode
from .port import PlacementProblem, Placer, PlacerSetup
from .search import Search
from .surrogate import DASO, GOBI, load_surrogate
from .traces import carried_out


class GradientPlacer(Placer):
    """Places by climbing the surrogate from the previous placement (eq. 12).

    A queued fragment gets the host of the highest entry of its row that has room; a running one moves where another
    entry of its row has overtaken that of its own host.
    """

    kind: str
    decision_aware: bool

    def __init__(self, setup: PlacerSetup) -> None:
        self._settings = setup.settings
        self._search = setup.settings.surrogate
        self.surrogate = load_surrogate(
            self.kind, setup.cluster.n_hosts, setup.settings.surrogate.weights_dir, setup.settings.run.regime
        )
        groups = self.surrogate.parameter_groups(self._search.placement_decay)
        self._optimiser = torch.optim.AdamW(groups, lr=self._search.fine_tune_rate)
        self._encoding: Optional[Encoding] = None
        self._predicted = math.nan
        self._steps = 0
        self._loss = math.nan

    def place(self, problem: PlacementProblem) -> IntArray:
        self._encoding = encode(problem, self._settings, self.decision_aware)
        self._predicted, self._steps = math.nan, 0
        if self._encoding.n_fragments == 0:
            return problem.current
        search = Search(self.surrogate, self._encoding, self._search)
        search.climb()
        movable = problem.movable & self._search.migrate
        hosts = search.round(problem.current, movable, problem.ram_mb, problem.free_ram_mb)
        self._predicted, self._steps = search.predicted(), search.steps
        return hosts

    def learn(self, objective: float, placement: IntArray) -> None:
        """One AdamW step on (state, decisions, placement carried out) -> objective (eq. 11)."""
        self._loss = math.nan
        if self._encoding is None or self._search.fine_tune_rate == 0 or not math.isfinite(objective):
            return
        row = carried_out(self._encoding, placement, objective)
        loss = row.error(self.surrogate)
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self._loss = float(loss.detach())

    def state(self) -> Dict[str, float]:
        return {"predicted": self._predicted, "search_steps": float(self._steps), "loss": self._loss}


class GobiPlacer(GradientPlacer):
    """GOBI: the surrogate sees state and placement."""

    kind = GOBI
    decision_aware = False


class DasoPlacer(GradientPlacer):
    """DASO, the paper's placer: the surrogate sees state, placement and split decisions."""

    kind = DASO
    decision_aware = True
