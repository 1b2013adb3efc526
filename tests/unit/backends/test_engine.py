"""The engine's times, bytes and energy by hand. One host: 1000 MIPS, 1000 MB, 10 MB/s, 1 s; broker: 40 MB/s, 0.5 s."""
from __future__ import annotations

import math
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest

from cosco_splitplace.backends.simulated.engine import Engine
from cosco_splitplace.cluster import Cluster
from cosco_splitplace.config import EngineSettings, FragmentSettings
from cosco_splitplace.contract.made_parts import made_cluster, made_fragment
from cosco_splitplace.records import DELIVERED, FINISHED, MIGRATED, StartOrder, Transfer

BROKER_DELAY = 1.5  # 0.5 s of the broker and 1 s of the host
HOST_DELAY = 2.0


def make_engine(cluster: Cluster, cores: float = 2.0, swap_penalty: float = 4.0) -> Engine:
    return Engine(cluster, FragmentSettings(cores=cores), EngineSettings(swap_penalty=swap_penalty))


def launch(engine: Engine, fragment_id: int, host: int, source: int = -1, **changes: Any) -> None:
    """Start a fragment and send it its input, from the broker unless told otherwise."""
    fragment = made_fragment(fragment_id, **changes)
    engine.start([StartOrder(fragment, host)])
    start = engine.broker if source < 0 else source
    engine.send([Transfer(fragment_id, start, host, fragment.input_mb)])


def events(engine: Engine) -> List[Tuple[str, int, float]]:
    return [(one.kind, one.fragment_id, pytest.approx(one.time_s)) for one in engine.take_events()]


def test_one_fragment_alone() -> None:
    engine = make_engine(made_cluster())
    launch(engine, 0, 1, input_mb=100.0, work_mi=5000.0, output_mb=20.0)
    engine.advance(100.0)
    times = engine.times(0)
    assert times.placed_s == 0.0
    assert times.started_s == pytest.approx(1.5 + 100 / 10)
    assert times.finished_s == pytest.approx(11.5 + 5000 / 1000)
    assert times.delivered_s == pytest.approx(16.5 + 1.5 + 20 / 10)
    assert (times.host, times.work_done_mi, times.migrations) == (1, pytest.approx(5000), 0)
    assert times.received_mb == pytest.approx(120)
    assert [one.kind for one in engine.take_events()] == [FINISHED, DELIVERED]


def test_work_is_counted_only_up_to_now() -> None:
    engine = make_engine(made_cluster())
    launch(engine, 0, 0, input_mb=100.0, work_mi=5000.0)
    engine.advance(6.5)  # 5 s of the transfer
    assert engine.times(0).received_mb == pytest.approx(50)
    assert math.isnan(engine.times(0).started_s)
    engine.advance(13.5)  # 2 s of the work
    ids, hosts, left, movable = engine.active_fragments()
    assert (ids.tolist(), hosts.tolist(), movable.tolist()) == ([0], [0], [True])
    assert left == pytest.approx([3000])
    assert engine.times(0).work_done_mi == pytest.approx(2000)
    assert math.isnan(engine.times(0).finished_s)


def test_two_share_a_two_core_host() -> None:
    engine = make_engine(made_cluster())
    launch(engine, 0, 0, work_mi=1000.0)
    launch(engine, 1, 0, work_mi=3000.0)
    launch(engine, 2, 1, work_mi=3000.0)  # another host: not concerned
    engine.advance(100.0)
    assert engine.times(0).finished_s == pytest.approx(1.5 + 2.0)  # 500 MIPS each
    assert engine.times(1).finished_s == pytest.approx(3.5 + 2.0)  # the other 2000 MI alone
    assert engine.times(2).finished_s == pytest.approx(1.5 + 3.0)


def test_two_do_not_disturb_each_other_on_four_cores_but_three_do() -> None:
    engine = make_engine(made_cluster(cores=4.0, mips=2000.0))
    launch(engine, 0, 0, work_mi=1000.0)
    launch(engine, 1, 0, work_mi=3000.0)
    for number in (2, 3, 4):
        launch(engine, number, 1, work_mi=2000.0)
    engine.advance(100.0)
    assert engine.times(0).finished_s == pytest.approx(1.5 + 1.0)  # half of the host's 2000 MIPS
    assert engine.times(1).finished_s == pytest.approx(1.5 + 3.0)
    assert engine.times(2).finished_s == pytest.approx(1.5 + 3.0)  # a third of 2000 MIPS
    assert engine.times(4).finished_s == pytest.approx(1.5 + 3.0)


