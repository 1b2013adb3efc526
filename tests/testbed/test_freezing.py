"""Running processes are frozen by CRIU and go on at another agent, again and again."""
from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import List

import psutil
import pytest

from cosco_splitplace.agent.client import AgentClient
from cosco_splitplace.backends.testbed.daemon import CRIU
from cosco_splitplace.backends.testbed.local import LocalTestbed

from .made import images, payloads, spec, status, wait_for, wait_until_finished

CHUNKS = 12


@pytest.fixture(autouse=True)
def able() -> None:
    if os.geteuid() != 0:
        pytest.skip("freezing processes: needs root")
    if shutil.which("criu", path=os.pathsep.join([str(CRIU), os.environ["PATH"]])) is None:
        pytest.skip("freezing processes: criu is missing; data/deploy/setup-testbed-debian.sh installs it")


def clients_of(testbed: LocalTestbed) -> List[AgentClient]:
    return [AgentClient(one.address, testbed.credentials(), 60.0) for one in testbed.agents]


def test_a_running_process_goes_from_agent_to_agent(testbed: LocalTestbed) -> None:
    clients, inputs = clients_of(testbed), payloads(images(64 * CHUNKS))
    clients[0].create("still", spec(clients[0], 0, CHUNKS))
    clients[0].create("mover", spec(clients[0], 0, CHUNKS))
    for at, content in enumerate(inputs):
        clients[0].put_input("still", at, content)
    wait_until_finished(clients[0], "still")
    done = 0
    for move, (here, there) in enumerate(zip(clients, clients[1:])):
        for at in range(done, done + 3):
            here.put_input("mover", at, inputs[at])
        done += 3
        wait_for(here, "mover", lambda one, done=done: one["outputs"] == done)  # type: ignore[misc]
        report = here.migrate("mover", there.url)
        assert report["moved"] and report["live"], (move, report)
        assert status(here, "mover")["state"] == "moved"
    last = clients[-1]
    for at in range(done, CHUNKS):
        last.put_input("mover", at, inputs[at])
    record = wait_until_finished(last, "mover")["result"]
    assert record["resumed_at"] == 0 and record["images"] == 64 * CHUNKS  # its memory came with it
    assert last.outputs("mover") == clients[0].outputs("still")


def test_what_was_thawed_is_killed_and_goes_on(testbed: LocalTestbed) -> None:
    (here, there), inputs = clients_of(testbed)[:2], payloads(images(64 * 3))
    here.create("f", spec(here, 0, 3))
    here.put_input("f", 0, inputs[0])
    wait_for(here, "f", lambda one: one["outputs"] == 1)
    assert here.migrate("f", there.url)["live"]
    agent = psutil.Process(testbed.agents[1].pid)
    (thawed,) = [one for one in agent.children(recursive=True) if not one.children()]
    thawed.send_signal(signal.SIGKILL)
    for at in (1, 2):
        there.put_input("f", at, inputs[at])
    assert wait_until_finished(there, "f")["result"]["resumed_at"] == 1
    there.delete("f")
    assert [one for one in agent.children(recursive=True) if "freezing" in " ".join(one.cmdline())] == []


def test_a_freeze_that_fails_leaves_it_running(testbed: LocalTestbed) -> None:
    (here, there), inputs = clients_of(testbed)[:2], payloads(images(64 * 2))
    here.create("f", spec(here, 0, 2))
    here.put_input("f", 0, inputs[0])
    wait_for(here, "f", lambda one: one["outputs"] == 1)
    blocker = Path(testbed.agents[0].folder) / "fragments" / "f" / "frozen"
    blocker.write_text("in the way")
    assert not here.migrate("f", there.url)["moved"]
    here.put_input("f", 1, inputs[1])
    assert wait_until_finished(here, "f")["result"]["resumed_at"] == 0


def test_a_thaw_that_fails_sends_it_on_from_where_it_was(testbed: LocalTestbed) -> None:
    (here, there), inputs = clients_of(testbed)[:2], payloads(images(64 * 2))
    here.create("f", spec(here, 0, 2))
    here.put_input("f", 0, inputs[0])
    wait_for(here, "f", lambda one: one["outputs"] == 1)
    there.create("f", spec(there, 0, 2))  # in the way
    report = here.migrate("f", there.url)
    assert not report["moved"] and report["stays"] == "from its checkpoint", report
    here.put_input("f", 1, inputs[1])
    assert wait_until_finished(here, "f")["result"]["resumed_at"] == 0


def test_down_ends_what_was_thawed(testbed: LocalTestbed) -> None:
    here, there = clients_of(testbed)[:2]
    here.create("f", spec(here, 0, 2))
    here.put_input("f", 0, payloads(images(64))[0])
    wait_for(here, "f", lambda one: one["outputs"] == 1)
    assert here.migrate("f", there.url)["live"]
    family = psutil.Process(testbed.agents[1].pid).children(recursive=True)
    assert len(family) >= 3
    testbed.down()
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family)
