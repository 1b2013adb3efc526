"""How a metric is shown to people: its column name (Table 4's where it has one), unit, and number of digits."""

from __future__ import annotations

import math
from typing import Dict, Sequence, Tuple

from ..rewards.metrics import metric

TABLE_4: Sequence[str] = (
    "energy_mwh", "scheduling_s", "fairness", "wait_intervals", "response_intervals", "violations", "accuracy",
    "reward",
)  # fmt: skip
BEYOND_TABLE_4: Sequence[str] = (
    "cost_usd", "cost_per_task_usd", "execution_intervals", "layer_fraction", "response_s", "transfer_s", "migrations",
    "finished", "unfinished", "drained_reward", "drained_violations", "drained_response_intervals",
    "drained_unfinished",
)  # fmt: skip

# The same in small groups, for tables that are wide because they hold a spread.
GROUPS: Dict[str, Sequence[str]] = {
    "Service": ("reward", "accuracy", "violations", "response_intervals"),
    "Time": ("wait_intervals", "execution_intervals", "transfer_s", "scheduling_s"),
    "Resources": ("energy_mwh", "cost_usd", "cost_per_task_usd", "fairness"),
    "Tasks": ("layer_fraction", "migrations", "finished", "unfinished"),
    "All tasks that arrived, run to their end": (
        "drained_reward", "drained_accuracy", "drained_violations", "drained_response_intervals", "drained_unfinished",
    ),
}

# name: (label, decimals); a metric that is not here shows its own name and three decimals
_SHOWN: Dict[str, Tuple[str, int]] = {
    "energy_mwh": ("Energy", 4),
    "scheduling_s": ("Scheduling Time", 3),
    "fairness": ("Fairness", 2),
    "ram_utilisation": ("RAM in Use", 1),
    "wait_intervals": ("Wait Time", 2),
    "response_intervals": ("Response Time", 2),
    "violations": ("SLA Violations", 2),
    "accuracy": ("Accuracy", 2),
    "reward": ("Average Reward", 2),
    "cost_usd": ("Cost", 2),
    "cost_per_task_usd": ("Cost a Task", 3),
    "execution_intervals": ("Execution Time", 2),
    "layer_fraction": ("Layer Fraction", 1),
    "response_s": ("Exact Response", 0),
    "transfer_s": ("Transfer Time", 1),
    "compute_s": ("Compute Time", 0),
    "migration_s": ("Migration Time", 1),
    "migrations": ("Migrations", 0),
    "losses": ("Lost Fragments", 0),
    "tasks": ("Tasks", 0),
    "finished": ("Finished Tasks", 0),
    "unfinished": ("Unfinished Tasks", 0),
    "fallbacks": ("Fallbacks", 0),
    "drained_reward": ("Drained Reward", 2),
    "drained_violations": ("Drained Violations", 2),
    "drained_accuracy": ("Drained Accuracy", 2),
    "drained_response_intervals": ("Drained Response", 2),
    "drained_wait_intervals": ("Drained Wait", 2),
    "drained_unfinished": ("Never Finished", 0),
    "lost": ("Lost", 0),
}
NO_VALUE = "-"


def label(name: str) -> str:
    """The metric's name in tables and plots."""
    return _SHOWN.get(name, (name, 0))[0]


def unit(name: str) -> str:
    """The unit that values are shown in: fractions as percent, counts and indices as they are."""
    return {"fraction": "%", "count": ""}.get(metric(name).unit, metric(name).unit)


def shown_value(name: str, value: float) -> float:
    """`value` in the unit that it is shown in."""
    return value * 100 if metric(name).unit == "fraction" else value


def format_value(name: str, value: float) -> str:
    """`value` as text in the shown unit; a number that is not zero never looks like zero."""
    return _digits(shown_value(name, value), _SHOWN.get(name, ("", 3))[1])


def format_spread(name: str, mean: float, std: float, n: int) -> str:
    """Mean and, where there is more than one value, the sample standard deviation: "94.18 ±0.50"."""
    decimals = _SHOWN.get(name, ("", 3))[1] + (1 if n > 1 and metric(name).unit == "count" else 0)
    text = _digits(shown_value(name, mean), decimals)
    return f"{text} ±{_digits(shown_value(name, std), decimals)}" if math.isfinite(std) else text


def _digits(value: float, decimals: int) -> str:
    if not math.isfinite(value):
        return NO_VALUE
    text = f"{value:.{decimals}f}"
    return f"{value:.2g}" if value and not float(text) else text
