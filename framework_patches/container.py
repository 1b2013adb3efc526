"""A fragment as COSCO's Container."""
from __future__ import annotations

from typing import Any

from simulator.container.Container import Container

from .views import FragmentShown


class SplitPlaceContainer(FragmentShown, Container):
    """Shows one fragment of the engine.

    There is no attribute ``application``: COSCO's POND takes one for the name of a Docker image that it knows.
    """

    def __init__(
        self,
        ID: int,
        creationID: int,
        creationInterval: int,
        IPSModel: Any,
        RAMModel: Any,
        DiskModel: Any,
        Environment: Any,
        HostID: int = -1,
    ) -> None:
        super().__init__(ID, creationID, creationInterval, IPSModel, RAMModel, DiskModel, Environment, HostID)
        self.showFragment(IPSModel.fragment)

    def allocate(self, hostID: int, allocBw: float) -> float:
        raise NotImplementedError("fragments are placed by SplitPlaceSimulator.simulationStep, on the engine")

    def execute(self, lastMigrationTime: float) -> None:
        raise NotImplementedError("the engine executes fragments, see SplitPlaceSimulator.simulationStep")
