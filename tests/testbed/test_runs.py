"""Whole runs on agents of their own: all results right, and what dies on the way costs time and no task."""
from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import psutil
import pytest
from faulty_link import FaultyLink

from cosco_splitplace.backends.testbed.hosts_file import HostsFile, read_hosts_file
from cosco_splitplace.backends.testbed.local import LocalTestbed
from cosco_splitplace.backends.testbed.running import DEFAULTS, JOURNAL, TestbedRun, run_on_testbed, settings_on_hosts
from cosco_splitplace.config import Settings

INTERVAL_S = 6.0


def settings_for(hosts: HostsFile, decider: str = "random", pipelining: bool = True, **run: Any) -> Settings:
    tables = {name: dict(values) for name, values in DEFAULTS.items()}
    tables["run"].update(decider=decider, placer="least-loaded", intervals=3, interval_s=INTERVAL_S, **run)
    tables["arrivals"].update(rate=2.0, batch_min=300, batch_max=900)
    tables["testbed"] = {"lease_s": 4.0, "pipelining": pipelining}
    return settings_on_hosts(Settings.from_mapping(tables), hosts)


def run(
    hosts: HostsFile, folder: Path, fault: Optional[Callable[[], None]] = None, after_s: float = 8.0, **options: Any
) -> TestbedRun:
    """A run with a fault in the middle of it."""
    folder.mkdir(exist_ok=True)
    failures: List[BaseException] = []

    def strike() -> None:
        time.sleep(after_s)
        try:
            if fault is not None:
                fault()
        except BaseException as error:
            failures.append(error)

    striking = threading.Thread(target=strike, daemon=True)
    striking.start()
    found = run_on_testbed(settings_for(hosts, **options), hosts, folder)
    striking.join()
    assert not failures, failures
    return found


def check_all_there(found: TestbedRun, folder: Path) -> None:
    """No task lost, none twice, every result that of the network in one piece."""
    result = found.result
    assert result.complete and len(result.tasks) >= 3
    assert sorted(one.task.task_id for one in result.outcomes) == [one.task_id for one in result.tasks]
    assert not result.failures
    assert [one for one in found.incidents if "differs" in one] == []
    with sqlite3.connect(folder / JOURNAL) as journal:
        last = {row.fragment.fragment_id for row in result.fragments if row.fragment.is_last}
        assert {one[0] for one in journal.execute("SELECT fragment_id FROM deliveries")} == last
        told = journal.execute("SELECT COUNT(*) FROM events WHERE kind = 'delivered' GROUP BY fragment_id").fetchall()
        assert set(told) == {(1,)}


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_run_on_real_hosts(testbed: LocalTestbed, tmp_path: Path, pipelining: bool) -> None:
    found = run(read_hosts_file(testbed.hosts_file), tmp_path / "run", pipelining=pipelining)
    check_all_there(found, tmp_path / "run")
    silent = [one for one in found.incidents if "is gone" in one or "is back" in one]  # a machine that is too busy
    assert found.incidents == silent
    assert {row.fragment.split for row in found.result.fragments} == {"layer", "semantic"}
    assert found.result.metrics["drained_unfinished"] == found.result.metrics["lost"] == 0
    for row in found.result.fragments:
        assert row.times is not None and row.times.started_s < row.times.finished_s


def test_an_agent_is_killed(testbed: LocalTestbed, tmp_path: Path) -> None:
    found = run(read_hosts_file(testbed.hosts_file), tmp_path / "run",
                lambda: os.kill(testbed.agents[1].pid, signal.SIGKILL), decider="layer")
    check_all_there(found, tmp_path / "run")
    assert any("host 1 is gone" in one for one in found.incidents)


def test_an_agent_is_killed_and_started_again(testbed: LocalTestbed, tmp_path: Path) -> None:
    def fault() -> None:
        os.kill(testbed.agents[0].pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(testbed.agents[0].pid)], timeout=5)
        testbed.start(testbed.agents[0])

    found = run(read_hosts_file(testbed.hosts_file), tmp_path / "run", fault, decider="layer")
    check_all_there(found, tmp_path / "run")


def test_every_fragment_that_runs_is_killed(testbed: LocalTestbed, tmp_path: Path) -> None:
    killed = []

    def fault() -> None:
        until = time.monotonic() + 20
        while not killed and time.monotonic() < until:
            for agent in testbed.agents:
                for launcher in psutil.Process(agent.pid).children():
                    for fragment in launcher.children():
                        fragment.kill()
                        killed.append(fragment.pid)
            time.sleep(0.02)

    found = run(read_hosts_file(testbed.hosts_file), tmp_path / "run", fault, after_s=1.0, decider="layer")
    check_all_there(found, tmp_path / "run")
    assert killed


