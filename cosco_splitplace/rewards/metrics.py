"""Every reported metric, defined once (section 6.4, Table 4), with its unit.

Equations 14 and 15 print the indicator as 1(sla_i >= r_i), which counts tasks that *keep* their deadline. As the text
says "for which the response time is higher than the SLA deadline", a violation is read as r_i > sla_i throughout, and
the reward's first term as 1(r_i <= sla_i), as in equations 3 and 4.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Sequence

import numpy as np

from ..records import LAYER, FloatArray, TaskOutcome


@dataclass(frozen=True)
class Metric:
    """Name, unit, meaning and the direction that is better ("higher", "lower" or "" where neither is)."""

    name: str
    unit: str
    meaning: str
    better: str


METRICS: Sequence[Metric] = (
    Metric("energy_mwh", "MW h", "energy of all hosts over the run (Table 4)", "lower"),
    Metric("scheduling_s", "s", "wall-clock time of deciding and placing, mean of an interval (Table 4)", "lower"),
    Metric("fairness", "0-1", "Jain's index of the hosts' mean CPU utilisation (section 6.4, item 7)", "higher"),
    Metric("ram_utilisation", "fraction", "RAM in use of all hosts' RAM, mean over hosts and intervals", "lower"),
    Metric("wait_intervals", "intervals", "time in the queue, mean of a task's critical path (item 5)", "lower"),
    Metric("response_intervals", "intervals", "whole intervals from arrival to result, both included", "lower"),
    Metric("violations", "fraction", "tasks whose response is longer than their deadline (eq. 14)", "lower"),
    Metric("accuracy", "fraction", "mean accuracy of the tasks' own images (eq. 13)", "higher"),
    Metric("reward", "fraction", "mean of (deadline kept + accuracy) / 2 (eq. 15)", "higher"),
    Metric("cost_usd", "USD", "price of all hosts over the run (eq. 16)", "lower"),
    Metric("cost_per_task_usd", "USD", "cost divided by the tasks that left", "lower"),
    Metric("execution_intervals", "intervals", "response time minus wait time, mean (item 6)", "lower"),
    Metric("layer_fraction", "fraction", "decisions for a layer split among all decisions", ""),
    Metric("response_s", "s", "exact response time, mean", "lower"),
    Metric("transfer_s", "s", "time that data was on its way, mean of the critical path", "lower"),
    Metric("compute_s", "s", "time that fragments ran, mean of the critical path", "lower"),
    Metric("migration_s", "s", "time that fragments were being moved, mean of the critical path", "lower"),
    Metric("migrations", "count", "fragments that were moved while they ran", ""),
    Metric("losses", "count", "fragments that were lost, with their host or on the way, and placed again", "lower"),
    Metric("tasks", "count", "tasks that arrived", ""),
    Metric("finished", "count", "tasks that left the system within the run", "higher"),
    Metric("unfinished", "count", "tasks that were still in the system when the window ended", "lower"),
    Metric("fallbacks", "count", "intervals placed by least-loaded, as the surrogate predicted no number", "lower"),
    Metric(
        "drained_reward", "fraction",
        "the reward of all tasks that arrived, each run to its end (0 for one that never ended)", "higher",
    ),
    Metric("drained_violations", "fraction", "the same of violations (1 for a task that never ended)", "lower"),
    Metric("drained_accuracy", "fraction", "the same of accuracy, over the tasks that ended", "higher"),
    Metric("drained_response_intervals", "intervals", "the same of the response, over those that ended", "lower"),
    Metric("drained_wait_intervals", "intervals", "the same of the wait, over those that ended", "lower"),
    Metric("drained_unfinished", "count", "tasks that never ended, though the run waited for them", "lower"),
    Metric("lost", "count", "tasks that were given up, each with a reason in the report", "lower"),
)


def metric(name: str) -> Metric:
    """The metric called `name`."""
    return next(one for one in METRICS if one.name == name)


def task_reward(response_intervals: int, deadline_intervals: int, accuracy: float) -> float:
    """One task's term of equation 15: (1(r_i <= sla_i) + p_i) / 2, in [0, 1]."""
    return (float(response_intervals <= deadline_intervals) + accuracy) / 2


