"""Gradient search through the surrogate (eq. 12).

Equation 12 prints P <- P - eta * grad f while f predicts an objective that is to be maximised (eq. 1, 10). Here the
sign is explicit: **f is maximised**, the search climbs.
"""
from __future__ import annotations

import math

import numpy as np
import torch

from ..config import SurrogateSettings
from ..records import FloatArray, IntArray
from .features import Encoding, placement_effects
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
        (non-negative numbers of sum 1).
        """
        change = math.inf
        while self.steps < self._settings.search_steps and change >= self._settings.search_tolerance:
            moved = self._stepped()
            change = float((moved - self.placement).norm())
            self.placement = moved
            self.steps += 1

    def round(self, queued: IntArray, ram_mb: FloatArray, free_ram_mb: FloatArray) -> IntArray:
        """Hosts for the `queued` fragments (their rows), in rounds; WAIT where none has room.

        Rows that start alike climb alike, and rounding them at once would pile all of them on one host. So a few
        rows at a time are made one-hot, each on another host, and the gradient for the rest is taken anew.

        Parameters
        ----------
        queued : (n_queued,) row numbers, in the order in which they are served.
        ram_mb : (n_queued,) what each needs.
        free_ram_mb : (n_hosts,) what is left.
        """
        hosts = np.full(len(queued), WAIT)
        free = free_ram_mb.copy()
        n_hosts = len(free)
        for part in np.array_split(np.arange(len(queued)), min(len(queued), ROUNDS)):
            rows = self._stepped().reshape(-1, n_hosts)[queued[part]].numpy().astype(float)
            for i, row in zip(part, rows):
                fits = np.where(free >= ram_mb[i], row, -np.inf)
                fits[hosts[part][hosts[part] != WAIT]] -= 1.0  # another one of this round is there
                best = int(fits.argmax())
                if np.isfinite(fits[best]):
                    hosts[i] = best
                    free[best] -= ram_mb[i]
            self._commit(queued[part], hosts[part], n_hosts)
        return hosts

    def predicted(self) -> float:
        """The surrogate's value of the placement, mean over blocks."""
        with torch.no_grad():
            return float(self._value(self.placement).mean())

    def _commit(self, rows: IntArray, hosts: IntArray, n_hosts: int) -> None:
        flat = self.placement.reshape(-1, n_hosts).clone()
        flat[rows] = 0.0
        placed = hosts != WAIT
        flat[rows[placed], hosts[placed]] = 1.0
        self.placement = flat.reshape(self.placement.shape)

    def _stepped(self) -> torch.Tensor:
        placement = self.placement.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(self._value(placement).sum(), placement)
        return project_to_simplex(self.placement + self._settings.search_rate * gradient) * self._occupied

    def _value(self, placement: torch.Tensor) -> torch.Tensor:
        encoding = self._encoding
        effects = placement_effects(placement, encoding.elsewhere, encoding)
        return self._surrogate.predict(self._from_constant, placement, effects)


def project_to_simplex(rows: torch.Tensor) -> torch.Tensor:
    """The nearest point (Euclidean) of the probability simplex for each row of the last dimension.

    Source: Duchi et al., "Efficient projections onto the l1-ball for learning in high dimensions", ICML 2008, fig. 1.
    """
    descending = rows.sort(dim=-1, descending=True).values
    excess = descending.cumsum(dim=-1) - 1
    rank = torch.arange(1, rows.shape[-1] + 1, dtype=rows.dtype)
    kept = (descending * rank > excess).sum(dim=-1, keepdim=True)
    threshold = excess.gather(-1, kept - 1) / kept
    return (rows - threshold).clamp_(min=0)
