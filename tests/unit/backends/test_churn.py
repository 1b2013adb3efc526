"""Hosts that come and go: who leaves, what is lost with them, and that no task, work or byte is."""
from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, List, Sequence

import numpy as np
import pytest

from cosco_splitplace.backends.simulated.churn import Churn, Outputs
from cosco_splitplace.backends.simulated.engine import Engine
from cosco_splitplace.config import ChurnSettings, EngineSettings, FragmentSettings, Settings
from cosco_splitplace.contract.made_parts import made_cluster, made_fragment
from cosco_splitplace.invariants import check_result
from cosco_splitplace.placement import PlacementProblem, Placer, PlacerSetup
from cosco_splitplace.records import FINISHED, BoolArray, FragmentEvent, IntArray, RunResult, StartOrder, Transfer
from cosco_splitplace.simulation import build_loop, churn_of, run_loop


def engine_with(cluster: Any) -> Engine:
    return Engine(cluster, FragmentSettings(cores=2.0), EngineSettings())


def launch(engine: Engine, fragment_id: int, host: int, source: int, **changes: Any) -> None:
    fragment = made_fragment(fragment_id, **changes)
    engine.start([StartOrder(fragment, host)])
    engine.send([Transfer(fragment_id, source, host, fragment.input_mb)])


def away(*hosts: int, n: int = 3) -> BoolArray:
    return np.isin(np.arange(n), hosts)


class TestWhoIsAway:
    def test_no_more_than_the_share_leave_and_all_come_back(self) -> None:
        churn = Churn(10, ChurnSettings(stay_intervals=1.0, away_intervals=1.0, most_away=0.35),
                      np.random.default_rng(0))
        assert churn.away.sum() == 0
        churn.next_interval()
        first = churn.away
        assert first.sum() == 3
        churn.next_interval()
        assert churn.away.sum() == 3 and not (first & churn.away).any()  # all return, others leave

    def test_stays_and_absences_have_their_means(self) -> None:
        churn = Churn(400, ChurnSettings(stay_intervals=20.0, away_intervals=5.0, most_away=0.99),
                      np.random.default_rng(1))
        rows = []
        for _ in range(2000):
            churn.next_interval()
            rows.append(churn.away)
        gone = np.array(rows[100:])
        leaves, returns = (~gone[:-1] & gone[1:]).sum(), (gone[:-1] & ~gone[1:]).sum()
        assert (~gone).sum() / leaves == pytest.approx(20, rel=0.02)
        assert gone.sum() / returns == pytest.approx(5, rel=0.02)

    def test_it_draws_from_a_generator_of_its_own(self) -> None:
        settings = Settings().replace(churn={"stay_intervals": 5.0}, run={"seed": 3})
        rows: List[List[BoolArray]] = []
        for one in (settings, settings, settings.replace(run={"seed": 4})):
            churn = churn_of(one, 50)
            assert churn is not None
            rows.append([])
            for _ in range(5):
                churn.next_interval()
                rows[-1].append(churn.away)
        assert np.array_equal(rows[0], rows[1]) and not np.array_equal(rows[0], rows[2])
        assert churn_of(settings.replace(churn={"stay_intervals": 0.0}), 50) is None


class TestWhatMustRunAgain:
    """A chain of three fragments, 0, 1 and 2, on hosts 0, 1 and 2."""

    class Where:
        """Stands for the engine: fragment i is on host i."""

        def times(self, fragment_id: int) -> Any:
            return type("Times", (), {"host": fragment_id})

    def chain(self, placed: int, finished: int) -> Outputs:
        outputs = Outputs()
        for i in range(placed):
            one = made_fragment(i, task_id=0, depends_on=(i - 1,) if i else (), is_last=i == 2)
            outputs.started([StartOrder(one, i)])
            if i < finished:
                outputs.happened([FragmentEvent(FINISHED, i, 1.0)], self.Where())  # type: ignore[arg-type]
        return outputs

    def test_an_output_that_waits_for_its_follower(self) -> None:
        outputs = self.chain(placed=1, finished=1)
        assert outputs.lost(away(1, 2), []) == []
        assert outputs.lost(away(0), []) == [0]
        assert outputs.lost(away(0), []) == []

    def test_an_output_that_the_follower_has_is_not_missed_until_the_follower_is_lost(self) -> None:
        outputs = self.chain(placed=2, finished=1)
        assert outputs.lost(away(0), []) == []
        assert outputs.lost(away(), []) == []  # host 0 is back, with nothing
        assert outputs.lost(away(1), [1]) == [1, 0]  # followers first

    def test_a_lost_follower_is_fed_again_from_where_its_input_is(self) -> None:
        assert self.chain(placed=2, finished=1).lost(away(1), [1]) == [1]

    def test_a_follower_whose_input_was_on_the_way(self) -> None:
        assert self.chain(placed=2, finished=1).lost(away(0), [1]) == [1, 0]

    @pytest.mark.parametrize("first", [(0,), ()])
    def test_the_whole_chain(self, first: Sequence[int]) -> None:
        outputs = self.chain(placed=3, finished=2)
        assert outputs.lost(away(*first), []) == []  # fragment 1 has finished: the output of 0 is not needed any more
        assert outputs.lost(away(1, 2), [2]) == [2, 1, 0]  # but for 1, which runs again


