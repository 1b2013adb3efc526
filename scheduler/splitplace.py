"""Placers as COSCO Schedulers."""
from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from scheduler.Scheduler import Scheduler

from ..bridge.face import as_decision
from ..placement import PLACERS, Placer, PlacerSetup
from ..records import IntArray


class SplitPlaceScheduler(Scheduler):
    """Any registered placer, asked in COSCO's way.

    Works in a SplitPlaceSimulator or SplitPlaceFramework, whose problem it reads; their loop decides the splits.

    Parameters
    ----------
    placer : name of a registered placer, or ``module:Name``; default DASO, the paper's.
    """

    def __init__(self, placer: str = "daso") -> None:
        super().__init__()
        self._make = PLACERS.get(placer)
        self._placer: Optional[Placer] = None

    def prepare(self, setup: PlacerSetup) -> None:
        """Build the placer; called when the loop is built."""
        self._placer = self._make(setup)

    @property
    def placer(self) -> Placer:
        """The placer that is asked."""
        if self._placer is None:
            raise RuntimeError(f"{type(self).__name__} works in a SplitPlaceSimulator or SplitPlaceFramework only")
        return self._placer

    def selection(self) -> List[int]:
        """None on its own account: `placement` may move what runs."""
        return []

    def placement(self, containerIDs: Any) -> List[Tuple[int, int]]:
        """(container, host) for each that gets a host or moves."""
        problem = self.env.problem
        return as_decision(problem, self.env.slot_of, self.placer.place(problem))

    def learn(self, objective: float, placement: IntArray) -> None:
        """The interval's objective (eq. 10) and what was carried out."""
        self.placer.learn(objective, placement)

    def state(self) -> Dict[str, float]:
        """What the placer wishes to show."""
        return self.placer.state()


class DASOScheduler(SplitPlaceScheduler):
    """The paper's decision-aware placer (section 4.2), built on GOBI."""

    def __init__(self) -> None:
        super().__init__("daso")
