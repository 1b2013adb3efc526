"""The workload of section 6.2 as COSCO's Workload."""
from __future__ import annotations

from typing import Any, List, Tuple

from simulator.workload.Workload import Workload

from ..records import Fragment
from .models import FragmentDiskModel, FragmentIPSModel, FragmentRAMModel


class SplitPlaceWorkload(Workload):
    """Tasks arrive, are decided and split; what COSCO gets to see are containers, one a fragment.

    Only ready fragments are offered: those whose predecessor is complete. The books are the loop's.

    Parameters
    ----------
    environment : the SplitPlaceSimulator whose loop makes the tasks.
    """

    def __init__(self, environment: Any) -> None:
        super().__init__()
        self.environment = environment
        environment.workload = self

    def generateNewContainers(self, interval: int) -> List[Tuple[Any, ...]]:
        """Begin `interval`: new tasks arrive and are split. Returns all ready containers without a host."""
        self.environment.beginInterval(interval)
        return self.getUndeployedContainers()

    def getUndeployedContainers(self) -> List[Tuple[Any, ...]]:
        """Ready fragments in the queue, in the order in which they got ready."""
        return [self.containerInfo(one) for one in self.environment.loop.workflows.queue]

    def containerInfo(self, fragment: Fragment) -> Tuple[Any, ...]:
        """(CreationID, CreationInterval, IPSModel, RAMModel, DiskModel)."""
        loop = self.environment.loop
        task = loop.workflows.task_of(fragment.fragment_id)
        return (
            fragment.fragment_id,
            task.arrival_interval,
            FragmentIPSModel(fragment, task.arrival_interval + task.deadline_intervals, self.environment.max_mips),
            FragmentRAMModel(fragment),
            FragmentDiskModel(),
        )

    def updateDeployedContainers(self, creationIDs: Any) -> None:
        """Bring the books up to date from the loop's; `creationIDs` must be among them."""
        self.keepBooks()

    def keepBooks(self) -> None:
        """``createdContainers`` and ``deployedContainers``, by creation id."""
        history = self.environment.loop.history
        for fragment in history.fragments[len(self.createdContainers) :]:
            self.createdContainers.append((fragment.fragment_id,))
            self.deployedContainers.append(False)
        for fragment_id in history.input_link_mb:
            self.deployedContainers[fragment_id] = True
        self.creation_id = len(self.createdContainers)