def test_one_that_comes_later_slows_down_what_runs() -> None:
    engine = make_engine(made_cluster())
    launch(engine, 0, 0, work_mi=4000.0)
    launch(engine, 1, 0, work_mi=1000.0, input_mb=20.0)  # starts at 3.5
    engine.advance(100.0)
    assert engine.times(1).finished_s == pytest.approx(3.5 + 2.0)
    assert engine.times(0).finished_s == pytest.approx(1.5 + 2.0 + 2.0 + 1.0)  # 2000 alone, 1000 shared, 1000 alone


def test_the_brokers_uplink_is_shared() -> None:
    engine = make_engine(made_cluster(broker_link_mb_s=15.0))
    launch(engine, 0, 0, input_mb=75.0)
    launch(engine, 1, 1, input_mb=150.0)
    engine.advance(100.0)
    assert engine.times(0).started_s == pytest.approx(1.5 + 10.0)  # 7.5 MB/s each
    assert engine.times(1).started_s == pytest.approx(11.5 + 7.5)  # the other 75 MB at the host's 10 MB/s


def test_a_hosts_downlink_is_shared_and_is_not_its_uplink() -> None:
    engine = make_engine(made_cluster(n_hosts=4))
    launch(engine, 0, 0, source=1, input_mb=50.0)
    launch(engine, 1, 0, source=2, input_mb=100.0)
    launch(engine, 2, 3, source=0, input_mb=50.0)  # out of host 0: full duplex
    engine.advance(100.0)
    assert engine.times(0).started_s == pytest.approx(HOST_DELAY + 10.0)
    assert engine.times(1).started_s == pytest.approx(HOST_DELAY + 15.0)
    assert engine.times(2).started_s == pytest.approx(HOST_DELAY + 5.0)


def test_a_hosts_uplink_is_shared() -> None:
    engine = make_engine(made_cluster(n_hosts=4))
    launch(engine, 0, 1, source=0, input_mb=50.0)
    launch(engine, 1, 2, source=0, input_mb=50.0)
    engine.advance(100.0)
    assert engine.times(0).started_s == pytest.approx(HOST_DELAY + 10.0)
    assert engine.times(1).started_s == pytest.approx(HOST_DELAY + 10.0)
    usage = engine.take_usage()
    assert usage.sent_mb == pytest.approx([100, 0, 0, 0])
    assert usage.received_mb == pytest.approx([0, 50, 50, 0])
    assert (usage.broker_sent_mb, usage.broker_received_mb) == (0.0, 0.0)


def test_results_share_the_brokers_downlink() -> None:
    engine = make_engine(made_cluster(broker_link_mb_s=10.0))
    launch(engine, 0, 0, output_mb=30.0)
    launch(engine, 1, 1, output_mb=30.0)
    engine.advance(100.0)
    for number in (0, 1):
        assert engine.times(number).finished_s == pytest.approx(2.5)
        assert engine.times(number).delivered_s == pytest.approx(2.5 + 1.5 + 6.0)  # 5 MB/s each
    usage = engine.take_usage()
    assert usage.broker_received_mb == pytest.approx(60)
    assert usage.sent_mb == pytest.approx([30, 30, 0])


def test_bandwidth_that_changes_under_way() -> None:
    cluster = made_cluster()
    engine = make_engine(cluster)
    launch(engine, 0, 0, input_mb=100.0)
    engine.advance(6.5)
    engine.set_links(cluster.link_mb_s / 2, cluster.ping_s * 3)
    engine.advance(100.0)
    assert engine.times(0).started_s == pytest.approx(6.5 + 10.0)  # the other 50 MB at 5 MB/s
    launch(engine, 1, 0, input_mb=5.0)
    engine.advance(200.0)
    assert engine.times(1).started_s == pytest.approx(100 + 0.5 + 3.0 + 1.0)


