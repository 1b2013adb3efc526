"""GOBI and DASO: gradient search through a surrogate that is fine-tuned after every interval.

They differ in one thing: DASO's surrogate knows the split decisions.
"""
from __future__ import annotations

import math
from dataclasses import replace
from typing import Dict, Optional

import torch

from ..records import IntArray
from .fallback import FALLBACKS, Fallback
from .features import Encoding, encode, one_hot, slot_hosts
from .heuristics import RandomPlacer
from .port import PlacementProblem, Placer, PlacerSetup
from .search import Search
from .surrogate import DASO, GOBI, KINDS, PRICED_DASO, load_surrogate
from .traces import carried_out


class GradientPlacer(Placer):
    """Places by climbing the surrogate from the previous placement (eq. 12).

    A fragment that runs starts on its host; for one in the queue there is no previous placement: see
    ``surrogate.search_start``. Then each takes the host of its row's highest entry. If the surrogate predicts what is
    no number, the interval is placed by `least-loaded` instead, and counted (``fallbacks``).
    """

    kind: str

    def __init__(self, setup: PlacerSetup) -> None:
        self._settings = setup.settings
        self._search = setup.settings.surrogate
        self.surrogate = load_surrogate(
            self.kind, setup.cluster.n_hosts, setup.settings.surrogate.weights_dir, setup.settings.run.regime
        )
        groups = self.surrogate.parameter_groups(self._search.placement_decay)
        self._optimiser = torch.optim.AdamW(groups, lr=self._search.fine_tune_rate)
        self._start = RandomPlacer(setup)
        self._fallback = Fallback(setup)
        self._encoding: Optional[Encoding] = None
        self._predicted = math.nan
        self._steps = 0
        self._loss = math.nan

    def place(self, problem: PlacementProblem) -> IntArray:
        self._encoding = encode(problem, self._settings, KINDS[self.kind].decision_aware)
        self._predicted, self._steps = math.nan, 0
        if self._encoding.n_fragments == 0:
            return problem.current
        search = Search(self.surrogate, self._started(problem, self._encoding), self._search)
        search.climb()
        movable = problem.movable & self._search.migrate
        hosts = search.round(problem.current, movable, problem.ram_mb, problem.free_ram_mb)
        self._predicted, self._steps = search.predicted(), search.steps
        if not math.isfinite(self._predicted):
            return self._fallback.place(problem)
        return hosts

    def learn(self, objective: float, placement: IntArray) -> None:
        """One AdamW step on (state, decisions, placement carried out) -> objective (eq. 11)."""
        self._loss = math.nan
        if self._encoding is None or self._search.fine_tune_rate == 0 or not math.isfinite(objective):
            return
        loss = carried_out(self._encoding, placement, objective).error(self.surrogate)
        self._loss = float(loss.detach())
        if not math.isfinite(self._loss):
            return  # nothing can be learned from what is no number
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()

    def state(self) -> Dict[str, float]:
        return {
            "predicted": self._predicted, "search_steps": float(self._steps), "loss": self._loss,
            FALLBACKS: float(self._fallback.count),
        }

    def _started(self, problem: PlacementProblem, encoding: Encoding) -> Encoding:
        """`encoding` with the placement from which the search starts."""
        if self._search.search_start == "even":
            return encoding
        blocks, slots, n_hosts = encoding.placement.shape
        hosts = slot_hosts(self._start.place(problem), blocks, slots)
        return replace(encoding, placement=one_hot(hosts, n_hosts))


class GobiPlacer(GradientPlacer):
    """GOBI: the surrogate sees state and placement."""

    kind = GOBI


class DasoPlacer(GradientPlacer):
    """DASO, the paper's placer: the surrogate sees state, placement and split decisions."""

    kind = DASO


class PricedDasoPlacer(GradientPlacer):
    """Ours: DASO with a price on contention in its surrogate; the queue is rounded a few rows at a time, so that each
    sees what was placed before it."""

    kind = PRICED_DASO
