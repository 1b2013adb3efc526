"""COSCO's opcodes, as COSCO's own framework and our opcode backend ask them."""
from __future__ import annotations

import time
from typing import Any, Callable, Dict

import numpy as np
import pytest

from cosco_splitplace.agent.serving import AgentServer
from cosco_splitplace.bridge.opcode_backend import OpcodeBackend
from cosco_splitplace.bridge.opcodes import AgentFailure, ask
from cosco_splitplace.contract.made_parts import made_cluster, made_fragment
from cosco_splitplace.records import DELIVERED, FINISHED, MIGRATED, StartOrder, Transfer

IMAGE = "cosco-splitplace/mnist-layer-2"
Make = Callable[..., AgentServer]


def at(server: AgentServer, opcode: str, **payload: Any) -> Dict[str, Any]:
    return ask(server.address.partition("://")[2], opcode, 60.0, **payload)


def stat(server: AgentServer, name: str) -> Dict[str, Any]:
    return next(one for one in at(server, "ContainerStat")["stats"] if one["name"] == name)


@pytest.fixture
def opened(make_agent: Make) -> AgentServer:
    return make_agent(open_opcodes=True)


def test_a_container_of_an_image_runs_to_its_end(opened: AgentServer) -> None:
    at(opened, "create", name="1_1", image=IMAGE, host_ip="127.0.0.1")
    found = stat(opened, "1_1")
    assert found["running"] and found["finished_at"].startswith("0001") and found["error"] == ""
    until = time.monotonic() + 90
    while stat(opened, "1_1")["running"] and time.monotonic() < until:
        time.sleep(0.5)
    found = stat(opened, "1_1")
    assert not found["running"] and not found["finished_at"].startswith("0001") and found["error"] == ""
    at(opened, "delete", name="1_1")
    assert at(opened, "ContainerStat")["stats"] == []


def test_stop_and_start(opened: AgentServer) -> None:
    at(opened, "create", name="1_1", image="cosco-splitplace/mnist-layer-0")
    at(opened, "stop", name="1_1")
    assert not stat(opened, "1_1")["running"]
    with pytest.raises(AgentFailure, match="it has to run"):
        at(opened, "checkpoint", name="1_1")
    at(opened, "start", name="1_1")
    assert stat(opened, "1_1")["running"]


def test_coscos_three_requests_move_a_container(make_agent: Make) -> None:
    here, there = make_agent(open_opcodes=True), make_agent(open_opcodes=True)
    at(here, "create", name="7_0", image="cosco-splitplace/cifar100-layer-0")
    at(here, "checkpoint", name="7_0", c_name="7_0")
    at(here, "migrate", name="7_0", c_name="7_0", uname="ansible", targetIP=there.address.partition("://")[2])
    at(there, "restore", name="7_0", c_name="7_0", image="x")
    assert at(here, "ContainerStat")["stats"] == []
    assert stat(there, "7_0")["error"] == ""


def test_the_host(opened: AgentServer) -> None:
    found = at(opened, "hostStat")
    assert 0 <= found["cpu"] <= 100 and 0 < found["memory"] < 100 and found["disk"] > 0
    for opcode in ("hostDetailsPhysical", "hostDetailsVirtual"):
        details = at(opened, opcode)
        assert details["Total_Memory"] > 100 and details["Total_Disk"] > 100


@pytest.mark.parametrize(
    "image", ["mnist", "cosco-splitplace/mnist-layer-99", "cosco-splitplace/../x-layer-0", "", None, 5]
)
def test_other_images_are_refused(opened: AgentServer, image: Any) -> None:
    with pytest.raises(AgentFailure, match="is no image here; allowed: cosco-splitplace/cifar100-compressed-K"):
        at(opened, "create", name="1_1", image=image)


def test_our_opcode_backend_drives_our_agents(make_agent: Make) -> None:
    agents = [make_agent(open_opcodes=True) for _ in range(2)]
    cluster = made_cluster(2)
    addresses = [one.address.partition("://")[2] for one in agents]
    backend = OpcodeBackend(cluster, addresses, lambda _: IMAGE, np.full(2, 1000.0))
    backend.greet()
    try:
        backend.start([StartOrder(made_fragment(0), 0)])
        backend.send([Transfer(0, 2, 0, 1.0)])
        kinds, until = [], time.monotonic() + 90
        while DELIVERED not in kinds and time.monotonic() < until:
            kinds += [one.kind for one in backend.poll()]
            time.sleep(0.5)
        assert kinds[-2:] == [FINISHED, DELIVERED] and MIGRATED not in kinds
    finally:
        backend.close()