def test_a_layers_output_stays_on_its_host() -> None:
    engine = make_engine(made_cluster())
    launch(engine, 0, 2, is_last=False, output_mb=500.0)
    engine.advance(10.0)
    assert events(engine) == [(FINISHED, 0, 2.5)]
    assert math.isnan(engine.times(0).delivered_s)
    launch(engine, 1, 2, source=2, input_mb=500.0, depends_on=(0,))
    engine.advance(20.0)
    assert engine.times(1).started_s == 10.0
    assert engine.times(1).finished_s == pytest.approx(11.0)
    assert engine.times(1).received_mb == 0.0
    usage = engine.take_usage()
    assert usage.sent_mb.sum() == usage.received_mb.sum() == usage.broker_received_mb == 0.0


def test_migration() -> None:
    engine = make_engine(made_cluster())
    launch(engine, 0, 0, work_mi=10_000.0, ram_mb=200.0)
    launch(engine, 1, 0, work_mi=10_000.0, ram_mb=300.0)
    engine.advance(5.5)  # each has done 2000 MI
    engine.migrate(0, 1)
    engine.advance(10.0)
    _, hosts, left, movable = engine.active_fragments()
    assert (hosts.tolist(), movable.tolist()) == ([0, 0], [False, True])
    assert left == pytest.approx([8000, 10_000 - 2000 - 4500])  # the one that stays has the host to itself
    assert engine.host_state()[1] == pytest.approx([500, 200, 0])  # held on both hosts
    engine.advance(100.0)
    times = engine.times(0)
    assert times.migration_s == pytest.approx(HOST_DELAY + 200 / 10)
    assert times.finished_s == pytest.approx(5.5 + 22.0 + 8.0)
    assert (times.host, times.migrations, times.received_mb) == (1, 1, pytest.approx(200))
    assert times.work_done_mi == pytest.approx(10_000)
    assert engine.times(1).finished_s == pytest.approx(5.5 + 8.0)
    assert [one.kind for one in engine.take_events()].count(MIGRATED) == 1
    usage = engine.take_usage()
    assert usage.work_mi == pytest.approx([12_000, 8000, 0])
    assert usage.sent_mb == pytest.approx([200, 0, 0])
    assert engine.host_state()[1] == pytest.approx([0, 0, 0])


def test_the_result_comes_from_the_new_host_after_a_migration() -> None:
    engine = make_engine(made_cluster())
    launch(engine, 0, 0, work_mi=10_000.0, output_mb=10.0)
    engine.advance(2.5)
    engine.migrate(0, 2)
    engine.advance(100.0)
    assert engine.take_usage().sent_mb == pytest.approx([100, 0, 10])
    assert engine.times(0).delivered_s == pytest.approx(2.5 + 12 + 9 + 1.5 + 1)


def test_swap_slows_down_past_the_capacity() -> None:
    engine = make_engine(made_cluster())
    launch(engine, 0, 0, work_mi=1000.0, ram_mb=750.0)
    launch(engine, 1, 0, work_mi=2000.0, ram_mb=750.0)  # 1.5 times the RAM: 1 + 4 * 0.5 = 3 times slower
    engine.advance(100.0)
    assert engine.times(0).finished_s == pytest.approx(1.5 + 1000 / (500 / 3))
    assert engine.times(1).finished_s == pytest.approx(7.5 + 1.0)  # 1000 MI left, alone, without swap


def test_a_reservation_makes_the_others_swap_before_it_runs() -> None:
    engine = make_engine(made_cluster(), swap_penalty=2.0)
    launch(engine, 0, 0, work_mi=4000.0, ram_mb=1000.0)
    engine.advance(2.5)
    launch(engine, 1, 0, work_mi=7000.0, ram_mb=500.0, input_mb=100.0)  # on its way until 14: 1.5 times the RAM
    engine.advance(6.5)
    assert engine.active_fragments()[2] == pytest.approx([4000 - 1000 - 4 * 500, 7000])


def test_swap_ends_when_a_fragment_has_moved_away() -> None:
    engine = make_engine(made_cluster())
    launch(engine, 0, 0, work_mi=10_000.0, ram_mb=750.0)
    launch(engine, 1, 0, work_mi=60_000.0, ram_mb=750.0)  # 3 times slower while the memory of both is held
    engine.advance(7.5)  # each has done 1000 MI
    engine.migrate(0, 1)
    engine.advance(200.0)
    moved = 7.5 + HOST_DELAY + 750 / 10
    assert engine.times(0).finished_s == pytest.approx(moved + 9.0)
    alone_s = (60_000 - 1000 - 77 * 1000 / 3) / 1000
    assert engine.times(1).finished_s == pytest.approx(moved + alone_s)


