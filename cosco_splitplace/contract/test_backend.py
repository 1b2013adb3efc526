"""What every backend owes the loop. See the package for how to run it on your own."""
from __future__ import annotations

import atexit
import math
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Callable, ContextManager, Dict, Iterator, List, Union

import numpy as np
import pytest

from cosco_splitplace.arrivals.catalogue import load_catalogue
from cosco_splitplace.backends.port import Backend
from cosco_splitplace.backends.simulated.backend import SimulatedBackend
from cosco_splitplace.backends.testbed.backend import TestbedBackend
from cosco_splitplace.backends.testbed.data import TaskData
from cosco_splitplace.backends.testbed.journal import Journal
from cosco_splitplace.backends.testbed.local import LocalTestbed
from cosco_splitplace.config import EngineSettings, FragmentSettings, TestbedSettings
from cosco_splitplace.contract import under_test
from cosco_splitplace.contract.made_parts import made_cluster, made_fragment, made_task
from cosco_splitplace.records import (
    DELIVERED,
    FINISHED,
    LAYER,
    MIGRATED,
    Decision,
    FragmentEvent,
    Snapshot,
    StartOrder,
    Transfer,
)
from cosco_splitplace.registry import Registry

N_HOSTS = 3
ENOUGH_S = 300.0  # everything below is over by then
STEP_S = 0.25
IMAGES_A_MI = 10  # so that real fragments work for about as long as a second in a thousand MI
RAM_MB = 400.0


def simulated() -> Backend:
    return SimulatedBackend(made_cluster(N_HOSTS), FragmentSettings(), EngineSettings(), None, ENOUGH_S)


@contextmanager
def testbed() -> Iterator[Backend]:
    """Agents on loopback, the same for all tests; tasks are MNIST images, fragments those of its shipped chain."""
    agents, cluster = _agents(), made_cluster(N_HOSTS)
    with tempfile.TemporaryDirectory() as name:
        backend = TestbedBackend(
            cluster=cluster,
            urls=[one.address for one in agents.agents],
            credentials=agents.credentials(),
            data=TaskData(load_catalogue(names=["MNIST"]), Path(name) / "results", 256),
            journal=Journal(Path(name) / "journal.sqlite"),
            settings=TestbedSettings(),
            room_mb=cluster.ram_mb,
            cores=1.0,
        )
        try:
            backend.greet()
            yield backend
        finally:
            backend.close()


@lru_cache(maxsize=1)
def _agents() -> LocalTestbed:
    folder = tempfile.mkdtemp()
    agents = LocalTestbed(Path(folder) / "testbed")
    agents.up(N_HOSTS, 1000)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(agents.down)
    return agents


testbed.__test__ = False  # type: ignore[attr-defined]
BACKENDS: Registry[Union[Backend, ContextManager[Backend]]] = Registry("backend")
BACKENDS.register("simulated", simulated, "the engine")
BACKENDS.register("testbed", testbed, "agents on this machine")


@pytest.fixture(params=under_test("BACKENDS", BACKENDS), ids=str)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with ExitStack() as ending:
        made = BACKENDS.get(request.param)()
        yield made if isinstance(made, Backend) else ending.enter_context(made)


def launch(backend: Backend, fragment_id: int, host: int, source: int = N_HOSTS, **changes: object) -> None:
    """Start a fragment, by default the first and last of a task of its own, and send its input."""
    values = {"input_mb": 5.0, "output_mb": 2.0, "ram_mb": RAM_MB, **changes}
    fragment = made_fragment(fragment_id, **values)
    if not fragment.depends_on:
        images = int(IMAGES_A_MI * fragment.work_mi)
        backend.admit(
            made_task(fragment.task_id, application="MNIST", batch_images=images), Decision(LAYER, "the contract")
        )
    backend.start([StartOrder(fragment, host)])
    backend.send([Transfer(fragment_id, source, host, fragment.input_mb)])


