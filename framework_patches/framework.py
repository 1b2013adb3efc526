"""COSCO's Framework on agents that speak COSCO's opcodes."""
from __future__ import annotations

from typing import Any, Sequence, Tuple

from framework.Framework import Framework

from ..bridge.face import WAITING
from .node import SplitPlaceNode
from .task import SplitPlaceTask
from .window import LoopWindow


class SplitPlaceFramework(LoopWindow, Framework):
    """The interface is COSCO's; what runs is the loop on a backend of real hosts (``bridge/opcode_backend.py``).

    A dead agent, a lost migration or an HTTP 500 costs time: the backend makes a record of it, and none ends the run.

    Parameters are COSCO's, and ``overflow`` (see `LoopWindow`). ``database`` may be None: nothing is written to it;
    what COSCO keeps there is in the run's tables.
    """

    def __init__(
        self,
        Scheduler: Any,
        ContainerLimit: int,
        IntervalTime: float,
        hostinit: Sequence[Tuple[Any, ...]],
        database: Any,
        env: str,
        logger: Any,
        overflow: str = WAITING,
    ) -> None:
        super().__init__(Scheduler, ContainerLimit, IntervalTime, hostinit, database, env, logger)
        self.open(len(hostinit), overflow)

    def addHostInit(self, IP: str, IPS: float, RAM: Any, Disk: Any, Bw: Any, Powermodel: Any) -> None:
        self.hostlist.append(SplitPlaceNode(len(self.hostlist), IP, IPS, RAM, Disk, Bw, Powermodel, self))

    def addContainer(self, CreationID: int, CreationInterval: int, SLA: int, Application: str) -> SplitPlaceTask:
        return SplitPlaceTask(self.slot_of[CreationID], CreationID, CreationInterval, SLA, Application, self)
