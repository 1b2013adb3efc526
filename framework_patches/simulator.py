"""COSCO's Simulator on this package's engine."""
from __future__ import annotations

from typing import Any, Sequence, Tuple

from simulator.Simulator import Simulator

from ..bridge.face import WAITING
from .container import SplitPlaceContainer
from .host import SplitPlaceHost
from .window import LoopWindow


class SplitPlaceSimulator(LoopWindow, Simulator):
    """The interface is COSCO's, the simulation is ``backends/simulated``, the same as in a standalone run.

    Parameters are COSCO's (power budget and router bandwidth are not used: both are per host here), and ``overflow``;
    see `LoopWindow`.
    """

    def __init__(
        self,
        TotalPower: float,
        RouterBw: float,
        Scheduler: Any,
        ContainerLimit: int,
        IntervalTime: float,
        hostinit: Sequence[Tuple[Any, ...]],
        overflow: str = WAITING,
    ) -> None:
        super().__init__(TotalPower, RouterBw, Scheduler, ContainerLimit, IntervalTime, hostinit)
        self.open(len(hostinit), overflow)

    def addHostInit(self, IPS: float, RAM: Any, Disk: Any, Bw: Any, Latency: float, Powermodel: Any) -> None:
        self.hostlist.append(SplitPlaceHost(len(self.hostlist), IPS, RAM, Disk, Bw, Latency, Powermodel, self))

    def addContainer(
        self, CreationID: int, CreationInterval: int, IPSModel: Any, RAMModel: Any, DiskModel: Any
    ) -> SplitPlaceContainer:
        slot = self.slot_of[CreationID]
        return SplitPlaceContainer(slot, CreationID, CreationInterval, IPSModel, RAMModel, DiskModel, self)
