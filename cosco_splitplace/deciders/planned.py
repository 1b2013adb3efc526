"""A decider that was told beforehand: a plan of every task's split, such as a clairvoyant search makes."""
from __future__ import annotations

from typing import List, Mapping, Sequence

from ..errors import ConfigurationError
from ..records import Decision, Task
from .port import Decider, DeciderSetup


class PlannedDecider(Decider):
    """Carries out a plan; learns nothing.

    It is built with a plan beside the setup, so that it is in no registry: give `simulation.build_loop` a function of
    the setup.

    Parameters
    ----------
    setup : as every decider's.
    plan : the split of each task by its id; all tasks that arrive must be in it.
    """

    def __init__(self, setup: DeciderSetup, plan: Mapping[int, str]) -> None:
        self._applications = setup.applications
        self._plan = plan

    def decide(self, tasks: Sequence[Task], interval: int) -> List[Decision]:
        return [self._decide(task) for task in tasks]

    def _decide(self, task: Task) -> Decision:
        if task.task_id not in self._plan:
            raise ConfigurationError(
                f"task {task.task_id} of interval {task.arrival_interval} is not in the plan, which holds "
                f"{len(self._plan)} tasks; it was made for another seed, rate or number of intervals"
            )
        split = self._plan[task.task_id]
        self._applications[task.application].split(split)
        return Decision(split, "planned")
