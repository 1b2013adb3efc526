"""What every backend owes the loop. See the package for how to run it on your own."""
from __future__ import annotations

import math
from typing import List

import numpy as np
import pytest

from cosco_splitplace.backends.port import Backend
from cosco_splitplace.backends.simulated.backend import SimulatedBackend
from cosco_splitplace.config import EngineSettings, FragmentSettings
from cosco_splitplace.contract import under_test
from cosco_splitplace.contract.made_parts import made_cluster, made_fragment
from cosco_splitplace.records import DELIVERED, FINISHED, MIGRATED, FragmentEvent, StartOrder, Transfer
from cosco_splitplace.registry import Registry

N_HOSTS = 3
ENOUGH_S = 300.0  # everything below is over by then


def simulated() -> Backend:
    return SimulatedBackend(made_cluster(N_HOSTS), FragmentSettings(), EngineSettings(), None, ENOUGH_S)


BACKENDS: Registry[Backend] = Registry("backend")
BACKENDS.register("simulated", simulated, "the engine")


@pytest.fixture(params=under_test("BACKENDS", BACKENDS), ids=str)
def backend(request: pytest.FixtureRequest) -> Backend:
    return BACKENDS.get(request.param)()


def launch(backend: Backend, fragment_id: int, host: int, source: int = N_HOSTS, **changes: object) -> None:
    fragment = made_fragment(fragment_id, **{"input_mb": 5.0, "output_mb": 2.0, **changes})
    backend.start([StartOrder(fragment, host)])
    backend.send([Transfer(fragment_id, source, host, fragment.input_mb)])


def kinds(events: List[FragmentEvent], fragment_id: int) -> List[str]:
    return [one.kind for one in events if one.fragment_id == fragment_id]


