"""What a workload offers to COSCO, whichever of its two Workload classes it wears."""
from __future__ import annotations

from typing import Any, List, Tuple

from ..records import Fragment, Task

Info = Tuple[Any, ...]


class FragmentOffers:
    """Tasks arrive, are decided and split; what COSCO gets to see are containers, one a fragment.

    Only ready fragments are offered: those whose predecessor is complete. The books are the loop's.

    Parameters
    ----------
    environment : the SplitPlaceSimulator or SplitPlaceFramework whose loop makes the tasks.
    """

    creation_id: int
    createdContainers: List[Any]
    deployedContainers: List[bool]

    def __init__(self, environment: Any) -> None:
        super().__init__()
        self.environment = environment
        environment.workload = self

    def containerInfo(self, fragment: Fragment) -> Info:
        """What the environment's ``addContainer`` takes; (creation id, creation interval, ...)."""
        raise NotImplementedError

    def taskOf(self, fragment: Fragment) -> Task:
        """The task that the fragment is of."""
        task: Task = self.environment.loop.workflows.task_of(fragment.fragment_id)
        return task

    def generateNewContainers(self, interval: int) -> List[Info]:
        """Begin `interval`: new tasks arrive and are split. Returns all ready containers without a host."""
        self.environment.beginInterval(interval)
        return self.getUndeployedContainers()

    def getUndeployedContainers(self) -> List[Info]:
        """Ready fragments in the queue, in the order in which they got ready."""
        return [self.containerInfo(one) for one in self.environment.loop.workflows.queue]

    def updateDeployedContainers(self, creationIDs: Any) -> None:
        """Bring the books up to date from the loop's; `creationIDs` must be among them."""
        self.keepBooks()

    def keepBooks(self) -> None:
        """``createdContainers`` and ``deployedContainers``, by creation id; a lost container is deployed no more."""
        history = self.environment.loop.history
        for fragment in history.fragments[len(self.createdContainers) :]:
            self.createdContainers.append((fragment.fragment_id,))
        self.deployedContainers = [one.fragment_id in history.input_link_mb for one in history.fragments]
        self.creation_id = len(self.createdContainers)
