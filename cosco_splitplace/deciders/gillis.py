"""Gillis [32] as the paper adapts it (section 6.5): reinforcement learning between layer split and compressed model.

The paper says no more than that, and that no serverless functions are used. Here: tabular Q-learning with
epsilon-greedy exploration. A task is an episode of one decision, whose reward (equation 15's term) comes when the task
leaves. What is known of a task when it comes is the context: its application, its deadline, its batch.
"""
from __future__ import annotations

from typing import Dict, List, Sequence

import numpy as np

from ..config import GillisSettings
from ..records import Decision, Task, TaskOutcome
from ..regimes import trained_file
from .gillis_state import ACTIONS, SHIPPED, GillisState, fitting_gillis_state
from .port import UNTRAINED, Decider, DeciderSetup


class GillisDecider(Decider):
    """The action with the larger value in the task's context, or with probability epsilon any; it goes on learning."""

    def __init__(self, setup: DeciderSetup) -> None:
        self.settings: GillisSettings = setup.settings.gillis
        for application in setup.applications.values():
            for split in ACTIONS:
                application.split(split)
        if self.settings.state_file == UNTRAINED:
            self.table = GillisState(
                tuple(setup.applications), self.settings.deadline_edges, self.settings.batch_edges
            )
        else:
            path = trained_file(self.settings.state_file, setup.settings.run.regime, SHIPPED)
            self.table = fitting_gillis_state(path, self.settings, list(setup.applications))
        self._generator = setup.generator

    def decide(self, tasks: Sequence[Task], interval: int) -> List[Decision]:
        return [self._decide(task) for task in tasks]

    def _decide(self, task: Task) -> Decision:
        if self._generator.random() < self.table.epsilon:
            return Decision(ACTIONS[int(self._generator.integers(len(ACTIONS)))], "exploring")
        values = self.table.values[self.table.context(task)]
        shown = ", ".join(f"{name} {value:.3f}" for name, value in zip(ACTIONS, values.tolist()))
        return Decision(ACTIONS[int(np.argmax(values))], f"value: {shown}")

    def learn(self, outcomes: Sequence[TaskOutcome], interval: int) -> float:
        """Q <- Q + step * (reward - Q); the step is 1 / N until that is below the settings', so that Q starts as a
        mean and then follows what changes."""
        table = self.table
        for one in outcomes:
            if one.split in ACTIONS:
                cell = (*table.context(one.task), ACTIONS.index(one.split))
                table.counts[cell] += 1
                step = max(self.settings.step_size, 1 / table.counts[cell])
                table.values[cell] += step * (one.reward - table.values[cell])
        table.epsilon = max(self.settings.exploration_floor, table.epsilon * self.settings.exploration_decay)
        table.intervals += 1
        return super().learn(outcomes, interval)

    def state(self) -> Dict[str, float]:
        return self.table.named()
