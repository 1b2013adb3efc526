"""The workload in COSCO's tuples."""
from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest
from host_parts import entered, small

from cosco_splitplace.bridge.running import Assembly, assemble


@pytest.fixture()
def parts(cosco_root: Path) -> Iterator[Assembly]:
    with entered(cosco_root):
        yield assemble(small("least-loaded", decider="layer"), cosco_root)


def test_tuples_are_coscos(parts: Assembly) -> None:
    env, workload = parts.environment, parts.workload
    infos = workload.generateNewContainers(0)
    while not infos:
        env.addContainers(infos)
        env.simulationStep([])
        infos = workload.generateNewContainers(env.interval)
    creation_id, creation_interval, ips, ram, disk = infos[0]
    fragment, task = env.loop.history.fragments[creation_id], env.loop.history.tasks[0]
    assert (creation_id, creation_interval) == (0, task.arrival_interval)
    assert ips.SLA == task.arrival_interval + task.deadline_intervals  # absolute, as in COSCO's simulator
    env.addContainers(infos)
    container = env.getContainerByCID(0)
    assert (container.sla, container.createAt) == (ips.SLA, task.arrival_interval)
    assert ram.ram() == (fragment.ram_mb, 0.0, 0.0)
    assert disk.disk() == (0.0, 0.0, 0.0)
    assert ips.getMaxIPS() == env.max_mips
    assert ips.getIPS() == container.getBaseIPS()


def test_only_ready_fragments_are_offered(parts: Assembly) -> None:
    env, workload = parts.environment, parts.workload
    for _ in range(6):
        offered = {one[0] for one in workload.generateNewContainers(env.interval)}
        fragments = env.loop.history.fragments
        blocked = {one.fragment_id for one in fragments if one.depends_on} - set(env.loop.workflows.ready_s)
        assert not offered & blocked
        env.addContainers([])
        env.simulationStep(parts.scheduler.placement(env.deployed))


def test_books(parts: Assembly) -> None:
    env, workload = parts.environment, parts.workload
    for _ in range(4):
        env.addContainers(workload.generateNewContainers(env.interval))
        env.simulationStep(parts.scheduler.placement(env.deployed))
    assert len(workload.createdContainers) == len(env.loop.history.fragments) == workload.creation_id
    placed = {index for index, deployed in enumerate(workload.deployedContainers) if deployed}
    assert placed == set(env.loop.history.input_link_mb)
    workload.updateDeployedContainers(sorted(placed))  # COSCO asserts that none is deployed twice
