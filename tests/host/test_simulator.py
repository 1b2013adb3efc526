"""The engine through COSCO's object API: what is shown, what may be placed, which slot shows what."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, List

import numpy as np
import pytest
from host_parts import entered, small

from cosco_splitplace.bridge.face import GROWING, PAGES, WAITING, Slots
from cosco_splitplace.bridge.running import Assembly, assemble
from cosco_splitplace.records import LAYER


@pytest.fixture()
def parts(cosco_root: Path) -> Iterator[Assembly]:
    """A run of layer splits with the least-loaded placer, before its first interval."""
    with entered(cosco_root):
        yield assemble(small("least-loaded", decider="layer"), cosco_root)


def step(parts: Assembly, wanted: Any = None) -> List[Any]:
    """One interval in COSCO's protocol; `wanted` takes the place of the scheduler's decision."""
    env = parts.environment
    deployed, _ = env.addContainers(parts.workload.generateNewContainers(env.interval))
    return list(env.simulationStep(parts.scheduler.placement(deployed) if wanted is None else wanted(deployed)))


def until_a_chain_runs(parts: Assembly) -> Any:
    """Intervals pass until a fragment with a successor is placed; returns its container."""
    env = parts.environment
    for _ in range(12):
        step(parts)
        for one in env.containerlist:
            if one and one.hostid != -1 and not one.fragment.is_last and one.active:
                return one
    raise AssertionError("no chain in 12 intervals")


def test_layer_fragment_waits_for_its_predecessor(parts: Assembly) -> None:
    env, running = parts.environment, until_a_chain_runs(parts)
    successor = env.loop.history.fragments[running.creationID + 1]
    assert successor.depends_on == (running.creationID,)
    offered = {one[0] for one in parts.workload.generateNewContainers(env.interval)}
    assert successor.fragment_id not in offered  # blocked ones take no slot
    env.addContainers([])
    slot = next(i for i, one in enumerate(env.containerlist) if one is None)
    env.slot_of[successor.fragment_id] = slot
    env.containerlist[slot] = env.addContainer(*parts.workload.containerInfo(successor))  # a user insists
    assert not any(env.getPlacementPossible(slot, host) for host in range(10))
    assert env.simulationStep([(slot, 0)]) == []


def test_predecessor_complete_and_output_there(parts: Assembly) -> None:
    env, running = parts.environment, until_a_chain_runs(parts)
    for _ in range(30):
        if not np.isnan(env.loop.backend.times(running.creationID).finished_s):
            break
        step(parts)
    assert running.creationID + 1 in env.loop.workflows.ready_s
    container = env.getContainerByCID(running.creationID + 1)
    if container is None:  # it got ready at the very end of the interval
        parts.workload.generateNewContainers(env.interval)
        env.addContainers([])
        container = env.getContainerByCID(running.creationID + 1)
    assert env.inputIsThere(container)


def test_placement_is_bounded_by_memory(parts: Assembly) -> None:
    env = parts.environment
    env.beginInterval(0)
    for _ in range(5):
        if env.addContainers([])[0]:
            break
        env.simulationStep([])
        env.beginInterval(env.interval)
    one = env.getContainerByID(env.deployed[0])
    assert env.getPlacementPossible(one.id, 0)
    env.free_ram_mb[0] = one.getRAM()[0] - 1
    assert not env.getPlacementPossible(one.id, 0)
    assert not env.getPlacementPossible(one.id, -1)  # COSCO takes -1 for the last host
    assert not env.getPlacementPossible(one.id, 10)


def test_hosts_show_the_engine(parts: Assembly) -> None:
    env = parts.environment
    until_a_chain_runs(parts)
    snapshot = env.loop.backend.snapshot()
    for host in env.hostlist:
        assert host.getCurrentRAM()[0] == snapshot.ram_used_mb[host.id]
        assert 0 <= host.getCPU() <= 100
        assert host.getApparentIPS() + host.getIPSAvailable() == pytest.approx(host.ipsCap)
        energy_wh = env.loop.history.usage[-1].energy_wh[host.id]
        assert host.getPower() * env.intervaltime / 3600 == pytest.approx(energy_wh)
        assert len(env.getContainersOfHost(host.id)) >= snapshot.placed_fragments[host.id]  # and those that finished
    powers = [one.getPowerFromIPS(share * one.ipsCap) for one in env.hostlist for share in (0.0, 1.0, 1.5)]
    assert powers[:3] == [75.2, 117.0, 117.0]  # the idle and the full power of the first host type


def test_containers_show_their_fragments(parts: Assembly) -> None:
    running = until_a_chain_runs(parts)
    fragment = running.fragment
    assert running.getRAM() == (fragment.ram_mb, 0.0, 0.0)
    assert running.getContainerSize() == fragment.ram_mb
    assert 0 < running.work_left_mi <= fragment.work_mi
    assert 0 < running.getApparentIPS() <= parts.environment.max_mips
    assert running.getBaseIPS() == pytest.approx(min(parts.environment.max_mips, running.work_left_mi / 300))
    assert running.ipsmodel.completedInstructions == pytest.approx(fragment.work_mi - running.work_left_mi)
    assert not hasattr(running, "application")
    with pytest.raises(NotImplementedError):
        running.execute(0)


def test_finished_containers_are_destroyed_once(parts: Assembly) -> None:
    env, destroyed = parts.environment, []
    for _ in range(10):
        _, gone = env.addContainers(parts.workload.generateNewContainers(env.interval))
        destroyed += [one.creationID for one in gone]
        assert all(one.getBaseIPS() == 0 and not one.active for one in gone)
        env.simulationStep(parts.scheduler.placement(env.deployed))
    finished = [i for i in env.loop.history.input_link_mb if not np.isnan(env.loop.backend.times(i).finished_s)]
    last = {one.creationID for one in env._finished}
    assert sorted(destroyed) == sorted(set(finished) - last)


def test_what_does_not_fit_is_offered_again(parts: Assembly) -> None:
    env = parts.environment
    for _ in range(4):
        assert step(parts, lambda deployed: [(one, 10_000) for one in deployed]) == []
    assert not env.loop.history.input_link_mb
    assert [one[0] for one in parts.workload.getUndeployedContainers()] == [
        one.fragment_id for one in env.loop.workflows.queue
    ]


def test_no_decision_at_all(parts: Assembly) -> None:
    assert parts.environment.allocateInit  # COSCO divides by the number of decisions there
    parts.environment.beginInterval(0)
    parts.environment.addContainersInit([])
    assert parts.environment.allocateInit([]) == []


def test_out_of_turn(parts: Assembly) -> None:
    with pytest.raises(RuntimeError, match="generateNewContainers first"):
        parts.environment.addContainers([])
    with pytest.raises(RuntimeError, match="generateNewContainers first"):
        parts.environment.simulationStep([])


def test_layer_tasks_really_were_layers(parts: Assembly) -> None:
    until_a_chain_runs(parts)
    assert {one.split for one in parts.loop.history.fragments} == {LAYER}


def test_slots_are_kept_and_reused() -> None:
    slots = Slots(3, WAITING)
    assert slots.arrange([], [10, 11, 12, 13]) == {10: 0, 11: 1, 12: 2}
    assert slots.arrange([11], [13, 14, 15]) == {11: 1, 13: 0, 14: 2}


def test_more_containers_make_pages_or_the_list_grow() -> None:
    pages = Slots(3, PAGES)
    assert pages.arrange([], range(7)) == {one: one for one in range(7)}  # type: ignore[arg-type]
    assert (pages.pages(), pages.page_size) == (3, 3)
    growing = Slots(3, GROWING)
    growing.arrange([], list(range(7)))
    assert (growing.pages(), growing.page_size) == (1, 9)
    with pytest.raises(ValueError, match="overflow is 'x'"):
        Slots(3, "x")
