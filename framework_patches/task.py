"""A fragment as COSCO's Task."""
from __future__ import annotations

from typing import Any

from framework.task.Task import Task

from .views import FragmentShown


class SplitPlaceTask(FragmentShown, Task):
    """Shows one fragment that an agent runs as a container of ``image``.

    There is no attribute ``application``: COSCO's POND takes one for the name of a Docker image that it knows.
    """

    def __init__(
        self,
        ID: int,
        creationID: int,
        creationInterval: int,
        sla: int,
        application: str,
        Framework: Any,
        HostID: int = -1,
    ) -> None:
        super().__init__(ID, creationID, creationInterval, sla, application, Framework, HostID)
        del self.application
        self.image = application
        self.showFragment(Framework.loop.history.fragments[creationID])

    def containerDBInsert(self) -> None:
        """There is no database to tell."""

    def allocateAndExecute(self, hostID: int) -> None:
        raise NotImplementedError("fragments are placed by SplitPlaceFramework.simulationStep, through the backend")

    def allocateAndrestore(self, hostID: int) -> None:
        raise NotImplementedError("fragments are moved by SplitPlaceFramework.simulationStep, through the backend")
