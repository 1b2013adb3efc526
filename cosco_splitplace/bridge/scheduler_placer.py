"""A COSCO scheduler as a Placer of our loop."""
from __future__ import annotations

from typing import Any, Dict, List, Tuple

from ..errors import SplitPlaceError
from ..placement.port import PlacementProblem, Placer, PlacerSetup
from ..records import IntArray
from .face import wanted_hosts
from .quiet import quiet


class SchedulerError(SplitPlaceError):
    """A scheduler failed while it decided."""


class SchedulerPlacer(Placer):
    """Asks a scheduler in COSCO's way: ``selection``, ``placement``, ``filter_placement``, a page at a time.

    Parameters
    ----------
    environment : the SplitPlaceSimulator that shows the problem; ``environment.scheduler`` is asked.
    setup : handed to a scheduler that wants it (``prepare``), as SplitPlaceScheduler does.
    """

    def __init__(self, environment: Any, setup: PlacerSetup) -> None:
        self.environment = environment
        self.scheduler = environment.scheduler
        self.selected: List[int] = []
        self.decision: List[Tuple[int, int]] = []
        if hasattr(self.scheduler, "prepare"):
            self.scheduler.prepare(setup)

    def place(self, problem: PlacementProblem) -> IntArray:
        environment = self.environment
        environment.show(problem)
        self.selected, self.decision = [], []
        try:
            with quiet():
                for page in range(environment.pages()):
                    environment.turnTo(page)
                    self._ask(page * environment.containerlimit)
        except SplitPlaceError:
            raise
        except Exception as error:
            raise SchedulerError(
                f"COSCO's {type(self.scheduler).__name__} failed in interval {environment.interval}: "
                f"{type(error).__name__}: {error}"
            ) from error
        return wanted_hosts(problem, environment.slot_of, self.decision)

    def _ask(self, first_slot: int) -> None:
        size = self.environment.containerlimit
        new = [one - first_slot for one in self.environment.deployed if 0 <= one - first_slot < size]
        selected = list(self.scheduler.selection() or [])
        wanted = self.scheduler.filter_placement(self.scheduler.placement(selected + new) or [])
        self.selected += [first_slot + one for one in selected]
        self.decision += [(first_slot + int(container), int(host)) for container, host in wanted]

    def learn(self, objective: float, placement: IntArray) -> None:
        self.environment.carriedOut(placement)
        if hasattr(self.scheduler, "learn"):
            self.scheduler.learn(objective, placement)

    def state(self) -> Dict[str, float]:
        return dict(self.scheduler.state()) if hasattr(self.scheduler, "state") else {}
