"""A fragment as COSCO's Container."""
from __future__ import annotations

from typing import Any, Tuple

from simulator.container.Container import Container


class SplitPlaceContainer(Container):
    """Shows one fragment of the engine; nothing is executed here.

    ``id`` is its index in the container list, ``creationID`` the fragment's id, ``slot`` the index over all pages.
    The simulator keeps ``hostid``, ``work_left_mi`` and ``movable`` up to date. There is no attribute
    ``application``: COSCO's POND takes one for a Docker image.
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
        self.fragment = IPSModel.fragment
        self.slot = ID
        self.work_left_mi = float(self.fragment.work_mi)
        self.movable = False

    def getBaseIPS(self) -> float:
        """MIPS that would finish it within an interval, at most what it can use; 0 when it is complete."""
        return min(self.ipsmodel.getMaxIPS(), self.work_left_mi / self.env.intervaltime)

    def getApparentIPS(self) -> float:
        """MIPS that it gets on its host now; without a host, the most that it could use."""
        if self.hostid == -1:
            return float(self.ipsmodel.getMaxIPS())
        return 0.0 if self.work_left_mi <= 0 else float(self.env.view.apparent_mips[self.hostid])

    def getRAM(self) -> Tuple[float, float, float]:
        self.lastContainerSize = self.fragment.ram_mb
        return self.fragment.ram_mb, 0.0, 0.0

    def allocate(self, hostID: int, allocBw: float) -> float:
        raise NotImplementedError("fragments are placed by SplitPlaceSimulator.simulationStep, on the engine")

    def execute(self, lastMigrationTime: float) -> None:
        raise NotImplementedError("the engine executes fragments, see SplitPlaceSimulator.simulationStep")

    def finish(self, interval: int) -> None:
        """It has no work left; its host is free of it."""
        self.work_left_mi = 0.0
        self.destroyAt = interval
        self.active = False
