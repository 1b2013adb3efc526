"""The multi-armed bandit of section 4.1: two contexts, two arms, equations 2 to 9."""
from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Sequence

import numpy as np

from ..config import BanditSettings
from ..records import LAYER, Decision, FloatArray, Task, TaskOutcome
from ..regimes import trained_file
from ..rewards.objective import ARMS, CONTEXTS, bandit_reward, context_of, context_rewards
from .bandit_state import SHAPE, SHIPPED, BanditState, read_state
from .port import UNTRAINED, Decider, DeciderSetup


class BanditDecider(Decider):
    """UCB over a trained state (eq. 9), which goes on learning (eq. 2 to 5).

    Decision counts grow when a decision is taken, not when its task leaves: the tasks of one interval would otherwise
    all see the same counts, and an arm that was never played would be played by all of them. Such an arm is tried
    before it is judged.
    """

    def __init__(self, setup: DeciderSetup) -> None:
        self.settings: BanditSettings = setup.settings.bandit
        for application in setup.applications.values():
            for split in ARMS:
                application.split(split)
        if self.settings.state_file == UNTRAINED:
            self.bandit = untrained_state(setup)
        else:
            path = trained_file(self.settings.state_file, setup.settings.run.regime, SHIPPED)
            self.bandit = read_state(path, list(setup.applications))
        self._generator = setup.generator

    def decide(self, tasks: Sequence[Task], interval: int) -> List[Decision]:
        return [self._decide(task) for task in tasks]

    def _decide(self, task: Task) -> Decision:
        bandit = self.bandit
        context = context_of(task.deadline_intervals, bandit.layer_estimates[task.application])
        scores = self._scores(context)
        arm = int(np.argmax(scores))
        bandit.counts[context, arm] += 1
        shown = ", ".join(f"{name} {score:.3f}" for name, score in zip(ARMS, scores.tolist()))
        return Decision(ARMS[arm], f"{CONTEXTS[context]} deadline: {shown}")

    def _scores(self, context: int) -> FloatArray:
        """Equation 9 for both arms; infinite for an arm that was never played."""
        counts = self.bandit.counts[context].astype(float)
        log_t = np.log(max(1, self.bandit.intervals))
        bonus = np.sqrt(log_t / np.maximum(counts, 1))
        scores: FloatArray = self.bandit.rewards[context] + np.where(
            counts == 0, np.inf, self.settings.exploration * bonus
        )
        return scores

    def learn(self, outcomes: Sequence[TaskOutcome], interval: int) -> float:
        """Equations 3 to 5, then 2; for a context and decision without a leaving task see ``bandit.empty_cell``."""
        bandit = self.bandit
        rewards = context_rewards(outcomes, bandit.layer_estimates)
        if self.settings.empty_cell == "zero" and outcomes:
            rewards = np.nan_to_num(rewards)
        seen = np.isfinite(rewards)
        bandit.rewards[seen] += self.settings.step_size * (rewards - bandit.rewards)[seen]
        weight = self.settings.ema_weight
        for one in outcomes:
            if one.split == LAYER:
                old = bandit.layer_estimates[one.task.application]
                bandit.layer_estimates[one.task.application] = weight * one.response_intervals + (1 - weight) * old
        bandit.intervals += 1
        # without an outcome that is an arm's there may be others, whose mean the placer can learn from
        return bandit_reward(rewards) if seen.any() else super().learn(outcomes, interval)

    def state(self) -> Dict[str, float]:
        return self.bandit.named()


class TrainingBanditDecider(BanditDecider):
    """The same bandit while it is trained: feedback-based epsilon-greedy exploration (eq. 6 to 8), from nothing."""

    def __init__(self, setup: DeciderSetup) -> None:
        untrained = setup.settings.replace(bandit={"state_file": UNTRAINED})
        super().__init__(replace(setup, settings=untrained))

    def _scores(self, context: int) -> FloatArray:
        """Both arms' estimates, or with probability epsilon a random ranking (eq. 6)."""
        if self._generator.random() < self.bandit.epsilon:
            return self._generator.random(len(ARMS))
        estimates: FloatArray = self.bandit.rewards[context]
        return estimates

    def learn(self, outcomes: Sequence[TaskOutcome], interval: int) -> float:
        reward = super().learn(outcomes, interval)
        if reward > self.bandit.threshold:
            self.bandit.epsilon *= 1 - self.settings.feedback
            self.bandit.threshold *= 1 + self.settings.feedback
        return reward


def untrained_state(setup: DeciderSetup) -> BanditState:
    """R = 0, N = 0, epsilon = 1; Q and rho as configured."""
    settings = setup.settings.bandit
    return BanditState(
        layer_estimates=dict.fromkeys(setup.applications, 0.0),
        threshold=settings.threshold_start,
        rewards=np.full(SHAPE, settings.estimate_start),
    )