def test_exactly_full_memory_does_not_swap() -> None:
    engine = make_engine(made_cluster())
    launch(engine, 0, 0, ram_mb=1000.0)
    engine.advance(10.0)
    assert engine.times(0).finished_s == pytest.approx(2.5)


def test_energy_is_the_power_curve_integrated() -> None:
    curve = [50, 60, 80, 110, 120, 130, 140, 150, 160, 170, 200]
    engine = make_engine(made_cluster(n_hosts=2, cores=4.0, mips=2000.0, power_w=curve), cores=1.0)
    launch(engine, 0, 0, work_mi=5000.0)  # 500 MIPS, 25 %: 80 + (110 - 80) / 2 = 95 W for 10 s
    engine.advance(30.0)
    usage = engine.take_usage()
    assert usage.energy_wh == pytest.approx([(95 * 10 + 50 * 20) / 3600, 50 * 30 / 3600])
    assert usage.cpu_utilisation == pytest.approx([0.25 * 10 / 30, 0])
    for number in range(1, 6):
        launch(engine, number, 1, work_mi=4000.0)  # five want 125 %: 200 W, 400 MIPS each, for 10 s
    engine.advance(60.0)
    usage = engine.take_usage()
    assert usage.energy_wh == pytest.approx([50 * 30 / 3600, (200 * 10 + 50 * 20) / 3600])
    assert usage.cpu_utilisation == pytest.approx([0, 10 / 30])
    assert usage.work_mi == pytest.approx([0, 20_000])


def test_usage_of_no_time_is_zero() -> None:
    usage = make_engine(made_cluster()).take_usage()
    assert usage.cpu_utilisation.tolist() == [0, 0, 0]
    assert usage.energy_wh.tolist() == [0, 0, 0]


def test_arrays_grow_past_1024_fragments() -> None:
    engine = make_engine(made_cluster(ram_mb=1e9, broker_link_mb_s=1e9))
    count = 2500
    engine.start([StartOrder(made_fragment(number, work_mi=1.0), number % 3) for number in range(count)])
    engine.send([Transfer(number, 3, number % 3, 0.0) for number in range(count)])
    engine.advance(1.5)
    assert len(engine.active_fragments()[0]) == count
    engine.advance(10.0)
    assert len(engine.take_events()) == 2 * count
    assert engine.take_usage().work_mi == pytest.approx([834, 833, 833])
    assert engine.times(2499).finished_s == pytest.approx(1.5 + 0.834)
    launch(engine, 5000, 0)
    engine.advance(20.0)
    assert engine.times(5000).finished_s == pytest.approx(10 + 1.5 + 1)


def reach(engine: Engine, phase: str) -> None:
    """Bring fragment 0 into `phase`."""
    if phase == "started":
        engine.start([StartOrder(made_fragment(0), 0)])
        return
    launch(engine, 0, 0, input_mb=100.0, work_mi=5000.0, output_mb=50.0)
    until: Dict[str, float] = {
        "input delayed": 1.0, "input on its way": 5.0, "running": 13.0, "result delayed": 17.0,
        "result on its way": 20.0, "delivered": 30.0,
    }  # fmt: skip
    engine.advance(until.get(phase, 13.0))
    if phase.startswith("migration"):
        engine.migrate(0, 1)
        engine.advance({"migration delayed": 14.0, "migration on its way": 17.0, "migration over": 25.5}[phase])


PHASES = (
    "started", "input delayed", "input on its way", "running", "migration delayed", "migration on its way",
    "migration over", "result delayed", "result on its way", "delivered",
)  # fmt: skip


@pytest.mark.parametrize("phase", PHASES)
def test_stop_frees_what_is_held(phase: str) -> None:
    engine = make_engine(made_cluster())
    reach(engine, phase)
    now = engine.now_s
    engine.take_events()
    engine.stop(0)
    utilisation, ram, _, _ = engine.host_state()
    assert ram.tolist() == [0, 0, 0]
    assert utilisation.tolist() == [0, 0, 0]
    assert len(engine.active_fragments()[0]) == 0
    for number, host in ((1, 0), (2, 1)):  # nothing is left on links or processors
        launch(engine, number, host, input_mb=100.0, output_mb=50.0)
    engine.advance(now + 100.0)
    for number in (1, 2):
        assert engine.times(number).started_s == pytest.approx(now + 11.5)
        assert engine.times(number).finished_s == pytest.approx(now + 12.5)
        assert engine.times(number).delivered_s == pytest.approx(now + 12.5 + 6.5)
    assert {one.fragment_id for one in engine.take_events()} == {1, 2}
    with pytest.raises(ValueError, match="can't be started"):
        engine.start([StartOrder(made_fragment(0), 0)])


