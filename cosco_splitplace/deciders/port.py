"""The Decider port: which split does each new task get?"""
from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Dict, List, Mapping, Sequence

import numpy as np

from ..arrivals.catalogue import Application
from ..cluster import Cluster
from ..config import Settings
from ..records import Decision, Task, TaskOutcome

UNTRAINED = "untrained"  # in place of a state file: start from nothing


@dataclass(frozen=True)
class DeciderSetup:
    """What a decider is built from; every random draw of the decider comes from ``generator``."""

    settings: Settings
    applications: Mapping[str, Application]
    cluster: Cluster
    generator: np.random.Generator


class Decider(ABC):
    """Chooses the split d_i of every new task and learns from the tasks that leave.

    A decider is built with a `DeciderSetup`. In every interval the loop calls `decide` once, with the new tasks, and
    after the interval `learn` once, with the tasks that left.
    """

    @abstractmethod
    def decide(self, tasks: Sequence[Task], interval: int) -> List[Decision]:
        """One decision for each of `tasks`, in their order; each names a split of the task's application."""

    def learn(self, outcomes: Sequence[TaskOutcome], interval: int) -> float:
        """Take in the leaving tasks; returns the interval's reward in [0, 1] for the placer, NaN if none left."""
        return float(np.mean([one.reward for one in outcomes])) if outcomes else float("nan")

    def state(self) -> Dict[str, float]:
        """What is worth recording every interval, by name."""
        return {}
