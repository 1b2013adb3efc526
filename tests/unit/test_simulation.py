"""The whole loop: what its records say about one another, and what Ctrl-C leaves behind."""
from __future__ import annotations

import math
from collections import Counter
from typing import Any, List

import numpy as np
import pytest

from cosco_splitplace.config import Settings
from cosco_splitplace.errors import ConfigurationError, InvariantError
from cosco_splitplace.placement import PlacementProblem, PlacerSetup
from cosco_splitplace.placement.heuristics import LeastLoadedPlacer
from cosco_splitplace.records import IntArray, RunResult
from cosco_splitplace.simulation import build_loop, run_loop, simulate

SETTINGS = Settings().replace(
    run={"decider": "semantic", "placer": "least-loaded", "intervals": 6, "seed": 3},
    cluster={"hosts": 10},
    arrivals={"rate": 2.0},
)


class Interrupted(LeastLoadedPlacer):
    """Presses Ctrl-C in its third interval, while it places or while it learns."""

    def __init__(self, setup: PlacerSetup, when: str) -> None:
        super().__init__(setup)
        self._when = when
        self._interval = -1

    def place(self, problem: PlacementProblem) -> IntArray:
        self._interval += 1
        if self._when == "place" and self._interval == 2:
            raise KeyboardInterrupt
        return super().place(problem)

    def learn(self, objective: float, placement: IntArray) -> None:
        if self._when == "learn" and self._interval == 2:
            raise KeyboardInterrupt


def interrupted(when: str) -> RunResult:
    return run_loop(build_loop(SETTINGS, lambda setup: Interrupted(setup, when)))


@pytest.mark.parametrize("when", ["place", "learn"])
class TestCtrlC:
    def test_the_finished_intervals_are_kept(self, when: str) -> None:
        result = interrupted(when)
        assert result.intervals_done == len(result.intervals) == 2
        assert result.hosts.cpu_utilisation.shape == (2, 10)
        whole = simulate(SETTINGS)
        assert [one.objective for one in result.intervals] == pytest.approx(
            [one.objective for one in whole.intervals[:2]], nan_ok=True
        )

    def test_nothing_of_the_unfinished_one_is_counted(self, when: str) -> None:
        result = interrupted(when)
        assert {one.arrival_interval for one in result.tasks} <= {0, 1}
        assert sum(one.arrived for one in result.intervals) == len(result.tasks) == result.metrics["tasks"]
        assert len(result.decisions) == len(result.tasks)
        known = {one.task_id for one in result.tasks}
        assert {row.fragment.task_id for row in result.fragments} <= known


def test_ctrl_c_in_the_first_interval_goes_on() -> None:
    class AtOnce(Interrupted):
        def place(self, problem: PlacementProblem) -> IntArray:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_loop(build_loop(SETTINGS, lambda setup: AtOnce(setup, "place")))


def test_the_records_of_a_run_agree(short_run: RunResult) -> None:
    result, interval_s = short_run, short_run.settings.run.interval_s
    arrived = Counter(one.arrival_interval for one in result.tasks)
    left = Counter(one.left_interval for one in result.outcomes)
    layers = Counter(
        task.arrival_interval for task, decision in zip(result.tasks, result.decisions) if decision.split == "layer"
    )
    queued = 0
    for number, one in enumerate(result.intervals):
        assert (one.interval, one.arrived, one.left) == (number, arrived[number], left[number])
        assert one.layer_decisions == layers[number]
        assert one.energy_wh == pytest.approx(result.hosts.energy_wh[number].sum())
        placed = [row for row in result.fragments if row.times and row.times.placed_s == number * interval_s]
        assert one.placed_fragments == len(placed)
        ready = [row for row in result.fragments if row.ready_s <= number * interval_s]
        waiting = [row for row in ready if row.times is None or row.times.placed_s > number * interval_s]
        assert one.waiting_fragments == len(waiting)
        queued += len(waiting)
        assert int(result.hosts.fragments[number].sum()) == one.active_fragments
    assert queued > 0  # the run is busy enough to say something


def test_layer_fragments_follow_one_another_over_the_links(short_run: RunResult) -> None:
    rows = {row.fragment.fragment_id: row for row in short_run.fragments}
    within = across = 0
    for row in rows.values():
        if row.times is None or not row.fragment.depends_on:
            continue
        before = rows[row.fragment.depends_on[0]].times
        assert before is not None
        assert row.ready_s == before.finished_s
        assert row.times.placed_s >= before.finished_s
        if before.host == row.times.host:
            within += 1
            assert row.input_link_mb == 0 and row.times.started_s == row.times.placed_s
        else:
            across += 1
            assert row.input_link_mb == row.fragment.input_mb
            flying = row.times.started_s - row.times.placed_s
            assert not math.isfinite(flying) or flying > row.fragment.input_mb / 10.0  # at most 10 MB/s
    assert within and across


