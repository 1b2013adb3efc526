"""Step 2: which split does a task get? `DECIDERS` is the open registry."""
from __future__ import annotations

from ..registry import Registry
from .bandit import BanditDecider, TrainingBanditDecider
from .deadline import DeadlineDecider, TrainingDeadlineDecider
from .fixed import CompressedDecider, LayerDecider, RandomDecider, SemanticDecider, UnsplitDecider
from .gillis import GillisDecider
from .port import Decider, DeciderSetup

DECIDERS: Registry[Decider] = Registry("decider")
DECIDERS.register("layer", LayerDecider, "layer split for every task: accurate, slow")
DECIDERS.register("semantic", SemanticDecider, "semantic split for every task: fast, less accurate")
DECIDERS.register("compressed", CompressedDecider, "the pruned network in one container for every task")
DECIDERS.register("unsplit", UnsplitDecider, "the whole network in one container for every task (A.5's cloud)")
DECIDERS.register("random", RandomDecider, "layer or semantic with equal probability")
DECIDERS.register("mab", BanditDecider, "the paper's bandit: two deadline contexts, UCB, goes on learning")
DECIDERS.register("mab-training", TrainingBanditDecider, "the same bandit from nothing, feedback epsilon-greedy")
DECIDERS.register("gillis", GillisDecider, "Q-learning between layer split and compressed network, goes on learning")
DECIDERS.register("deadline", DeadlineDecider, "ours: the best expected reward, by a learned P(deadline kept)")
DECIDERS.register("deadline-training", TrainingDeadlineDecider, "the same decider from nothing, Thompson sampling")

__all__ = ["DECIDERS", "Decider", "DeciderSetup"]