class TestTheEngine:
    def test_work_in_vain(self) -> None:
        engine = engine_with(made_cluster())
        launch(engine, 0, 1, source=engine.broker, input_mb=100.0, work_mi=5000.0)
        engine.advance(13.5)  # 1.5 s of latency, 10 s of the transfer, 2 s of the work
        engine.set_away(away(1))
        assert engine.torn(away(1)).tolist() == [0] and engine.torn(away(0, 2)).tolist() == []
        engine.lose(0)
        usage = engine.take_usage()
        assert (usage.lost_work_mi, usage.lost_mb) == (pytest.approx(2000), pytest.approx(100))
        assert engine.take_usage().lost_work_mi == 0
        _, ram, _, _ = engine.host_state()
        assert ram.tolist() == [0, 0, 0]
        engine.advance(20.0)
        assert engine.take_events() == []
        usage = engine.take_usage()
        assert usage.energy_wh[1] == 0 and usage.energy_wh[0] > 0
        launch(engine, 0, 2, source=engine.broker, input_mb=100.0, work_mi=5000.0)
        engine.advance(100.0)
        times = engine.times(0)
        assert (times.placed_s, times.finished_s) == (20.0, pytest.approx(20 + 11.5 + 5))
        assert (times.work_done_mi, times.received_mb) == (pytest.approx(5000), pytest.approx(100))

    def test_a_host_that_returns_takes_power_again(self) -> None:
        engine = engine_with(made_cluster())
        engine.set_away(away(0))
        engine.advance(10.0)
        engine.set_away(away())
        engine.take_usage()
        engine.advance(46.0)
        assert engine.take_usage().energy_wh.tolist() == pytest.approx([1.0] * 3)  # 100 W idle for 36 s

    def test_an_input_on_its_way_from_a_host_that_leaves(self) -> None:
        engine = engine_with(made_cluster())
        launch(engine, 0, 2, source=0, input_mb=100.0)
        launch(engine, 1, 2, source=1, input_mb=100.0)
        engine.advance(5.0)
        assert engine.torn(away(0)).tolist() == [0]

    def test_a_result_on_its_way_from_a_host_that_leaves(self) -> None:
        engine = engine_with(made_cluster())
        launch(engine, 0, 0, source=engine.broker, output_mb=100.0)
        engine.advance(6.0)
        assert [one.kind for one in engine.take_events()] == [FINISHED]
        assert engine.torn(away(0)).tolist() == [0]
        engine.lose(0)
        assert math.isnan(engine.times(0).finished_s)

    @pytest.mark.parametrize("moved_s", [1.0, 7.0])  # in the latency, and in the transfer
    def test_a_fragment_whose_new_host_leaves_goes_on_where_it_was(self, moved_s: float) -> None:
        engine = engine_with(made_cluster())
        launch(engine, 0, 0, source=engine.broker, work_mi=5000.0)
        engine.advance(3.5)
        engine.migrate(0, 1)
        engine.advance(3.5 + moved_s)
        engine.set_away(away(1))
        assert engine.torn(away(1)).tolist() == []
        _, ram, _, _ = engine.host_state()
        assert ram.tolist() == [100, 0, 0]
        engine.advance(50.0)
        times = engine.times(0)
        assert (times.host, times.migrations, times.migration_s) == (0, 0, pytest.approx(moved_s))
        assert times.finished_s == pytest.approx(1.5 + 5.0 + moved_s)
        moved_mb = 10 * max(0.0, moved_s - 2.0)
        usage = engine.take_usage()
        assert usage.lost_mb == pytest.approx(moved_mb) and usage.lost_work_mi == 0
        assert usage.sent_mb[0] == pytest.approx(moved_mb) and times.received_mb == pytest.approx(0)

    def test_a_fragment_whose_old_host_leaves_is_lost(self) -> None:
        engine = engine_with(made_cluster())
        launch(engine, 0, 0, source=engine.broker, work_mi=5000.0)
        engine.advance(3.5)
        engine.migrate(0, 1)
        engine.advance(6.0)
        engine.set_away(away(0))
        assert engine.torn(away(0)).tolist() == [0]
        engine.lose(0)
        assert engine.host_state()[1].tolist() == [0, 0, 0]