class TestBackend:
    def test_time_passes_by_waiting_only(self, backend: Backend) -> None:
        assert backend.clock.now_s == 0.0
        backend.snapshot()
        assert backend.clock.now_s == 0.0
        backend.clock.wait_until(12.5)
        assert backend.clock.now_s == 12.5
        assert backend.snapshot().time_s == 12.5

    def test_an_idle_cluster(self, backend: Backend) -> None:
        state = backend.snapshot()
        for column in (state.cpu_utilisation, state.ram_used_mb, state.placed_fragments):
            assert column.tolist() == [0] * N_HOSTS
        assert np.all(state.bandwidth_mb_s > 0) and np.all(state.latency_s > 0)
        rows = (state.fragment_ids, state.fragment_hosts, state.work_left_mi, state.movable)
        assert [len(one) for one in rows] == [0] * 4
        backend.clock.wait_until(10.0)
        assert backend.poll() == []
        usage = backend.usage()
        assert usage.work_mi.tolist() == usage.sent_mb.tolist() == [0] * N_HOSTS
        assert np.all(usage.energy_wh > 0)  # idle power

    def test_nothing_to_do_is_fine(self, backend: Backend) -> None:
        backend.start([])
        backend.send([])
        backend.clock.wait_until(0.0)
        assert backend.poll() == []

    def test_the_life_of_a_last_fragment(self, backend: Backend) -> None:
        launch(backend, 0, 1)
        state = backend.snapshot()
        assert (state.fragment_ids.tolist(), state.fragment_hosts.tolist()) == ([0], [1])
        assert state.placed_fragments.tolist() == [0, 1, 0]
        assert state.ram_used_mb[1] >= 100.0
        backend.clock.wait_until(ENOUGH_S)
        assert kinds(backend.poll(), 0) == [FINISHED, DELIVERED]
        times = backend.times(0)
        assert 0 <= times.placed_s < times.started_s < times.finished_s < times.delivered_s <= ENOUGH_S
        assert (times.host, times.migrations) == (1, 0)
        assert times.work_done_mi == pytest.approx(1000) and times.received_mb == pytest.approx(7)
        state = backend.snapshot()
        assert len(state.fragment_ids) == 0 and state.ram_used_mb.tolist() == [0] * N_HOSTS

    def test_a_chain_goes_on_only_when_it_is_sent_on(self, backend: Backend) -> None:
        launch(backend, 0, 0, is_last=False)
        backend.clock.wait_until(ENOUGH_S)
        assert kinds(backend.poll(), 0) == [FINISHED]
        assert math.isnan(backend.times(0).delivered_s)
        launch(backend, 1, 2, source=0, depends_on=(0,), input_mb=2.0)
        launch(backend, 2, 0, source=0, depends_on=(0,), input_mb=2.0)
        backend.clock.wait_until(2 * ENOUGH_S)
        assert backend.times(1).started_s > ENOUGH_S
        assert backend.times(2).started_s == ENOUGH_S  # within a host it is immediate
        usage = backend.usage()
        assert usage.sent_mb == pytest.approx([2 + 2, 0, 2]) and usage.received_mb == pytest.approx([5, 0, 2])
        assert (usage.broker_sent_mb, usage.broker_received_mb) == pytest.approx((5, 4))

    def test_nothing_starts_without_its_input(self, backend: Backend) -> None:
        backend.start([StartOrder(made_fragment(0), 0)])
        backend.clock.wait_until(ENOUGH_S)
        assert backend.poll() == [] and math.isnan(backend.times(0).started_s)
        backend.send([Transfer(0, N_HOSTS, 0, 1.0)])
        backend.clock.wait_until(2 * ENOUGH_S)
        assert backend.times(0).started_s > ENOUGH_S

    def test_migration_goes_on_where_it_was(self, backend: Backend) -> None:
        launch(backend, 0, 0, work_mi=10_000.0)
        backend.clock.wait_until(5.0)
        state = backend.snapshot()
        assert state.movable.tolist() == [True]
        left = float(state.work_left_mi[0])
        assert 0 < left < 10_000
        backend.migrate(0, 2)
        state = backend.snapshot()
        assert state.movable.tolist() == [False]
        assert float(state.work_left_mi[0]) == pytest.approx(left)
        backend.clock.wait_until(ENOUGH_S)
        assert kinds(backend.poll(), 0) == [MIGRATED, FINISHED, DELIVERED]
        times = backend.times(0)
        assert (times.host, times.migrations) == (2, 1) and times.migration_s > 0
        assert times.work_done_mi == pytest.approx(10_000)
        usage = backend.usage()
        assert usage.work_mi == pytest.approx([10_000 - left, 0, left])

    def test_stop_ends_and_frees(self, backend: Backend) -> None:
        launch(backend, 0, 0, work_mi=50_000.0)
        launch(backend, 1, 1)
        backend.clock.wait_until(4.0)
        backend.stop(0)
        backend.clock.wait_until(ENOUGH_S)
        assert {one.fragment_id for one in backend.poll()} == {1}
        assert backend.snapshot().ram_used_mb.tolist() == [0] * N_HOSTS

    def test_events_are_told_once_and_in_order_of_time(self, backend: Backend) -> None:
        for number in range(6):
            launch(backend, number, number % N_HOSTS, work_mi=500.0 * (6 - number))
        backend.clock.wait_until(ENOUGH_S)
        events = backend.poll()
        assert len(events) == 12 and backend.poll() == []
        assert [one.time_s for one in events] == sorted(one.time_s for one in events)

    def test_usage_is_since_the_last_call(self, backend: Backend) -> None:
        launch(backend, 0, 0, work_mi=3000.0)
        parts = []
        for number in range(1, 6):
            backend.clock.wait_until(2.0 * number)
            parts.append(backend.usage())
        assert sum(float(one.work_mi[0]) for one in parts) == pytest.approx(3000)
        assert all(np.all((one.cpu_utilisation >= 0) & (one.cpu_utilisation <= 1 + 1e-9)) for one in parts)
        assert backend.usage().work_mi.sum() == 0

    def test_bad_orders_are_refused(self, backend: Backend) -> None:
        launch(backend, 0, 0)
        with pytest.raises(ValueError):
            backend.start([StartOrder(made_fragment(0), 1)])
        with pytest.raises(ValueError):
            backend.start([StartOrder(made_fragment(1), N_HOSTS)])
        with pytest.raises(ValueError):
            backend.send([Transfer(2, N_HOSTS, 0, 1.0)])
        with pytest.raises(ValueError):
            backend.migrate(2, 1)
        backend.clock.wait_until(1.0)
        with pytest.raises(ValueError):
            backend.clock.wait_until(0.5)
