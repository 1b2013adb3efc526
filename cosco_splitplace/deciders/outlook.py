"""What is known when a task arrives of how it will fare under a split: its time alone, and what is under way."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Dict, Sequence

import numpy as np

from ..arrivals.catalogue import Application
from ..cluster import Cluster
from ..config import Settings
from ..fragments.workflow import make_fragments
from ..records import FloatArray, Fragment, Task

FEATURES = (
    "constant",
    "log(deadline / time alone)",
    "log(time alone)",
    "work under way",
    "memory under way",
    "data under way",
)
STEP_INTERVALS = 0.5  # what a step of a chain loses, on average, until the next interval begins


@dataclass(frozen=True)
class Demand:
    """What one task asks for under one split.

    ``alone`` is its time in intervals on average hosts that do nothing else. ``amounts`` (3,) are its work, its
    memory and its data to and from the broker, in intervals of the whole cluster's CPUs, in shares of all memory, and
    in intervals of the broker's link: no number in it depends on how many hosts there are.
    """

    alone: float
    amounts: FloatArray


class Outlook:
    """The demands of tasks, and the sum of those that are under way."""

    def __init__(self, settings: Settings, cluster: Cluster) -> None:
        self._settings = settings.fragments
        span = settings.run.interval_s
        self._pace = float(cluster.fragment_mips(settings.fragments.cores).mean()) * span
        self._link = float(cluster.link_mb_s.mean()) * span
        self._whole = np.array([cluster.mips.sum() * span, cluster.ram_mb.sum(), cluster.broker_link_mb_s * span])
        self._under_way: Dict[int, FloatArray] = {}
        self._load: FloatArray = np.zeros(len(self._whole))

    def demand(self, task: Task, application: Application, split: str) -> Demand:
        """What `task` asks for under `split`."""
        fragments = make_fragments(task, application.split(split), self._settings, 0)
        chain = any(one.depends_on for one in fragments)
        times = [self._time(one) for one in fragments]
        ram = [one.ram_mb for one in fragments]
        amounts = (
            sum(one.work_mi for one in fragments),
            max(ram) if chain else sum(ram),  # a chain holds one fragment's at a time
            sum((0 if one.depends_on else one.input_mb) + (one.output_mb if one.is_last else 0) for one in fragments),
        )
        alone = sum(times) + STEP_INTERVALS * (len(times) - 1) if chain else max(times)
        return Demand(alone, np.array(amounts) / self._whole)

    def features(self, task: Task, demand: Demand) -> FloatArray:
        """`FEATURES` of `task`, (n_features,); its own demand is under way too."""
        known = (1.0, math.log(task.deadline_intervals / demand.alone), math.log(demand.alone))
        return np.concatenate([known, self._load + demand.amounts])

    def enters(self, task: Task, demand: Demand) -> None:
        """`task` is under way from now on."""
        self._under_way[task.task_id] = demand.amounts
        self._load = self._load + demand.amounts

    def leaves(self, tasks: Sequence[Task]) -> None:
        """`tasks` have left the system."""
        for one in tasks:
            self._load = self._load - self._under_way.pop(one.task_id)

    def _time(self, fragment: Fragment) -> float:
        """Intervals that `fragment` takes, with its data's way."""
        data = fragment.input_mb + (fragment.output_mb if fragment.is_last else 0.0)
        return data / self._link + fragment.work_mi / self._pace
