"""Agents in network namespaces, each with a link and a Docker daemon of its own; containers moved by CRIU."""
from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import List

import docker
import psutil
import pytest

from cosco_splitplace.agent.client import AgentClient
from cosco_splitplace.agent.engines.docker import LABEL
from cosco_splitplace.backends.testbed.daemon import daemon_socket
from cosco_splitplace.backends.testbed.hosts_file import read_hosts_file
from cosco_splitplace.backends.testbed.local import LocalTestbed
from cosco_splitplace.backends.testbed.running import DEFAULTS, run_on_testbed, settings_on_hosts
from cosco_splitplace.config import Settings

from .made import images, payloads, spec, status, wait_for, wait_until_finished

CHUNKS = 12


def clients_of(testbed: LocalTestbed) -> List[AgentClient]:
    return [AgentClient(one.address, testbed.credentials(), 60.0) for one in testbed.agents]


def daemon_of(testbed: LocalTestbed, number: int) -> docker.DockerClient:
    return docker.DockerClient(base_url=f"unix://{daemon_socket(Path(testbed.agents[number].folder) / 'docker')}")


@pytest.fixture(scope="module")
def undisturbed(docker_testbed: LocalTestbed) -> List[str]:
    """The outputs of a fragment that is left alone."""
    client = clients_of(docker_testbed)[3]
    inputs = payloads(images(64 * CHUNKS))
    client.create("undisturbed", spec(client, 0, CHUNKS))
    for at, content in enumerate(inputs):
        client.put_input("undisturbed", at, content)
    wait_until_finished(client, "undisturbed")
    outputs = client.outputs("undisturbed")
    client.delete("undisturbed")
    assert len(outputs) == CHUNKS
    return outputs


@pytest.mark.parametrize("move", range(3))
def test_a_running_container_moves_to_another_daemon(
    docker_testbed: LocalTestbed, undisturbed: List[str], move: int
) -> None:
    here, there = clients_of(docker_testbed)[move], clients_of(docker_testbed)[move + 1]
    inputs, name = payloads(images(64 * CHUNKS)), f"mover-{move}"
    here.create(name, spec(here, 0, CHUNKS))
    for at in range(5):
        here.put_input(name, at, inputs[at])
    wait_for(here, name, lambda one: one["outputs"] == 5)
    report = here.migrate(name, there.url)
    assert report["moved"] and report["live"], report
    assert status(here, name)["state"] == "moved"
    for at in range(5, CHUNKS):
        there.put_input(name, at, inputs[at])
    record = wait_until_finished(there, name)["result"]
    assert record["resumed_at"] == 0 and record["images"] == 64 * CHUNKS  # its memory came with it
    assert there.outputs(name) == undisturbed
    assert daemon_of(docker_testbed, move).containers.list(all=True, filters={"name": name}) == []
    there.delete(name)


def test_a_checkpoint_that_fails_leaves_the_fragment_where_it_is(
    docker_testbed: LocalTestbed, undisturbed: List[str]
) -> None:
    here, there = clients_of(docker_testbed)[:2]
    inputs = payloads(images(64 * CHUNKS))
    here.create("stays", spec(here, 0, CHUNKS))
    for at in range(5):
        here.put_input("stays", at, inputs[at])
    wait_for(here, "stays", lambda one: one["outputs"] == 5)
    folder = Path(docker_testbed.agents[0].folder) / "fragments" / "stays" / "frozen"
    folder.write_text("in the way of the checkpoint")
    assert not here.migrate("stays", there.url)["moved"]
    folder.unlink(missing_ok=True)
    for at in range(5, CHUNKS):
        here.put_input("stays", at, inputs[at])
    wait_until_finished(here, "stays")
    assert here.outputs("stays") == undisturbed
    here.delete("stays")


def test_a_container_may_do_next_to_nothing(docker_testbed: LocalTestbed) -> None:
    client = clients_of(docker_testbed)[0]
    client.create("shut", spec(client, 0, 1, memory_mb=500, cpus=0.5))
    try:
        (container,) = daemon_of(docker_testbed, 0).containers.list(filters={"label": LABEL})
        host = container.attrs["HostConfig"]
        assert host["NetworkMode"] == "none" and host["ReadonlyRootfs"] and not host["Privileged"]
        assert host["CapDrop"] == ["ALL"] and "no-new-privileges" in host["SecurityOpt"]
        assert host["NanoCpus"] == 500_000_000 and 500 * 2**20 <= host["Memory"] == host["MemorySwap"] < 800 * 2**20
        assert host["PidsLimit"] > 0
    finally:
        client.delete("shut")


def test_containers_of_others_are_never_touched(docker_testbed: LocalTestbed) -> None:
    daemon, client = daemon_of(docker_testbed, 0), clients_of(docker_testbed)[0]
    image = daemon.images.list()[0].id
    other = daemon.containers.create(image, ["x"], name="cosco-splitplace-other-victim")
    try:
        client.delete("victim")
        client.delete("other-victim")
        other.reload()
    finally:
        other.remove()


def test_a_run_of_both_kinds_with_a_daemon_killed(docker_testbed: LocalTestbed, tmp_path: Path) -> None:
    hosts = read_hosts_file(docker_testbed.hosts_file)
    tables = {name: dict(values) for name, values in DEFAULTS.items()}
    tables["run"].update(decider="random", placer="least-loaded", intervals=4, interval_s=15.0, seed=1)
    tables["arrivals"].update(rate=4.0, batch_min=300, batch_max=900)
    settings = settings_on_hosts(Settings.from_mapping(tables), hosts)
    victim = docker_testbed.agents[2]

    def progress(done: int, _: int) -> None:
        if done == 1:
            os.kill(victim.daemon_pid, signal.SIGKILL)
            psutil.wait_procs([psutil.Process(victim.daemon_pid)], timeout=5)
            time.sleep(1.0)
            docker_testbed.start_docker(victim)

    found = run_on_testbed(settings, hosts, tmp_path, progress=progress)
    result = found.result
    assert len(result.tasks) >= 12 and {row.fragment.split for row in result.fragments} == {"layer", "semantic"}
    assert sorted(one.task.task_id for one in result.outcomes) == [one.task_id for one in result.tasks]
    assert [one for one in found.incidents if "differs" in one] == []
