"""Gradient search through the surrogate (eq. 12).

Equation 12 prints P <- P - eta * grad f while f predicts an objective that is to be maximised (eq. 1, 10). Here the
sign is explicit: **f is maximised**, the search climbs.
"""
from __future__ import annotations

import math

import numpy as np
import torch

from ..config import SurrogateSettings
from ..records import BoolArray, FloatArray, IntArray
from .feasibility import assign_apart, assign_by_score
from .features import Encoding, contention
from .port import WAIT
from .surrogate import Surrogate

ROUNDS = 16  # most rounds of rounding; our own choice: more cost time, fewer see less of what was just placed


class Search:
    """One decision's search: first the relaxed placement climbs, then its rows are rounded.

    Parameters
    ----------
    surrogate : f, which is maximised.
    encoding : state, decisions and the previous placement, where the search starts.
    settings : eta, the most steps and the tolerance.
    """

    def __init__(self, surrogate: Surrogate, encoding: Encoding, settings: SurrogateSettings) -> None:
        self._surrogate = surrogate
        self._encoding = encoding
        self._settings = settings
        self._occupied = encoding.placement.sum(dim=2, keepdim=True) > 0
        with torch.no_grad():
            self._from_constant = surrogate.from_constant(encoding.constant)
        self.placement = encoding.placement
        self.steps = 0

    def climb(self) -> None:
        """Eq. 12 until a step moves the placement by less than ``search_tolerance`` (L2), or ``search_steps`` are made.

        Each step adds eta times the gradient and projects every row back to the placements of one fragment
        (non-negative numbers of sum 1). A gradient that is no number ends it, and leaves a placement of none.
        """
        change = math.inf
        while self.steps < self._settings.search_steps and change >= self._settings.search_tolerance:
            moved = project_to_simplex(self._climbed()) * self._occupied
            change = float((moved - self.placement).norm())
            self.placement = moved
            self.steps += 1

    def round(
        self, current: IntArray, movable: BoolArray, ram_mb: FloatArray, free_ram_mb: FloatArray
    ) -> IntArray:
        """Hosts for all fragments, (n_fragments,); WAIT for a queued one where no host has room.

        Running fragments come first: a movable one takes the host of its row's highest entry. Then the queue, each the
        host of its row's highest entry that has room. With a priced surrogate the queue is rounded in turns: rows that
        start alike climb alike, and rounding them at once would pile all of them on one host. So a few rows at a time
        are made one-hot, each on another host, and the gradient for the rest is taken anew.

        Parameters
        ----------
        current : (n_fragments,) host, or WAIT in the queue.
        movable : (n_fragments,) which running ones may move.
        ram_mb : (n_fragments,) what each needs.
        free_ram_mb : (n_hosts,) what is left.
        """
        n_hosts = len(free_ram_mb)
        hosts, free = current.copy(), free_ram_mb.copy()
        placed, queued = np.flatnonzero(current != WAIT), np.flatnonzero(current == WAIT)
        best = self.placement.reshape(-1, n_hosts)[: len(current)].argmax(dim=1).numpy()
        hosts[movable] = best[movable]
        moving = hosts != current
        np.subtract.at(free, hosts[moving], ram_mb[moving])
        self._commit(placed, hosts)
        if not self._surrogate.priced:
            rows = self.placement.reshape(-1, n_hosts)[queued].double().numpy()
            hosts[queued] = assign_by_score(rows, ram_mb[queued], free)
            self._commit(queued, hosts)
            return hosts
        for part in np.array_split(queued, max(1, min(len(queued), ROUNDS))):
            rows = self._climbed().reshape(-1, n_hosts)[part].double().numpy()
            hosts[part] = assign_apart(rows, ram_mb[part], free)
            self._commit(part, hosts)
        return hosts

    def predicted(self) -> float:
        """The surrogate's value of the placement, mean over blocks."""
        with torch.no_grad():
            return float(self._value(self.placement).mean())

    def _commit(self, rows: IntArray, hosts: IntArray) -> None:
        """Make `rows` of the placement one-hot at their ``hosts[rows]``, or empty where they wait."""
        flat = self.placement.reshape(-1, self.placement.shape[2]).clone()
        flat[rows] = 0.0
        placed = rows[hosts[rows] != WAIT]
        flat[placed, hosts[placed]] = 1.0
        self.placement = flat.reshape(self.placement.shape)

    def _climbed(self) -> torch.Tensor:
        """The placement one step further up, not yet projected."""
        placement = self.placement.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(self._value(placement).sum(), placement)
        return self.placement + self._settings.search_rate * gradient

    def _value(self, placement: torch.Tensor) -> torch.Tensor:
        encoding = self._encoding
        uneven = contention(placement, encoding.elsewhere, encoding.demand) if self._surrogate.priced else None
        return self._surrogate.predict(self._from_constant, placement, uneven)


def project_to_simplex(rows: torch.Tensor) -> torch.Tensor:
    """The nearest point (Euclidean) of the probability simplex for each row of the last dimension.

    Source: Duchi et al., "Efficient projections onto the l1-ball for learning in high dimensions", ICML 2008, fig. 1.
    """
    # numpy's sort: of a thousand rows torch's takes 15 times as long, and half of the whole search
    descending = torch.from_numpy(np.sort(rows.numpy(), axis=-1)).flip(-1)
    excess = descending.cumsum(dim=-1) - 1
    rank = torch.arange(1, rows.shape[-1] + 1, dtype=rows.dtype)
    kept = (descending * rank > excess).sum(dim=-1, keepdim=True)
    kept = kept.clamp_(min=1)  # none where a row holds what is no number, which stays so
    threshold = excess.gather(-1, kept - 1) / kept
    return (rows - threshold).clamp_(min=0)
