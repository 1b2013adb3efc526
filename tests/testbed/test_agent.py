"""One agent, or some: fragments run, forward, resume and move; what is refused."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Callable

import numpy as np
import psutil
import pytest

from cosco_splitplace.agent import fragments
from cosco_splitplace.agent.client import AgentClient, Credentials
from cosco_splitplace.agent.engines.process import ProcessEngine
from cosco_splitplace.agent.server import AgentSettings
from cosco_splitplace.agent.serving import AgentServer
from cosco_splitplace.agent.workspace import Workspace
from cosco_splitplace.errors import AgentRefusal
from cosco_splitplace.pipeline.payload import Packed, digest

from .conftest import TOKEN
from .made import fetched, images, payloads, spec, status, wait_for, wait_until_finished, whole

Make = Callable[..., AgentServer]


def client_of(server: AgentServer, token: str = TOKEN) -> AgentClient:
    return AgentClient(server.address, Credentials(token), 20.0)


def chain(clients: list, count: int, chunks: int) -> None:
    """The four fragments of the chain f0 ... f3, one on each client in turn."""
    for index in reversed(range(4)):
        client, after = clients[index % len(clients)], clients[(index + 1) % len(clients)]
        forward = [{"agent": after.url, "fragment": f"f{index + 1}"}] if index < 3 else []
        client.create(f"f{index}", spec(client, index, chunks, forward=forward))


def runtime_pid(server: AgentServer, name: str) -> int:
    engine = server.agent.engine
    return int(engine._children[name].started.result())  # type: ignore[attr-defined]


def test_a_chain_over_agents_equals_the_network_in_one_piece(make_agent: Make) -> None:
    clients = [client_of(make_agent()) for _ in range(3)]
    pixels = images(300)
    inputs = payloads(pixels)
    chain(clients, 4, len(inputs))
    for at, content in enumerate(inputs):
        clients[0].put_input("f0", at, content)
    wait_until_finished(clients[0], "f3")
    found, wanted = fetched(clients[0], "f3"), whole(pixels)
    assert np.array_equal(found.argmax(1), wanted.argmax(1))
    assert np.abs(found - wanted).max() <= 1e-5


def test_micro_batches_flow_while_the_fragment_before_still_works(make_agent: Make) -> None:
    clients = [client_of(make_agent()) for _ in range(2)]
    inputs = payloads(images(256))
    chain(clients, 4, len(inputs))
    clients[0].put_input("f0", 0, inputs[0])
    last = wait_for(clients[1], "f3", lambda one: one["outputs"] == 1)
    assert last["state"] == "running" and status(clients[0], "f0")["state"] == "running"


def test_the_result_record(agent: AgentServer, client: AgentClient) -> None:
    inputs = payloads(images(100))
    client.create("f", spec(client, 0, len(inputs)))
    for at, content in enumerate(inputs):
        client.put_input("f", at, content)
    record = wait_until_finished(client, "f")["result"]
    assert record["images"] == 100 and record["chunks"] == 2 and record["resumed_at"] == 0
    assert record["bytes_in"] == sum(map(len, inputs)) and record["bytes_out"] > 0
    assert record["compute_s"] > 0 and 50 < record["peak_rss_mb"] < 600
    assert len(record["output_sha256"]) == 64


def test_the_last_output_comes_while_outputs_are_counted(
    agent: AgentServer, client: AgentClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = Workspace.outputs

    def slow(self: Workspace, known: int = 0) -> int:
        found = count(self, known)
        time.sleep(1.0)  # time for the runtime to write the rest, and its result
        return found

    monkeypatch.setattr(Workspace, "outputs", slow)
    inputs = payloads(images(200))
    client.create("f", spec(client, 0, len(inputs)))
    for at, content in enumerate(inputs):
        client.put_input("f", at, content)
    assert wait_until_finished(client, "f")["outputs"] == len(inputs)


def test_what_a_full_disk_keeps_waiting_fails_so_that_it_is_placed_elsewhere(
    agent: AgentServer, client: AgentClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise AgentRefusal("the disk is full: 0 bytes are free", 507)

    monkeypatch.setattr(fragments, "refuse_full_disk", full)
    monkeypatch.setattr(fragments, "FULL_DISK_S", 0.5)
    client.create("f", spec(client, 0, 1))
    (content,) = payloads(images(2))
    for pause_s, state in ((0.0, "running"), (0.6, "failed")):
        time.sleep(pause_s)
        with pytest.raises(AgentRefusal, match="the disk is full"):
            client.put_input("f", 0, content)
        assert status(client, "f")["state"] == state
    assert "the disk is full" in status(client, "f")["error"]


def test_a_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = AgentSettings(Path("here"), TOKEN, 1000, Credentials(TOKEN))
    server = AgentServer(settings, ProcessEngine(freezing=False), ("127.0.0.1", 0))
    server.serve_in_thread()
    try:
        client = client_of(server)
        client.create("f", spec(client, 0, 1))
        client.put_input("f", 0, payloads(images(2))[0])
        assert wait_until_finished(client, "f")["result"]["images"] == 2
    finally:
        server.close()


def test_a_killed_fragment_goes_on_after_its_last_micro_batch(agent: AgentServer, client: AgentClient) -> None:
    pixels = images(256)
    inputs = payloads(pixels)
    client.create("f", spec(client, 0, len(inputs)))
    for at in range(2):
        client.put_input("f", at, inputs[at])
    wait_for(client, "f", lambda one: one["outputs"] == 2)
    os.kill(runtime_pid(agent, "f"), signal.SIGKILL)
    for at in range(2, 4):
        client.put_input("f", at, inputs[at])
    assert wait_until_finished(client, "f")["result"]["resumed_at"] == 2


def test_a_fragment_that_takes_too_much_memory_fails_with_the_reason(agent: AgentServer, client: AgentClient) -> None:
    client.create("f", spec(client, 0, 1, memory_mb=30))
    found = wait_for(client, "f", lambda one: one["state"] == "failed")
    assert "more than its" in found["error"]


def test_an_agent_that_was_ended_finds_its_fragments(agent: AgentServer, client: AgentClient) -> None:
    inputs = payloads(images(256))
    client.create("f", spec(client, 0, len(inputs)))
    for at in range(3):
        client.put_input("f", at, inputs[at])
    wait_for(client, "f", lambda one: one["outputs"] == 3)
    agent.close()
    again = AgentServer(agent.agent.settings, ProcessEngine(freezing=False), ("127.0.0.1", 0))
    again.serve_in_thread()
    try:
        other = client_of(again)
        assert other.received("f") == 3
        other.put_input("f", 3, inputs[3])
        assert wait_until_finished(other, "f")["result"]["resumed_at"] == 3
    finally:
        again.close()


def test_without_criu_a_fragment_moves_after_its_last_micro_batch(make_agent: Make) -> None:
    here, there = client_of(make_agent()), client_of(make_agent())
    pixels = images(256)
    inputs = payloads(pixels)
    here.create("f", spec(here, 0, len(inputs)))
    for at in range(2):
        here.put_input("f", at, inputs[at])
    wait_for(here, "f", lambda one: one["outputs"] == 2)
    report = here.migrate("f", there.url)
    assert report["moved"] and report["live"] is False and report["downtime_s"] > 0
    assert status(here, "f")["state"] == "moved"
    for at in range(2, 4):
        there.put_input("f", at, inputs[at])
    assert wait_until_finished(there, "f")["result"]["resumed_at"] == 2
    there.create("g", spec(there, 0, len(inputs)))
    for at, content in enumerate(inputs):
        there.put_input("g", at, content)
    wait_until_finished(there, "g")
    assert there.outputs("f") == there.outputs("g")


@pytest.mark.parametrize("memory_mb", [100, 4000])
def test_a_fragment_stays_where_it_is_when_it_can_not_move(make_agent: Make, memory_mb: int) -> None:
    here, target = client_of(make_agent()), make_agent(memory_mb=memory_mb)
    if memory_mb == 4000:
        target.close()  # a dead one; the other has no room
    inputs = payloads(images(128))
    here.create("f", spec(here, 0, len(inputs)))
    here.put_input("f", 0, inputs[0])
    wait_for(here, "f", lambda one: one["outputs"] == 1)
    report = here.migrate("f", target.address)
    assert not report["moved"] and report["reason"] and report["stays"] == "after its last micro-batch"
    here.put_input("f", 1, inputs[1])
    assert wait_until_finished(here, "f")["result"]["resumed_at"] == 1


def test_a_broadcast_sends_what_a_host_has_only_once(agent: AgentServer, client: AgentClient) -> None:
    inputs = payloads(images(128))
    for name in ("a", "b"):
        client.create(name, spec(client, 0, len(inputs)))
    for at, content in enumerate(inputs):
        client.put_kept_input("a", at, Packed(content))
    names = {at: client.put_payload(content) for at, content in enumerate(inputs)}
    assert client.link_inputs("b", names) == []
    for name in ("a", "b"):
        wait_until_finished(client, name)
    assert client.outputs("a") == client.outputs("b") != []


def test_a_ring_hands_the_input_on(make_agent: Make) -> None:
    first, second = client_of(make_agent()), client_of(make_agent())
    inputs = payloads(images(128))
    second.create("b", spec(second, 0, len(inputs)))
    first.create("a", spec(first, 0, len(inputs), relay=[{"agent": second.url, "fragment": "b"}]))
    for at, content in enumerate(inputs):
        first.put_input("a", at, content)
    wait_until_finished(second, "b")
    wait_until_finished(first, "a")
    assert first.outputs("a") == second.outputs("b")


def test_results_come_together_and_not_all_at_once(
    agent: AgentServer, client: AgentClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = payloads(images(64 * 5))
    client.create("f", spec(client, 0, len(inputs)))
    for at, content in enumerate(inputs):
        client.put_input("f", at, content)
    wait_until_finished(client, "f")
    fragments = agent.agent.fragments
    size = len(fragments.some_outputs("f", 0, 0)[0])
    assert len(fragments.some_outputs("f", 1, 4)) == 4
    monkeypatch.setattr("cosco_splitplace.agent.fragments.TOGETHER_BYTES", 2 * size)
    assert [len(fragments.some_outputs("f", first, 4)) for first in range(5)] == [2, 2, 2, 2, 1]
    assert [digest(one) for one in client.all_outputs("f")] == client.outputs("f")
    with pytest.raises(AgentRefusal, match="chunks 3 to 5 are not among them"):
        fragments.some_outputs("f", 3, 5)


def test_progress_is_told_seldom_and_what_matters_at_once(agent: AgentServer, client: AgentClient) -> None:
    inputs = payloads(images(128))
    client.create("f", spec(client, 0, 3))
    client.put_input("f", 0, inputs[0])
    wait_for(client, "f", lambda one: one["outputs"] == 1)
    told = client.notifications("", -1, 0.0)
    client.put_input("f", 1, inputs[1])
    came = client.notifications(told["incarnation"], told["version"], 5.0)
    assert came["fragments"][0]["received"] == 2 and came["fragments"][0]["outputs"] == 2  # both in one answer
    client.delete("f")
    assert client.notifications(told["incarnation"], came["version"], 5.0)["names"] == []


def test_requests_may_be_repeated(agent: AgentServer, client: AgentClient) -> None:
    inputs = payloads(images(128))
    wanted = spec(client, 0, len(inputs))
    for _ in range(2):
        client.create("f", wanted)
        for at, content in enumerate(inputs):
            client.put_input("f", at, content)
    wait_until_finished(client, "f")
    client.put_input("f", 0, inputs[0])
    client.delete("f")
    client.delete("f")
    assert client.notifications("", -1, 0.0)["names"] == []


def test_another_fragment_of_the_same_name_is_refused(agent: AgentServer, client: AgentClient) -> None:
    client.create("f", spec(client, 0, 3))
    with pytest.raises(AgentRefusal, match="is here already, and is another one"):
        client.create("f", spec(client, 1, 3))


def test_no_more_memory_is_given_away_than_there_is(make_agent: Make) -> None:
    client = client_of(make_agent(memory_mb=1000))
    client.create("f", spec(client, 0, 1))
    with pytest.raises(AgentRefusal, match="600 MB are asked for, 400 of 1000 MB are free") as refusal:
        client.create("g", spec(client, 0, 1))
    assert refusal.value.status == 507


def test_an_idle_agent_is_small(testbed) -> None:  # type: ignore[no-untyped-def]
    sizes = [psutil.Process(one.pid).memory_info().rss / 2**20 for one in testbed.agents]
    assert max(sizes) < 80, f"{sizes} MB resident; something heavy is imported"


def test_prometheus_reads_the_metrics(agent: AgentServer, client: AgentClient) -> None:
    client.create("f", spec(client, 0, 1))
    text = client._ask("GET", "/v1/metrics").text
    assert 'cosco_splitplace_agent_fragments{state="running"} 1' in text
    assert all(line.startswith("#") or len(line.split()) == 2 for line in text.splitlines())