class Story:
    """What a backend has told so far; waits for more."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.events: List[FragmentEvent] = []

    def kinds(self, fragment_id: int) -> List[str]:
        self.events += self._backend.poll()
        return [one.kind for one in self.events if one.fragment_id == fragment_id]

    def wait_for(self, reached: Callable[[], bool]) -> None:
        until = self._backend.clock.now_s + ENOUGH_S
        while not reached():
            assert self._backend.clock.now_s < until, self.events
            self._backend.clock.wait_until(self._backend.clock.now_s + STEP_S)

    def wait_for_kind(self, kind: str, *fragment_ids: int) -> None:
        for number in fragment_ids:
            self.wait_for(lambda number=number: kind in self.kinds(number))  # type: ignore[misc]

    def wait_half(self, fragment_id: int) -> Snapshot:
        """Until it is in the midst of its work."""
        found: Dict[str, Snapshot] = {}

        def in_its_midst() -> bool:
            state = found["state"] = self._backend.snapshot()
            assert FINISHED not in self.kinds(fragment_id), "it was over before it was seen to work"
            return state.movable.tolist() == [True] and float(state.work_left_mi[0]) > 0

        self.wait_for(in_its_midst)
        return found["state"]


@pytest.fixture
def story(backend: Backend) -> Story:
    return Story(backend)


class TestBackend:
    def test_time_passes_by_waiting_only(self, backend: Backend) -> None:
        assert backend.clock.now_s == 0.0 or not backend.exact
        backend.snapshot()
        wanted = backend.clock.now_s + 2.5
        backend.clock.wait_until(wanted)
        assert backend.clock.now_s == wanted or (not backend.exact and backend.clock.now_s > wanted)
        assert backend.snapshot().time_s == pytest.approx(backend.clock.now_s, abs=0.0 if backend.exact else 1.0)

    def test_an_idle_cluster(self, backend: Backend) -> None:
        state = backend.snapshot()
        for column in (state.ram_used_mb, state.placed_fragments):
            assert column.tolist() == [0] * N_HOSTS
        if backend.exact:
            assert state.cpu_utilisation.tolist() == [0] * N_HOSTS
        assert np.all((state.cpu_utilisation >= 0) & (state.cpu_utilisation <= 1))
        assert np.all(state.bandwidth_mb_s > 0) and np.all(state.latency_s > 0)
        rows = (state.fragment_ids, state.fragment_hosts, state.work_left_mi, state.movable)
        assert [len(one) for one in rows] == [0] * 4
        backend.clock.wait_until(backend.clock.now_s + 1.0)
        assert backend.poll() == []
        usage = backend.usage()
        assert usage.work_mi.tolist() == usage.sent_mb.tolist() == [0] * N_HOSTS
        assert np.all(usage.energy_wh > 0)  # idle power

    def test_nothing_to_do_is_fine(self, backend: Backend) -> None:
        backend.start([])
        backend.send([])
        backend.clock.wait_until(backend.clock.now_s)
        assert backend.poll() == []

    def test_the_life_of_a_last_fragment(self, backend: Backend, story: Story) -> None:
        launch(backend, 0, 1)
        state = backend.snapshot()
        assert (state.fragment_ids.tolist(), state.fragment_hosts.tolist()) == ([0], [1])
        assert state.placed_fragments.tolist() == [0, 1, 0]
        assert state.ram_used_mb[1] >= RAM_MB
        story.wait_for_kind(DELIVERED, 0)
        assert story.kinds(0) == [FINISHED, DELIVERED]
        times = backend.times(0)
        assert 0 <= times.placed_s < times.started_s < times.finished_s < times.delivered_s <= backend.clock.now_s
        assert (times.host, times.migrations) == (1, 0)
        assert times.work_done_mi == pytest.approx(1000) and times.received_mb == pytest.approx(7)
        state = backend.snapshot()
        assert len(state.fragment_ids) == 0 and state.ram_used_mb.tolist() == [0] * N_HOSTS

    def test_a_chain_goes_on_only_when_it_is_sent_on(self, backend: Backend, story: Story) -> None:
        launch(backend, 0, 0, is_last=False)
        story.wait_for_kind(FINISHED, 0)
        backend.clock.wait_until(backend.clock.now_s + 1.0)
        assert story.kinds(0) == [FINISHED] and math.isnan(backend.times(0).delivered_s)
        on_its_way = backend.clock.now_s
        chain = {"task_id": 0, "input_mb": 2.0}
        launch(backend, 1, 2, source=0, index=1, depends_on=(0,), is_last=False, **chain)
        story.wait_for_kind(FINISHED, 1)
        assert backend.times(1).started_s > on_its_way
        next_door = backend.clock.now_s
        launch(backend, 2, 2, source=2, index=2, depends_on=(1,), **chain)
        story.wait_for_kind(DELIVERED, 2)
        if backend.exact:
            assert backend.times(2).started_s == next_door  # within a host it is immediate
            usage = backend.usage()
            assert usage.sent_mb == pytest.approx([2, 0, 2]) and usage.received_mb == pytest.approx([5, 0, 2])
            assert (usage.broker_sent_mb, usage.broker_received_mb) == pytest.approx((5, 2))

    def test_nothing_starts_without_its_input(self, backend: Backend, story: Story) -> None:
        fragment = made_fragment(0, ram_mb=RAM_MB)
        backend.admit(made_task(0, application="MNIST"), Decision(LAYER, "the contract"))
        backend.start([StartOrder(fragment, 0)])
        backend.clock.wait_until(backend.clock.now_s + 2.0)
        assert story.kinds(0) == [] and math.isnan(backend.times(0).started_s)
        sent = backend.clock.now_s
        backend.send([Transfer(0, N_HOSTS, 0, 1.0)])
        story.wait_for_kind(DELIVERED, 0)
        assert backend.times(0).started_s > sent

    def test_migration_goes_on_where_it_was(self, backend: Backend, story: Story) -> None:
        launch(backend, 0, 0, work_mi=10_000.0)
        left = float(story.wait_half(0).work_left_mi[0])
        assert 0 < left <= 10_000
        backend.migrate(0, 2)
        state = backend.snapshot()
        assert state.movable.tolist() == [False]
        assert 0 < float(state.work_left_mi[0]) <= left
        story.wait_for_kind(DELIVERED, 0)
        assert story.kinds(0) == [MIGRATED, FINISHED, DELIVERED]
        times = backend.times(0)
        assert (times.host, times.migrations) == (2, 1) and times.migration_s > 0
        assert times.work_done_mi == pytest.approx(10_000)
        work = backend.usage().work_mi
        assert work.sum() == pytest.approx(10_000) and work[1] == 0 and work[2] > 0
        if backend.exact:
            assert work == pytest.approx([10_000 - left, 0, left])

    def test_stop_ends_and_frees(self, backend: Backend, story: Story) -> None:
        launch(backend, 0, 0, work_mi=50_000.0)
        launch(backend, 1, 1)
        backend.stop(0)
        story.wait_for_kind(DELIVERED, 1)
        backend.clock.wait_until(backend.clock.now_s + 2.0)
        assert story.kinds(0) == []
        assert backend.snapshot().ram_used_mb.tolist() == [0] * N_HOSTS

    def test_events_are_told_once_and_in_order_of_time(self, backend: Backend, story: Story) -> None:
        for number in range(6):
            launch(backend, number, number % N_HOSTS, work_mi=500.0 * (6 - number))
        backend.clock.wait_until(backend.clock.now_s + 5.0)
        at_once = backend.poll()
        assert [one.time_s for one in at_once] == sorted(one.time_s for one in at_once)
        story.events += at_once
        story.wait_for_kind(DELIVERED, *range(6))
        assert [story.kinds(number) for number in range(6)] == [[FINISHED, DELIVERED]] * 6

    def test_usage_is_since_the_last_call(self, backend: Backend, story: Story) -> None:
        launch(backend, 0, 0, work_mi=3000.0)
        parts = []
        while DELIVERED not in story.kinds(0):
            backend.clock.wait_until(backend.clock.now_s + 1.0)
            parts.append(backend.usage())
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
        backend.clock.wait_until(backend.clock.now_s + 1.0)
        if backend.exact:  # real time does not wait to be asked
            with pytest.raises(ValueError):
                backend.clock.wait_until(backend.clock.now_s - 0.5)
