"""The workload's laws: Poisson arrivals, uniform application and batch, and the deadline law."""
from __future__ import annotations

from collections import Counter
from typing import Any, Dict, List

import numpy as np
import pytest

from cosco_splitplace.arrivals.poisson import PoissonArrivals, deadline_bound, longest_deadline
from cosco_splitplace.config import ArrivalSettings
from cosco_splitplace.contract.made_parts import made_application
from cosco_splitplace.errors import ConfigurationError
from cosco_splitplace.records import RunResult, Task
from cosco_splitplace.simulation import simulate

APPLICATIONS = {"A": made_application("A", scale=7.0), "B": made_application("B", scale=4.5)}


def workload(intervals: int = 3000, seed: int = 0, **settings: Any) -> List[List[Task]]:
    arrivals = PoissonArrivals(ArrivalSettings(**settings), APPLICATIONS, np.random.default_rng(seed))
    return [arrivals.tasks(number) for number in range(intervals)]


def test_counts_have_the_mean_and_the_variance_of_poisson() -> None:
    counts = np.array([len(one) for one in workload(rate=6.0)])
    assert counts.mean() == pytest.approx(6.0, abs=0.15)  # 3.4 standard errors: sqrt(6 / 3000) = 0.045
    assert counts.var() == pytest.approx(6.0, abs=0.6)


def test_rate_0_brings_no_task() -> None:
    assert sum(map(len, workload(intervals=50, rate=0.0))) == 0


def test_a_load_that_changes_has_the_mean_of_each_part() -> None:
    settings = ArrivalSettings(rate=6.0, rate_steps=(0.5, 2.0, 0.0))
    arrivals = PoissonArrivals(settings, APPLICATIONS, np.random.default_rng(0), 3000)
    counts = np.array([len(arrivals.tasks(number)) for number in range(3000)]).reshape(3, 1000)
    assert counts.mean(axis=1) == pytest.approx([3.0, 12.0, 0.0], abs=0.4)  # 3.6 standard errors of the second part


def test_applications_and_batches_are_uniform() -> None:
    tasks = [task for one in workload(batch_min=10, batch_max=13) for task in one]
    shares = Counter(task.application for task in tasks)
    assert shares["A"] / len(tasks) == pytest.approx(0.5, abs=0.02)
    batches = Counter(task.batch_images for task in tasks)
    assert sorted(batches) == [10, 11, 12, 13]  # both ends included
    assert min(batches.values()) / len(tasks) == pytest.approx(0.25, abs=0.02)


def test_deadlines_are_whole_numbers_from_2_up_to_2l_minus_3() -> None:
    tasks = [task for one in workload() for task in one]
    of = {name: Counter(one.deadline_intervals for one in tasks if one.application == name) for name in APPLICATIONS}
    assert sorted(of["A"]) == list(range(2, 12))  # l = 7: [2, 12)
    assert sorted(of["B"]) == list(range(2, 7))  # l = 4.5: [2, 7)
    assert min(of["A"].values()) / sum(of["A"].values()) == pytest.approx(0.1, abs=0.02)


def test_the_deadline_scale_multiplies_l_and_leaves_the_shortest_deadline() -> None:
    """[2, 2l - 2) with l = 7 and 4.5, doubled: up to 25 and 15."""
    of: Dict[str, List[int]] = {"A": [], "B": []}
    for task in [task for one in workload(deadline_scale=2.0) for task in one]:
        of[task.application].append(task.deadline_intervals)
    assert (min(of["A"]), max(of["A"])) == (2, 25)
    assert (min(of["B"]), max(of["B"])) == (2, 15)


def test_bounds() -> None:
    plain = ArrivalSettings()
    assert (deadline_bound(APPLICATIONS["A"], plain), deadline_bound(APPLICATIONS["B"], plain)) == (12, 7)
    assert longest_deadline(ArrivalSettings(), APPLICATIONS) == 11
    assert longest_deadline(ArrivalSettings(deadline_scale=2.0), APPLICATIONS) == 25


def test_ids_count_up_and_the_interval_is_told() -> None:
    tasks = workload(intervals=40)
    assert [task.task_id for one in tasks for task in one] == list(range(sum(map(len, tasks))))
    assert all(task.arrival_interval == number for number, one in enumerate(tasks) for task in one)


def test_the_same_seed_gives_the_same_tasks_and_another_one_others() -> None:
    assert workload(intervals=20, seed=5) == workload(intervals=20, seed=5)
    assert workload(intervals=20, seed=5) != workload(intervals=20, seed=6)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_a_scale_that_leaves_no_deadline_is_refused(scale: float) -> None:
    with pytest.raises(ConfigurationError, match=r"'C' has deadline_scale_intervals .* give l above 2"):
        PoissonArrivals(ArrivalSettings(), {"C": made_application("C", scale)}, np.random.default_rng(0))


def test_the_workload_does_not_depend_on_the_policy(short_run: RunResult) -> None:
    policies: List[Dict[str, str]] = [
        {"decider": "layer", "placer": "random"},
        {"decider": "mab-training", "placer": "first-fit"},
    ]
    for policy in policies:
        other = simulate(short_run.settings.replace(run={**policy, "intervals": 8}))
        assert other.tasks == [one for one in short_run.tasks if one.arrival_interval < 8]