def test_the_objective_is_equation_10(short_run: RunResult) -> None:
    cluster_power = 6 * 117.0 + 4 * 126.0  # ten hosts of Table 3 at full load
    longest = 25  # CIFAR100: l = 14, the longest deadline in [2, 26)
    checked = 0
    for one in short_run.intervals:
        outcomes = [out for out in short_run.outcomes if out.left_interval == one.interval]
        if outcomes:
            mean_reward = np.mean([out.reward for out in outcomes])
            energy = one.energy_wh / (cluster_power * 300 / 3600)
            response = np.mean([out.response_intervals for out in outcomes])
            assert one.objective == pytest.approx(mean_reward - 0.5 * energy - 0.5 * response / longest)
            assert one.bandit_reward == pytest.approx(mean_reward)
            checked += 1
        else:
            assert math.isnan(one.objective) and math.isnan(one.bandit_reward)
    assert checked > 3


def test_migrations_happen_and_keep_the_laws() -> None:
    """A placer that moves whatever it may; `simulate` checks all laws of the system at its end."""

    class Restless(LeastLoadedPlacer):
        def place(self, problem: PlacementProblem) -> IntArray:
            hosts = super().place(problem)
            hosts[problem.movable] = (hosts[problem.movable] + 3) % problem.cluster.n_hosts
            return hosts

    result = run_loop(build_loop(SETTINGS.replace(run={"intervals": 12, "drain_intervals": 0}), Restless))
    moved = [row for row in result.fragments if row.times and row.times.migrations]
    assert result.metrics["migrations"] == sum(row.times.migrations for row in moved if row.times) > 5
    assert any(one.migration_s > 0 for one in result.outcomes)


def test_a_placer_that_refuses_everything_leaves_all_waiting() -> None:
    class Lazy(LeastLoadedPlacer):
        def place(self, problem: PlacementProblem) -> IntArray:
            return problem.current

    result = run_loop(build_loop(SETTINGS, Lazy))
    assert result.metrics["finished"] == 0 and result.metrics["tasks"] > 0
    assert result.hosts.work_mi.sum() == 0
    assert all(row.times is None for row in result.fragments)


def test_a_placement_of_the_wrong_shape_is_refused() -> None:
    class Wrong(LeastLoadedPlacer):
        def place(self, problem: PlacementProblem) -> IntArray:
            return np.zeros(len(problem.fragment_ids) + 1, dtype=np.int64)

    with pytest.raises(ValueError, match="a placement must have shape"):
        run_loop(build_loop(SETTINGS, Wrong))


def test_every_run_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    from cosco_splitplace.backends.simulated.backend import SimulatedBackend

    poll = SimulatedBackend.poll

    def forgetful(self: Any) -> List[Any]:
        return [one for one in poll(self) if one.kind != "delivered"]

    monkeypatch.setattr(SimulatedBackend, "poll", forgetful)
    with pytest.raises(InvariantError, match="has 0 results to come, left: False"):
        simulate(SETTINGS)


def test_a_fragment_that_fits_on_no_host_is_refused_before_anything_runs() -> None:
    with pytest.raises(ConfigurationError, match=r"fragment 0 of MNIST's layer split needs \d+ MB .* fits on no host"):
        build_loop(SETTINGS.replace(arrivals={"batch_max": 10_000_000}))


def test_a_whole_network_must_fit_only_where_it_is_asked_for() -> None:
    settings = SETTINGS.replace(fragments={"layer_ram_extra_mb": 2500.0})
    build_loop(settings)
    unsplit = settings.replace(run={"decider": "unsplit"})
    with pytest.raises(ConfigurationError, match=r"fragment 0 of MNIST's unsplit split needs \d+ MB .* no host"):
        build_loop(unsplit)
    build_loop(unsplit.replace(cluster={"location": "cloud"}))


def test_progress_is_told_every_interval() -> None:
    told: List[Any] = []
    simulate(SETTINGS, progress=lambda done, total: told.append((done, total)))
    assert told == [(number, 6) for number in range(1, 7)]


def test_ctrl_c_while_an_interval_is_being_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    from cosco_splitplace import loop as loop_module

    made = build_loop(SETTINGS)
    record = loop_module.IntervalRecord

    def press(**values: Any) -> Any:
        if values["interval"] == 2:
            raise KeyboardInterrupt
        return record(**values)

    monkeypatch.setattr(loop_module, "IntervalRecord", press)
    result = run_loop(made)
    assert result.intervals_done == 2 and result.hosts.cpu_utilisation.shape == (2, 10)
    assert {one.left_interval for one in result.outcomes} <= {0, 1}
    assert sum(one.left for one in result.intervals) == len(result.outcomes) == result.metrics["finished"]
