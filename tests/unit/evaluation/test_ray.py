"""The Ray executor on a real cluster: two nodes on this machine's loopback, each a process of its own, with a token."""
from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import psutil
import pytest
import ray_work

from cosco_splitplace.errors import ConfigurationError
from cosco_splitplace.evaluation.executors import Failure, executor
from cosco_splitplace.evaluation.executors import ray as under_test

# Ray would take another address of the machine for 127.0.0.1
HEAD, OTHER, DOOMED = "127.0.0.2", "127.0.0.3", "127.0.0.4"
MADE = Path(ray_work.__file__).parent


def skip_without_ray() -> None:
    """Without importing it: it looks up its environment then."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("the extra 'ray' is not installed")


def free_port() -> int:
    with socket.socket() as one:
        one.bind((HEAD, 0))
        return int(one.getsockname()[1])


def started_node(log: Path, *options: str) -> "subprocess.Popen[bytes]":
    """A node of one core, as a process of its own, that has come up."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus", "1",
               "--object-store-memory", "100000000", "--disable-usage-stats", "--log-color", "false"]  # fmt: skip
    up = b"Ray runtime started"
    before = log.read_bytes().count(up) if log.exists() else 0
    with log.open("ab") as file:
        node = subprocess.Popen([*command, *options], env={**os.environ, "PYTHONPATH": str(MADE)}, stdout=file,
                                stderr=file)  # fmt: skip
    until = time.monotonic() + 90
    while log.read_bytes().count(up) == before:
        assert node.poll() is None and time.monotonic() < until, log.read_text()
        time.sleep(0.1)
    return node


def kill_node(node: "subprocess.Popen[bytes]") -> None:
    """As if its machine had lost its power."""
    family = psutil.Process(node.pid).children(recursive=True)
    for process in (node, *family):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=10)
    node.wait()


@pytest.fixture(scope="module", name="address")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    skip_without_ray()
    folder = Path("/tmp") / f"spray-{secrets.token_hex(4)}"  # noqa: S108  (sockets in it must have short names)
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0",
             "RAY_worker_niceness": "0"}  # fmt: skip
    before = {name: os.environ.get(name) for name in token}
    os.environ.update(token)
    address = f"{HEAD}:{free_port()}"
    nodes: List["subprocess.Popen[bytes]"] = []
    log = tmp_path_factory.mktemp("ray") / "log"
    try:
        for more in (
            ["--head", "--node-ip-address", HEAD, "--port", address.rpartition(":")[2], "--include-dashboard", "false",
             "--temp-dir", str(folder)],
            ["--address", address, "--node-ip-address", OTHER],
        ):  # fmt: skip
            nodes.append(started_node(log, *more))
        yield address
    finally:
        for node in nodes:
            kill_node(node)
        shutil.rmtree(folder, ignore_errors=True)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def done(backend: str, function: Callable[[Any], Any], items: List[Any], **options: Any) -> Dict[int, Any]:
    found = list(executor(backend)(function, items, 2, **options))
    assert sorted(index for index, _ in found) == list(range(len(items)))
    return dict(found)


def test_both_nodes_work(address: str) -> None:
    assert set(done("ray", ray_work.where, [2.0, 2.0, 2.0], address=address).values()) == {HEAD, OTHER}


def test_the_same_results_as_joblib_bit_for_bit(address: str) -> None:
    seeds = [5, 13, 6, 7]
    by_ray = done("ray", ray_work.metrics_of, seeds, address=address)
    by_joblib = done("joblib", ray_work.metrics_of, seeds)
    assert repr([by_ray[one] for one in (0, 2, 3)]) == repr([by_joblib[one] for one in (0, 2, 3)])
    for found in (by_ray[1], by_joblib[1]):
        assert isinstance(found, Failure) and found.error == "ValueError: thirteen" and "ray_work.py" in found.trace
    assert by_ray[0] != by_ray[2]


def test_a_killed_worker_is_replaced_and_what_always_kills_is_told(address: str, tmp_path: Path) -> None:
    once, always = tmp_path / "once", tmp_path / "always"
    once.mkdir()
    always.mkdir()
    found = done("ray", ray_work.die_before, [(once, 2), (always, 99)], address=address)
    assert found[0] == 2
    assert isinstance(found[1], Failure) and "its worker died" in found[1].error
    assert len(list(always.iterdir())) == 1 + under_test.RETRIES


def test_a_node_that_dies_loses_nothing(address: str, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    node = started_node(tmp_path / "log", "--address", address, "--node-ip-address", DOOMED)

    def lose_it() -> None:
        while not list(marks.glob(f"{DOOMED}-*")):
            time.sleep(0.05)
        kill_node(node)

    killer = threading.Thread(target=lose_it)
    killer.start()
    found = dict(executor("ray")(ray_work.marked, [(marks, 3.0)] * 5, 3, address=address))
    killer.join()
    assert list(marks.glob(f"{DOOMED}-*"))  # it had begun some
    assert len(found) == 5 and set(found.values()) <= {HEAD, OTHER}


def test_nothing_is_left_running_when_the_caller_stops(address: str) -> None:
    running = executor("ray")(ray_work.where, [0.0, 600.0, 600.0], 2, address=address)
    assert next(running)[0] == 0
    running.close()  # type: ignore[attr-defined]
    assert len(set(done("ray", ray_work.where, [2.0, 2.0], address=address).values())) == 2  # both cores are free


def test_a_node_of_another_version_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "__version__", "99.0")
    found = done("ray", ray_work.where, [0.0], address=address)[0]
    assert isinstance(found, Failure) and "this machine 99.0; install the same" in found.error


def test_a_cluster_of_ones_own(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = done("ray", ray_work.where, [0.0])[0]
    assert isinstance(found, Failure) and "ray_work" in found.error and "died" not in found.error  # it can't import it
    monkeypatch.setenv("PYTHONPATH", str(MADE))
    places = done("ray", ray_work.where, [0.0, 0.0])
    assert len(set(places.values())) == 1 and places[0] not in (HEAD, OTHER)


@contextmanager
def listener(says: bytes) -> Iterator[str]:
    """Someone who takes connections, says that, and no more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept = []

        def serve() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                    kept[-1].sendall(says)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.close()
        for one in kept:
            one.close()


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (b"", r"no Ray cluster answers at 127\.0\.0\.1:\d+ \(timed out\)"),
        (b"HTTP/1.1 200 OK\r\n\r\n", r"who answers at .* is no Ray cluster"),
        (under_test.HTTP2_NO_SETTINGS, "has not answered as Ray does in 9 s|Failed to connect"),
    ],
)
def test_who_is_no_cluster_is_refused_in_ten_seconds(says: bytes, message: str) -> None:
    skip_without_ray()
    began = time.monotonic()
    with listener(says) as address, pytest.raises(ConfigurationError, match=message):
        done("ray", abs, [1], address=address)
    assert time.monotonic() - began < 10.5


@pytest.mark.parametrize("address", ["here", "1.2.3.4", "host:0", "host:99999", "-x:1", "a b:1", "ray://host:10001"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="is not of the form HOST:PORT"):
        under_test.refuse_silent(address)


def test_a_closed_port_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"no Ray cluster answers at 127\.0\.0\.2:\d+ .*ray start --head"):
        under_test.refuse_silent(f"{HEAD}:{free_port()}")


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'cosco-splitplace\[ray\]'"):
        done("ray", abs, [1])


def test_options_that_it_does_not_know_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="takes address and retries, not colour"):
        done("ray", abs, [1], colour="red")
