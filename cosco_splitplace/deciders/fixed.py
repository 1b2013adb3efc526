"""Deciders that learn nothing: one split always, or a fair coin."""
from __future__ import annotations

from typing import List, Sequence

from ..records import COMPRESSED, LAYER, SEMANTIC, UNSPLIT, Decision, Task
from .port import Decider, DeciderSetup


class FixedDecider(Decider):
    """The same split for every task."""

    split: str

    def __init__(self, setup: DeciderSetup) -> None:
        for application in setup.applications.values():
            application.split(self.split)

    def decide(self, tasks: Sequence[Task], interval: int) -> List[Decision]:
        return [Decision(self.split, "always")] * len(tasks)


class LayerDecider(FixedDecider):
    """Layer split for every task (the L of L+G)."""

    split = LAYER


class SemanticDecider(FixedDecider):
    """Semantic split for every task (the S of S+G)."""

    split = SEMANTIC


class CompressedDecider(FixedDecider):
    """The pruned network in one container for every task (the paper's MC baseline)."""

    split = COMPRESSED


class UnsplitDecider(FixedDecider):
    """The whole network in one container for every task, as the paper's cloud runs it (A.5)."""

    split = UNSPLIT


class RandomDecider(Decider):
    """Layer or semantic split with equal probability (the R of R+D)."""

    def __init__(self, setup: DeciderSetup) -> None:
        for application in setup.applications.values():
            for split in (LAYER, SEMANTIC):
                application.split(split)
        self._generator = setup.generator

    def decide(self, tasks: Sequence[Task], interval: int) -> List[Decision]:
        layer = self._generator.random(len(tasks)) < 0.5
        return [Decision(LAYER if one else SEMANTIC, "coin") for one in layer]
