"""What a placer does whose surrogate predicts what is no number: it places that interval without it, and counts."""
from __future__ import annotations

from ..records import IntArray
from .heuristics import LeastLoadedPlacer
from .port import PlacementProblem, PlacerSetup

FALLBACKS = "fallbacks"  # the count's name in a placer's state and among the metrics


class Fallback:
    """Places as `least-loaded` does; ``count`` is how often it was asked to."""

    def __init__(self, setup: PlacerSetup) -> None:
        self._placer = LeastLoadedPlacer(setup)
        self.count = 0

    def place(self, problem: PlacementProblem) -> IntArray:
        self.count += 1
        return self._placer.place(problem)