def jain_fairness(shares: FloatArray) -> float:
    """Jain's index (sum x)^2 / (n sum x^2) of non-negative `shares`, shape (n,); 1 when all are equal or all zero."""
    squares = float(np.square(shares).sum())
    return float(shares.sum()) ** 2 / (len(shares) * squares) if squares > 0 else 1.0


def run_metrics(
    outcomes: Sequence[TaskOutcome],
    decisions: Sequence[str],
    host_utilisation: FloatArray,
    ram_utilisation: float,
    energy_wh: float,
    cost_usd: float,
    interval_s: float,
    scheduling_s: float,
    migrations: int,
    losses: int,
    fallbacks: int,
) -> Dict[str, float]:
    """The metrics of a run's window by name.

    Parameters
    ----------
    outcomes : the tasks that left in it.
    decisions : the split of every task that arrived.
    host_utilisation : each host's mean CPU utilisation over the run, (n_hosts,), in [0, 1].
    ram_utilisation : share of the hosts' RAM in use, mean over hosts and intervals.
    energy_wh, cost_usd : of all hosts over the run.
    interval_s : length of an interval.
    scheduling_s : mean wall-clock time of deciding and placing an interval.
    migrations : fragments moved while they ran, over the run.
    losses : fragments lost and placed again, over the run.
    fallbacks : intervals that a placer placed without its surrogate.

    Returns
    -------
    dict
        One value for each of `METRICS` that is not ``drained_...``; NaN for a mean over no task.
    """
    wait_s = _mean([one.wait_s for one in outcomes])
    response_s = _mean([one.response_s for one in outcomes])
    return {
        "energy_mwh": energy_wh / 1e6,
        "scheduling_s": scheduling_s,
        "fairness": jain_fairness(host_utilisation),
        "ram_utilisation": ram_utilisation,
        "wait_intervals": wait_s / interval_s,
        "response_intervals": _mean([one.response_intervals for one in outcomes]),
        "violations": _mean([one.violated for one in outcomes]),
        "accuracy": _mean([one.accuracy for one in outcomes]),
        "reward": _mean([one.reward for one in outcomes]),
        "cost_usd": cost_usd,
        "cost_per_task_usd": cost_usd / len(outcomes) if outcomes else float("nan"),
        "execution_intervals": (response_s - wait_s) / interval_s,
        "layer_fraction": _mean([one == LAYER for one in decisions]),
        "response_s": response_s,
        "transfer_s": _mean([one.transfer_s for one in outcomes]),
        "compute_s": _mean([one.compute_s for one in outcomes]),
        "migration_s": _mean([one.migration_s for one in outcomes]),
        "migrations": float(migrations),
        "losses": float(losses),
        "tasks": float(len(decisions)),
        "finished": float(len(outcomes)),
        "unfinished": float(len(decisions) - len(outcomes)),
        "fallbacks": float(fallbacks),
    }


def drained_metrics(
    outcomes: Sequence[TaskOutcome], tasks: int, interval_s: float, given_up: int = 0
) -> Dict[str, float]:
    """The metrics of the other population: all tasks that arrived, run to their end.

    A policy that starves its slow tasks looks better among the tasks that left in the window, not here.

    Parameters
    ----------
    outcomes : the tasks that left, in the window or after it.
    tasks : how many arrived.
    interval_s : length of an interval.
    given_up : how many tasks ended without a result.
    """
    never = tasks - len(outcomes)
    return {
        "drained_reward": sum(one.reward for one in outcomes) / tasks if tasks else float("nan"),
        "drained_violations": (sum(one.violated for one in outcomes) + never) / tasks if tasks else float("nan"),
        "drained_accuracy": _mean([one.accuracy for one in outcomes]),
        "drained_response_intervals": _mean([one.response_intervals for one in outcomes]),
        "drained_wait_intervals": _mean([one.wait_s for one in outcomes]) / interval_s,
        "drained_unfinished": float(never),
        "lost": float(given_up),
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
