"""Laws of the engine over random workloads: nothing is lost or made, and no result depends on how time is cut."""
from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosco_splitplace.backends.simulated.engine import Engine
from cosco_splitplace.cluster import Cluster
from cosco_splitplace.config import EngineSettings, FragmentSettings
from cosco_splitplace.contract.made_parts import made_cluster, made_fragment
from cosco_splitplace.records import FINISHED, StartOrder, Transfer

HOSTS = 3
SECOND_WAVE_S = 20.123456789  # no event falls on it exactly
END_S = 1000.0
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Job:
    """One fragment of a random workload; `wave` 1 enters at SECOND_WAVE_S; `moves_to` is tried there, too."""

    host: int
    source: int
    work: float
    ram: float
    received: float
    returned: float
    wave: int
    moves_to: int


jobs = st.lists(
    st.builds(
        Job,
        host=st.integers(0, HOSTS - 1),
        source=st.integers(0, HOSTS),
        work=st.floats(1.0, 20_000.0),
        ram=st.floats(1.0, 700.0),
        received=st.floats(0.0, 100.0),
        returned=st.floats(0.0, 50.0),
        wave=st.integers(0, 1),
        moves_to=st.integers(-1, HOSTS - 1),
    ),
    min_size=1,
    max_size=10,
)


def cluster() -> Cluster:
    return made_cluster(n_hosts=HOSTS, cores=4.0, mips=1000.0)


def carry_out(workload: Sequence[Job], cuts: Sequence[float] = (), end_s: float = END_S) -> Engine:
    engine = Engine(cluster(), FragmentSettings(cores=2.0), EngineSettings(swap_penalty=4.0))
    for wave, until in ((0, SECOND_WAVE_S), (1, end_s)):
        if wave == 1:
            ids, hosts, _, movable = engine.active_fragments()
            for number, host in zip(ids[movable].tolist(), hosts[movable].tolist()):
                if workload[number].moves_to not in (-1, host):
                    engine.migrate(number, workload[number].moves_to)
        entering = [(number, one) for number, one in enumerate(workload) if one.wave == wave]
        engine.start([
            StartOrder(
                made_fragment(number, work_mi=one.work, ram_mb=one.ram, input_mb=one.received, output_mb=one.returned),
                one.host,
            )
            for number, one in entering
        ])
        engine.send([Transfer(number, one.source, one.host, one.received) for number, one in entering])
        for cut in sorted(one for one in cuts if engine.now_s < one < until):
            engine.advance(cut)
        engine.advance(until)
    return engine


@quick
@given(workload=jobs, cuts=st.lists(st.floats(0.0, END_S), max_size=30))
def test_times_do_not_depend_on_how_time_is_cut(workload: List[Job], cuts: List[float]) -> None:
    whole, cut = carry_out(workload), carry_out(workload, cuts)
    for number in range(len(workload)):
        a, b = whole.times(number), cut.times(number)
        for name in ("started_s", "finished_s", "delivered_s", "migration_s", "work_done_mi", "received_mb"):
            assert getattr(a, name) == pytest.approx(getattr(b, name), rel=1e-9, abs=1e-9, nan_ok=True), name
    used, used_cut = whole.take_usage(), cut.take_usage()
    assert used.energy_wh == pytest.approx(used_cut.energy_wh, rel=1e-9)
    assert used.work_mi == pytest.approx(used_cut.work_mi, rel=1e-9, abs=1e-6)


@quick
@given(workload=jobs)
def test_what_is_finished_did_all_its_work_and_moved_all_its_bytes(workload: List[Job]) -> None:
    engine = carry_out(workload)
    usage = engine.take_usage()
    due = []
    for number, one in enumerate(workload):
        times = engine.times(number)
        assert times.work_done_mi == pytest.approx(one.work, rel=1e-9)
        crossed = one.received if one.source != one.host else 0.0
        due.append(crossed + times.migrations * one.ram + one.returned)
        assert times.received_mb == pytest.approx(due[-1], rel=1e-9, abs=1e-9)
    assert usage.work_mi.sum() == pytest.approx(sum(one.work for one in workload), rel=1e-9)
    moved = usage.received_mb.sum() + usage.broker_received_mb
    assert moved == pytest.approx(sum(due), rel=1e-9, abs=1e-9)
    assert usage.sent_mb.sum() + usage.broker_sent_mb == pytest.approx(moved, rel=1e-9, abs=1e-9)
    assert usage.broker_received_mb == pytest.approx(sum(one.returned for one in workload), rel=1e-9, abs=1e-9)
    assert engine.host_state()[1] == pytest.approx(np.zeros(HOSTS), abs=1e-9)
    assert [one.kind for one in engine.take_events()].count(FINISHED) == len(workload)


@quick
@given(workload=jobs, end_s=st.floats(21.0, 60.0))
def test_under_way_nothing_is_lost_and_nothing_exceeds_its_capacity(workload: List[Job], end_s: float) -> None:
    engine = carry_out(workload, end_s=end_s)
    usage = engine.take_usage()
    times = [engine.times(number) for number in range(len(workload))]
    ids, _, left, _ = engine.active_fragments()
    unfinished = dict(zip(ids.tolist(), left.tolist()))
    for number, one in enumerate(workload):
        assert times[number].work_done_mi + unfinished.get(number, 0.0) == pytest.approx(one.work, rel=1e-9, abs=1e-6)
    assert usage.work_mi.sum() == pytest.approx(sum(one.work_done_mi for one in times), rel=1e-9, abs=1e-6)
    moved = sum(one.received_mb for one in times)
    assert usage.received_mb.sum() + usage.broker_received_mb == pytest.approx(moved, rel=1e-9, abs=1e-6)
    made, slack = cluster(), 1 + 1e-9
    assert np.all(usage.work_mi <= made.mips * end_s * slack)
    assert np.all(usage.sent_mb <= made.link_mb_s * end_s * slack)
    assert np.all(usage.received_mb <= made.link_mb_s * end_s * slack)
    assert np.all((usage.cpu_utilisation >= 0) & (usage.cpu_utilisation <= slack))
    assert np.all(usage.energy_wh >= 100 * end_s / 3600 / slack)
    assert np.all(usage.energy_wh <= 200 * end_s / 3600 * slack)


@quick
@given(workload=jobs)
def test_events_come_in_order_of_time_and_steps_in_order_of_life(workload: List[Job]) -> None:
    engine = carry_out(workload)
    when = [one.time_s for one in engine.take_events()]
    assert when == sorted(when)
    for number in range(len(workload)):
        times = engine.times(number)
        steps = [times.placed_s, times.started_s, times.finished_s, times.delivered_s]
        assert steps == sorted(steps)
