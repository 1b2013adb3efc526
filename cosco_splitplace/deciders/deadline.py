"""Our own decider: the split with the best expected reward, by a learned probability of keeping the deadline.

The reward of a task is (deadline kept + accuracy) / 2 (equation 15), so its expectation under a split is
(P(deadline kept) + accuracy) / 2. Both are learned from outcomes alone: the probability by a logistic regression on
the task's outlook (its time alone against its deadline, and what is under way), the accuracy by a mean.
"""
from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, Sequence, Tuple

import numpy as np

from ..arrivals.catalogue import Application
from ..records import Decision, FloatArray, Task, TaskOutcome
from ..regimes import trained_file
from .deadline_state import SHIPPED, DeadlineState, read_deadline_state
from .online_logistic import sigmoid
from .outlook import Demand, Outlook
from .port import UNTRAINED, Decider, DeciderSetup

CATALOGUE_TASKS = 20  # the catalogue's accuracy counts as much as that of so many tasks (our own choice)


@dataclass(frozen=True)
class Option:
    """One split of one task: what it asks for, its features, and what is expected of it."""

    split: str
    demand: Demand
    features: FloatArray
    p_deadline: float
    reward: float


class DeadlineDecider(Decider):
    """Chooses by expected reward, and goes on learning; old evidence fades, so that it follows what changes."""

    def __init__(self, setup: DeciderSetup) -> None:
        self.settings = setup.settings.deadline
        self._applications = setup.applications
        self._generator = setup.generator
        for application in setup.applications.values():
            for split in self.settings.splits:
                application.split(split)
        if self.settings.state_file == UNTRAINED:
            self.belief = DeadlineState(self.settings.splits)
        else:
            path = trained_file(self.settings.state_file, setup.settings.run.regime, SHIPPED)
            self.belief = read_deadline_state(path, self.settings.splits)
        self._outlook = Outlook(setup.settings, setup.cluster)
        self._accuracies = LearnedAccuracies(setup.applications)
        self._features: Dict[int, FloatArray] = {}  # by task under way

    def decide(self, tasks: Sequence[Task], interval: int) -> List[Decision]:
        return [self._decide(task) for task in tasks]

    def _decide(self, task: Task) -> Decision:
        options = [self._option(task, split) for split in self.settings.splits]
        best = max(options, key=lambda one: one.reward)
        self._outlook.enters(task, best.demand)
        self._features[task.task_id] = best.features
        shown = ", ".join(f"{one.split} {one.reward:.3f} (in time {one.p_deadline:.3f})" for one in options)
        return Decision(best.split, f"expected: {shown}", best.p_deadline)

    def _option(self, task: Task, split: str) -> Option:
        demand = self._outlook.demand(task, self._applications[task.application], split)
        features = self._outlook.features(task, demand)
        p = self._probability(*self.belief.beliefs[split].logit(features))
        return Option(split, demand, features, p, (p + self._accuracies.mean(task.application, split)) / 2)

    def _probability(self, mean: float, variance: float) -> float:
        return sigmoid(mean)

    def learn(self, outcomes: Sequence[TaskOutcome], interval: int) -> float:
        """Bayes' rule for each leaving task's split, after a share of what that split knew is forgotten."""
        self._outlook.leaves([one.task for one in outcomes])
        for one in outcomes:
            belief = self.belief.beliefs[one.split]
            belief.forget(self.settings.forgetting)
            belief.learn(self._features.pop(one.task.task_id), not one.violated)
            self.belief.outcomes[one.split] += 1
            self._accuracies.learn(one)
        return super().learn(outcomes, interval)

    def state(self) -> Dict[str, float]:
        return self.belief.named()


class TrainingDeadlineDecider(DeadlineDecider):
    """The same decider while it is trained: from nothing, by Thompson sampling (Thompson, 1933).

    A probability is drawn from the belief about it: what is uncertain is tried, and less often the surer it gets.
    """

    def __init__(self, setup: DeciderSetup) -> None:
        untrained = setup.settings.replace(deadline={"state_file": UNTRAINED})
        super().__init__(replace(setup, settings=untrained))

    def _probability(self, mean: float, variance: float) -> float:
        return sigmoid(mean + math.sqrt(variance) * float(self._generator.standard_normal()))


class LearnedAccuracies:
    """Mean accuracies by application and split, which start at the catalogue's."""

    def __init__(self, applications: Mapping[str, Application]) -> None:
        self._means: Dict[Tuple[str, str], Tuple[float, int]] = {
            (application.name, split.name): (split.accuracy, CATALOGUE_TASKS)
            for application in applications.values()
            for split in application.splits.values()
        }

    def mean(self, application: str, split: str) -> float:
        """The mean so far, in [0, 1]."""
        return self._means[application, split][0]

    def learn(self, outcome: TaskOutcome) -> None:
        """Take in one task's accuracy."""
        key = (outcome.task.application, outcome.split)
        mean, count = self._means[key]
        if np.isfinite(outcome.accuracy):
            self._means[key] = mean + (outcome.accuracy - mean) / (count + 1), count + 1
