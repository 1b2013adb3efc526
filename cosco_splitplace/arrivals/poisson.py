"""The workload of section 6.2: Poisson arrivals, uniform application, uniform batch, and the deadline law."""
from __future__ import annotations

import math
from typing import List, Mapping

import numpy as np

from ..config import ArrivalSettings
from ..errors import require
from ..records import Task
from .catalogue import Application

SHORTEST_DEADLINE = 2  # intervals


def deadline_bound(application: Application, settings: ArrivalSettings) -> int:
    """The end (excluded) of the deadline law's range [2, 2l - 2), in intervals."""
    return math.ceil(2 * application.deadline_scale_intervals * settings.deadline_scale - 2)


def longest_deadline(settings: ArrivalSettings, applications: Mapping[str, Application]) -> int:
    """The longest deadline that the workload can have, in intervals."""
    return max(deadline_bound(one, settings) - 1 for one in applications.values())


class PoissonArrivals:
    """New tasks N_t of every interval.

    Deadlines: a uniform integer in [2, 2l - 2) intervals, l being the application's own times the workload's scale.

    Parameters
    ----------
    settings : rates and ranges.
    applications : the catalogue; drawn from uniformly.
    generator : every draw comes from it, a fixed number of draws a task, so that the workload of a seed is the same
        for every policy.
    intervals : the run's length, of which each of the settings' ``rate_steps`` takes an equal part.
    """

    def __init__(
        self, settings: ArrivalSettings, applications: Mapping[str, Application], generator: np.random.Generator,
        intervals: int = 1,
    ) -> None:
        for one in applications.values():
            require(
                deadline_bound(one, settings) > SHORTEST_DEADLINE,
                f"application {one.name!r} has deadline_scale_intervals {one.deadline_scale_intervals:g}, times "
                f"arrivals.deadline_scale {settings.deadline_scale:g}, so that no deadline lies in [2, 2l - 2); give "
                "l above 2",
            )
        self._settings = settings
        self._applications = list(applications.values())
        self._generator = generator
        self._intervals = intervals
        self._next_id = 0

    def tasks(self, interval: int) -> List[Task]:
        """The tasks that arrive at the start of `interval`."""
        return [self._task(interval) for _ in range(int(self._generator.poisson(self._rate(interval))))]

    def _rate(self, interval: int) -> float:
        steps = self._settings.rate_steps
        if not steps:
            return self._settings.rate
        return self._settings.rate * steps[min(interval * len(steps) // self._intervals, len(steps) - 1)]

    def _task(self, interval: int) -> Task:
        draw = self._generator
        application = self._applications[int(draw.integers(len(self._applications)))]
        task = Task(
            task_id=self._next_id,
            application=application.name,
            batch_images=int(draw.integers(self._settings.batch_min, self._settings.batch_max + 1)),
            deadline_intervals=int(draw.integers(SHORTEST_DEADLINE, deadline_bound(application, self._settings))),
            arrival_interval=interval,
            image_seed=int(draw.integers(2**31)),
        )
        self._next_id += 1
        return task