def test_a_link_is_cut_and_mended(testbed: LocalTestbed, tmp_path: Path) -> None:
    hosts, links = through_faulty_links(testbed)
    found = run(hosts, tmp_path / "run", lambda: links[0].cut_for(20.0), after_s=6.5)
    check_all_there(found, tmp_path / "run")
    assert any("host 0 is gone" in one for one in found.incidents)


def test_payloads_are_damaged_in_flight(testbed: LocalTestbed, tmp_path: Path) -> None:
    hosts, links = through_faulty_links(testbed)
    for link in links:
        link.damage = 3
    found = run(hosts, tmp_path / "run", decider="layer")
    check_all_there(found, tmp_path / "run")
    assert sum(link.damaged for link in links) >= 3


def test_notifications_are_late(testbed: LocalTestbed, tmp_path: Path) -> None:
    hosts, links = through_faulty_links(testbed)
    for link in links:
        link.delay_s = 0.05
    check_all_there(run(hosts, tmp_path / "run"), tmp_path / "run")


def test_the_broker_is_killed_and_goes_on(testbed: LocalTestbed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "cosco_splitplace", "testbed", "run", "--folder", testbed.folder]
    first = subprocess.Popen([
        *command, "--decider", "random", "--placer", "least-loaded", "--intervals", "3", "--interval-seconds", "6",
        "--rate", "2", "--set", "arrivals.batch_max=900", "--out", out, "--no-report", "--json",
    ], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while not (out / JOURNAL).exists() and time.monotonic() < until:
        time.sleep(0.2)
    time.sleep(8.0)
    first.kill()
    first.wait()
    before = placements(out)
    assert before, first.stderr.read() if first.stderr else ""
    again = [*command, "--resume", out, "--no-report", "--json"]
    second = subprocess.run(again, capture_output=True, text=True, timeout=200, check=False)
    assert second.returncode == 0, second.stderr
    found = json.loads(second.stdout)
    assert found["metrics"]["tasks"] >= 3 and found["metrics"]["drained_unfinished"] == 0
    assert [one for one in found["incidents"] if "differs" in one] == []
    assert before.items() <= placements(out).items()


def placements(folder: Path) -> Dict[str, int]:
    with sqlite3.connect(folder / JOURNAL) as journal:
        return {name: number for name, number in journal.execute("SELECT name, number FROM placements")}


@pytest.mark.skipif(os.geteuid() != 0, reason="a full disk: a small tmpfs needs root")
def test_a_disk_is_full(tmp_path: Path) -> None:
    found = LocalTestbed(tmp_path / "testbed")
    small = tmp_path / "testbed" / "agents" / "0"
    small.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m", "tmpfs", small], check=True)

    def fill() -> None:
        with (small / "filler").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(2**16))
            except OSError:
                pass

    try:
        found.up(3, 2000)
        done = run(read_hosts_file(found.hosts_file), tmp_path / "run", fill, after_s=5.0, decider="layer")
        check_all_there(done, tmp_path / "run")
        assert any("No space left" in one or "the disk is full" in one for one in done.incidents), done.incidents
    finally:
        found.down()
        subprocess.run(["umount", "--lazy", small], check=False)


def test_an_agents_clock_is_an_hour_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skew = tmp_path / "skew"
    skew.mkdir()
    (skew / "sitecustomize.py").write_text(
        "import time\n_now = time.time\ntime.time = lambda: _now() + 3600\n", encoding="utf-8"
    )
    found = LocalTestbed(tmp_path / "testbed")
    monkeypatch.setenv("PYTHONPATH", str(skew))
    found.up(2, 3000)
    monkeypatch.delenv("PYTHONPATH")
    try:
        done = run(read_hosts_file(found.hosts_file), tmp_path / "run")
        check_all_there(done, tmp_path / "run")
        assert all(one.response_s < 120 for one in done.result.outcomes)
    finally:
        found.down()


def test_nothing_is_left_after_down_even_if_agents_were_killed(tmp_path: Path) -> None:
    found = LocalTestbed(tmp_path / "testbed")
    found.up(2, 500)
    pids = [one.pid for one in found.agents]
    os.kill(pids[0], signal.SIGKILL)
    again = LocalTestbed(tmp_path / "testbed")  # another process reads what is there
    assert [one.answers for one in again.status()] == [False, True]
    assert again.down() == 1
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)
    assert list((tmp_path / "testbed").iterdir()) == []


def through_faulty_links(testbed: LocalTestbed) -> Any:
    """The hosts as they are reached through faulty links, and the links."""
    hosts = read_hosts_file(testbed.hosts_file)
    links = [FaultyLink((host, int(port))) for host, _, port in (one.rpartition(":") for one in hosts.addresses)]
    text = testbed.hosts_file.read_text(encoding="utf-8")
    for address, link in zip(hosts.addresses, links):
        text = text.replace(address, link.address)
    testbed.hosts_file.write_text(text, encoding="utf-8")
    return read_hosts_file(testbed.hosts_file), links