class Restless(Placer):
    """Wants every fragment on a random host, those that run too."""

    def __init__(self, setup: PlacerSetup) -> None:
        self._generator = setup.generator

    def place(self, problem: PlacementProblem) -> IntArray:
        moves = self._generator.random(len(problem.current)) < 0.3
        hosts = self._generator.integers(problem.cluster.n_hosts, size=len(problem.current))
        return np.where(moves | problem.queued, hosts, problem.current)


def run(decider: str, stay: float, seed: int = 5, **changes: Any) -> RunResult:
    settings = Settings().replace(
        run={"decider": decider, "intervals": 12, "seed": seed, **changes},
        cluster={"hosts": 10},
        arrivals={"rate": 2.0, "batch_max": 30_000},
        churn={"stay_intervals": stay},
    )
    return run_loop(build_loop(settings, Restless))


def hosts_away(result: RunResult) -> BoolArray:
    """(n_intervals, n_hosts)."""
    churn = churn_of(result.settings, 10)
    assert churn is not None
    rows = []
    for _ in result.intervals:
        rows.append(churn.away)
        churn.next_interval()
    return np.array(rows)


@pytest.mark.parametrize("decider", ["layer", "semantic", "unsplit"])
def test_no_task_is_lost(decider: str) -> None:
    result = run(decider, stay=6.0)  # run_loop has checked the laws
    assert result.complete and len(result.outcomes) == len(result.tasks) > 15
    assert result.metrics["losses"] > 10 and result.metrics["migrations"] > 5
    assert result.hosts.lost_work_mi.sum() > 0 and result.hosts.lost_mb.sum() > 0
    gone = hosts_away(result)
    assert gone.any()
    interval_s = result.settings.run.interval_s
    for row in result.fragments:
        assert row.times is not None
        assert not gone[round(row.times.placed_s / interval_s), row.times.host] or row.times.migrations
    assert (result.hosts.work_mi[gone] == 0).all() and (result.hosts.energy_wh[gone] == 0).all()
    assert (result.hosts.energy_wh[~gone] > 0).all()


def test_the_same_seed_gives_the_same_run_and_the_same_tasks_as_without_churn() -> None:
    first, second, calm = run("layer", 6.0), run("layer", 6.0), run("layer", 0.0)
    assert first.outcomes == second.outcomes and first.outcomes != calm.outcomes
    assert list(first.tasks) == list(calm.tasks)
    assert calm.metrics["losses"] == 0 and calm.hosts.lost_work_mi.sum() == 0


def test_a_run_that_ends_while_fragments_are_lost_keeps_the_laws() -> None:
    found = [run("layer", 3.0, seed=seed, drain_intervals=0) for seed in range(6)]
    assert any(result.intervals[-1].losses for result in found)
    assert any(row.times is None for result in found for row in result.fragments)


def test_the_laws_see_work_that_was_not_lost() -> None:
    result = run("semantic", 6.0)
    cluster = build_loop(result.settings, Restless).cluster
    check_result(result, cluster)
    for name in ("lost_work_mi", "lost_mb"):
        less = replace(result, hosts=replace(result.hosts, **{name: getattr(result.hosts, name) * 0.99}))
        with pytest.raises(Exception, match=r"a law of the system is broken: (hosts worked|.* crossed the links)"):
            check_result(less, cluster)


def test_nothing_is_offered_on_a_host_that_is_away() -> None:
    seen: List[Sequence[float]] = []

    class Watching(Restless):
        def place(self, problem: PlacementProblem) -> IntArray:
            seen.append(problem.free_ram_mb.copy())
            return super().place(problem)

    settings = Settings().replace(
        run={"decider": "semantic", "intervals": 10, "drain_intervals": 0}, cluster={"hosts": 10},
        churn={"stay_intervals": 2.0},
    )
    result = run_loop(build_loop(settings, Watching))
    gone = hosts_away(result)
    assert gone.sum() > 10
    assert (np.array(seen)[gone] <= 0).all() and (result.hosts.cpu_utilisation[gone] == 0).all()