def test_stop_speeds_up_the_others() -> None:
    engine = make_engine(made_cluster())
    launch(engine, 0, 0, work_mi=9000.0)
    launch(engine, 1, 0, work_mi=2000.0)
    engine.advance(3.5)  # each has done 1000 MI
    engine.stop(0)
    engine.advance(10.0)
    assert engine.times(1).finished_s == pytest.approx(4.5)


class TestBadOrders:
    def test_started_twice(self) -> None:
        engine = make_engine(made_cluster())
        launch(engine, 0, 0)
        with pytest.raises(ValueError, match=r"fragments \[0\] can't be started"):
            engine.start([StartOrder(made_fragment(0), 1)])

    def test_started_twice_in_one_order(self) -> None:
        engine = make_engine(made_cluster())
        with pytest.raises(ValueError):
            engine.start([StartOrder(made_fragment(0), 0), StartOrder(made_fragment(0), 1)])
        assert engine.host_state()[1].sum() == 0

    def test_sent_twice_in_one_order(self) -> None:
        engine = make_engine(made_cluster())
        engine.start([StartOrder(made_fragment(0), 0)])
        with pytest.raises(ValueError):
            engine.send([Transfer(0, 3, 0, 0.0), Transfer(0, 3, 0, 0.0)])

    @pytest.mark.parametrize("host", [-1, 3, 4])
    def test_host_that_does_not_exist(self, host: int) -> None:
        engine = make_engine(made_cluster())
        with pytest.raises(ValueError, match="hosts are 0 to 2"):
            engine.start([StartOrder(made_fragment(0), host)])
        launch(engine, 1, 0)
        engine.advance(2.0)
        with pytest.raises(ValueError, match="hosts are 0 to 2"):
            engine.migrate(1, host)

    @pytest.mark.parametrize("source", [-1, 4])
    def test_source_that_does_not_exist(self, source: int) -> None:
        engine = make_engine(made_cluster())
        engine.start([StartOrder(made_fragment(0), 0)])
        with pytest.raises(ValueError):
            engine.send([Transfer(0, source, 0, 10.0)])

    def test_negative_id(self) -> None:
        with pytest.raises(ValueError):
            make_engine(made_cluster()).start([StartOrder(made_fragment(-1), 0)])

    def test_input_for_another_host(self) -> None:
        engine = make_engine(made_cluster())
        engine.start([StartOrder(made_fragment(0), 0)])
        with pytest.raises(ValueError, match="host on which its fragment was started"):
            engine.send([Transfer(0, 3, 1, 10.0)])

    @pytest.mark.parametrize("fragment_id", [0, 99_999])
    def test_input_for_what_was_not_started(self, fragment_id: int) -> None:
        with pytest.raises(ValueError, match="can't be sent their input"):
            make_engine(made_cluster()).send([Transfer(fragment_id, 3, 0, 1.0)])

    @pytest.mark.parametrize("phase", [one for one in PHASES if one not in ("running", "migration over")])
    def test_migration_of_what_does_not_run(self, phase: str) -> None:
        engine = make_engine(made_cluster())
        reach(engine, phase)
        with pytest.raises(ValueError, match="can't be migrated"):
            engine.migrate(0, 2)

    def test_migration_to_its_own_host(self) -> None:
        engine = make_engine(made_cluster())
        reach(engine, "running")
        with pytest.raises(ValueError, match="on host 0 already"):
            engine.migrate(0, 0)

    def test_time_backwards(self) -> None:
        engine = make_engine(made_cluster())
        engine.advance(10.0)
        with pytest.raises(ValueError, match=r"can't go back from 10\.0 to 9\.9"):
            engine.advance(9.9)

    def test_stop_of_what_never_was(self) -> None:
        engine = make_engine(made_cluster())
        engine.stop(5000)
        assert np.all(engine.host_state()[1] == 0)
