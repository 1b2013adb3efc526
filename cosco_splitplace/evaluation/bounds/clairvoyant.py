"""A clairvoyant plan: all arrivals are known beforehand, and the tasks' splits are searched by hill climbing.

A plan is evaluated by running it to its end with a real placer, so that its reward is reached, not estimated. The plan
is the best that was found, not the best that there is: policies can, in principle, exceed it.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from ...config import Settings
from ...deciders.planned import PlannedDecider
from ...errors import InvariantError
from ...records import FloatArray, IntArray, RunResult
from ...simulation import build_loop, run_loop, simulate
from ...threads import limited_threads
from .no_contention import NoContention

Progress = Callable[[int, int], None]
SEARCH_STREAM = 3  # arrivals, decider and placer draw from streams 0 to 2 of the same seed
FIRST_BATCH = 0.25  # share of the promising flips that the first step tries at once; our own choice, as are:
GROW, SHRINK = 1.5, 0.7  # how the share follows success and failure
DOUBT = 0.5  # factor on the weight of a flip that was tried and not kept


@dataclass(frozen=True)
class ClairvoyantPlan:
    """The best plan found: the split of each task by id, its drained reward, and the best reward by evaluation."""

    splits: Mapping[int, str]
    reward: float
    trajectory: Tuple[float, ...]


def clairvoyant_plan(
    settings: Settings,
    bound: NoContention,
    starts: Sequence[str] = ("semantic", "deadline"),
    evaluations: int = 150,
    progress: Optional[Progress] = None,
) -> ClairvoyantPlan:
    """Climb from the decisions of the best of `starts`.

    A step flips a few tasks at once, drawn by what each would gain if it reached what it reaches alone. If the whole
    gains, all flips are kept; else those that gained by themselves are tried once more.

    Parameters
    ----------
    settings : world, placer and seed of the run; ``deadline.splits`` are what tasks may get.
    bound : of the same run.
    starts : deciders whose decisions the climb may start from.
    evaluations : runs that the search may take, those of the starts among them.
    progress : called with (evaluations done, in all).

    Raises
    ------
    InvariantError
        A plan's reward exceeds the bound: a defect of this program.
    """
    draw = np.random.default_rng(np.random.SeedSequence(settings.run.seed, spawn_key=(SEARCH_STREAM,)))
    tell = progress or (lambda done, total: None)
    trajectory: List[float] = []
    started: List[_Tried] = []
    for decider in starts:
        started.append(_Tried.of(simulate(settings.replace(run={"decider": decider})), bound))
        trajectory.append(max(one.total for one in started))
        tell(len(trajectory), evaluations)
    best = max(started, key=lambda one: one.total)
    flips = _Flips(best, bound, settings.deadline.splits)
    share, again = FIRST_BATCH, np.zeros(0, dtype=np.int64)
    while len(trajectory) < evaluations:
        chosen = again if len(again) else flips.some(share, draw)
        if not len(chosen):
            break
        tried = _Tried.of(run_plan(settings, flips.carried_out(chosen)), bound)
        if tried.total > best.total:
            best, again = tried, np.zeros(0, dtype=np.int64)
            share = min(1.0, share * GROW)
            flips = flips.after(best)
        else:
            kept = chosen[tried.rewards[chosen] > best.rewards[chosen]]
            if len(again) or not len(kept):
                flips.doubt(chosen)
                share = max(1.0 / max(1, flips.promising), share * SHRINK)
                again = np.zeros(0, dtype=np.int64)
            else:
                again = kept
        trajectory.append(best.total)
        tell(len(trajectory), evaluations)
    tell(evaluations, evaluations)
    return ClairvoyantPlan(dict(enumerate(best.splits)), best.total, tuple(trajectory))


def run_plan(settings: Settings, plan: Mapping[int, str]) -> RunResult:
    """Run `plan` with the settings' placer."""
    with limited_threads(1):
        return run_loop(build_loop(settings, decider=partial(PlannedDecider, plan=plan)), "plan")


@dataclass(frozen=True)
class _Tried:
    """A plan that was run: the split and the reward (n_tasks,) of each task, and the mean reward."""

    splits: List[str]
    rewards: FloatArray
    total: float

    @classmethod
    def of(cls, result: RunResult, bound: NoContention) -> "_Tried":
        rewards = np.zeros(len(result.tasks))
        for one in result.outcomes:
            rewards[one.task.task_id] = one.reward
        total = float(result.metrics["drained_reward"])
        if total > bound.reward + 1e-9:
            raise InvariantError(f"a plan reached {total:.6f}, more than the no-contention bound {bound.reward:.6f}")
        return cls([one.split for one in result.decisions], rewards, total)


class _Flips:
    """For each task of a plan the other split that promises most, and what it promises: weights of the draw."""

    def __init__(
        self, tried: _Tried, bound: NoContention, splits: Sequence[str], doubts: Optional[Dict[int, float]] = None
    ) -> None:
        self._tried, self._bound, self._splits = tried, bound, splits
        self._doubts = doubts if doubts is not None else {}
        self._to: List[str] = []
        weights = []
        for i, (now, alone) in enumerate(zip(tried.splits, bound.alone)):
            others = [one for one in splits if one != now]
            to = max(others, key=lambda one: alone[one].reward)
            self._to.append(to)
            gain = max(0.0, alone[to].reward - tried.rewards[i])
            weights.append(gain * self._doubts.get(i, 1.0))
        self._weights = np.array(weights)
        self.promising = int((self._weights > 0).sum())

    def some(self, share: float, draw: np.random.Generator) -> IntArray:
        """A share of the promising tasks, without repetition."""
        if not self.promising:
            return np.zeros(0, dtype=np.int64)
        count = max(1, round(share * self.promising))
        return draw.choice(len(self._weights), count, replace=False, p=self._weights / self._weights.sum())

    def carried_out(self, chosen: IntArray) -> Dict[int, str]:
        """The plan with the tasks `chosen` flipped."""
        plan = dict(enumerate(self._tried.splits))
        plan.update((i, self._to[i]) for i in chosen.tolist())
        return plan

    def doubt(self, chosen: IntArray) -> None:
        """These were tried in vain: draw them less often."""
        for i in chosen.tolist():
            self._doubts[i] = self._doubts.get(i, 1.0) * DOUBT
            self._weights[i] *= DOUBT

    def after(self, tried: _Tried) -> "_Flips":
        """The flips of the next plan; doubts are kept."""
        return _Flips(tried, self._bound, self._splits, self._doubts)
