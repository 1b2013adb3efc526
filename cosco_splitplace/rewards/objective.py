"""The rewards that teach: the bandit's per context and decision (eq. 3, 4), and the placer's objective (eq. 10)."""
from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np

from ..records import LAYER, SEMANTIC, FloatArray, TaskOutcome

HIGH, LOW = 0, 1
CONTEXTS = ("high", "low")
ARMS = (LAYER, SEMANTIC)


def context_of(deadline_intervals: float, layer_estimate: float) -> int:
    """HIGH when the deadline is at least the estimate of a layer split's response (both in intervals), else LOW."""
    return HIGH if deadline_intervals >= layer_estimate else LOW


def context_rewards(outcomes: Sequence[TaskOutcome], layer_estimates: Mapping[str, float]) -> FloatArray:
    """O^{c,d} of equations 3 and 4, (2 contexts, 2 arms): the mean of (1(r_i <= sla_i) + p_i) / 2.

    NaN where no leaving task had that context and decision: the equations divide by 0 there. Outcomes of splits that
    are no arm of the bandit are left out.

    Parameters
    ----------
    outcomes : the leaving tasks E_t.
    layer_estimates : R_a in intervals, by application.
    """
    total = np.zeros((len(CONTEXTS), len(ARMS)))
    count = np.zeros_like(total)
    for one in outcomes:
        if one.split in ARMS:
            cell = context_of(one.task.deadline_intervals, layer_estimates[one.task.application]), ARMS.index(one.split)
            total[cell] += one.reward
            count[cell] += 1
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def bandit_reward(rewards: FloatArray) -> float:
    """O^MAB: the mean of the O^{c,d} that exist (the paper sums four and says nothing of empty ones); NaN if none."""
    return float(np.nanmean(rewards)) if np.isfinite(rewards).any() else float("nan")


def placement_objective(
    bandit: float, energy_share: float, response_share: float, energy_weight: float, response_weight: float
) -> float:
    """O^P of equation 10, to be maximised: O^MAB - alpha * AEC - beta * ART.

    Parameters
    ----------
    bandit : O^MAB, in [0, 1].
    energy_share : AEC as a share of the energy at full load, in [0, 1].
    response_share : ART of the leaving tasks divided by the longest deadline of the workload.
        The paper leaves both units open; without a common scale one of them would drown the other.
    energy_weight, response_weight : alpha and beta.
    """
    return bandit - energy_weight * energy_share - response_weight * response_share
