"""Workers of a Ray cluster, on one machine or many; see the package for what ``execute`` promises.

What travels is what Ray itself sends: the function by name, items and results as Ray packs them (cloudpickle). Whoever
reaches a Ray cluster's ports can run programs on it: keep them within a network that you trust.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import socket
import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple, Union

from ... import __version__
from ...errors import ConfigurationError, require
from . import Failure, Item, Result, attempt

logger = logging.getLogger(__name__)

EXTRA = "pip install 'cosco-splitplace[ray]'"
ANSWER_S = 9.0  # that a cluster has to answer; Ray itself would wait for half a minute, and longer
RETRIES = 2  # of an item whose worker died; our choice
STORE_BYTES = 200 * 2**20  # of a cluster of our own: items and results are small
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113, section 3.4
HTTP2_NO_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # section 6.5: an empty SETTINGS frame
SETTINGS_TYPE = 4


def execute(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    address: str = "",
    retries: int = RETRIES,
    **options: Any,
) -> Iterator[Tuple[int, Union[Result, Failure]]]:
    """At most `workers` items at a time, each on one core of the cluster.

    Parameters
    ----------
    address : HOST:PORT of the cluster's head node, "auto" for the cluster that this machine is a node of, or "" for one
        of our own on this machine, which ends with the work.
    retries : how often an item is tried again whose worker or node died; then it is a `Failure`.

    Raises
    ------
    ConfigurationError
        Ray is not installed (the extra is named), or no cluster answers at `address`.
    """
    require(not options, f"the ray backend takes address and retries, not {', '.join(sorted(options))}")
    require(workers >= 1, f"workers is {workers}; give at least 1")
    require(retries >= 0, f"retries is {retries}; give 0 or more")
    ray = _ray()
    until = time.monotonic() + ANSWER_S
    if address not in ("", "auto"):
        refuse_silent(address)
    if not items:
        return
    with _cluster(ray, workers, address, until):
        work = ray.remote(num_cpus=1, max_retries=retries, scheduling_strategy="SPREAD")(_attempt)
        shared = ray.put(function)
        waiting = iter(range(len(items)))
        running: Dict[Any, int] = {}
        try:
            while True:
                for index in waiting:
                    running[work.remote(__version__, shared, items[index])] = index
                    if len(running) >= workers:
                        break
                if not running:
                    return
                for done in ray.wait(list(running), num_returns=1)[0]:
                    yield running.pop(done), _result(ray, done)
        finally:
            for one in running:
                ray.cancel(one, force=True)


def _attempt(version: str, function: Callable[[Item], Result], item: Item) -> Union[Result, Failure]:
    """In a worker: ``function(item)``; its crash becomes a `Failure`, and so does a worker of another version."""
    if version != __version__:
        node = socket.gethostname()
        return Failure(
            f"{node} has cosco-splitplace {__version__}, this machine {version}; install the same on all nodes"
        )
    return attempt(function, item)


def _result(ray: Any, done: Any) -> Any:
    try:
        return ray.get(done)
    except ray.exceptions.RayError as error:
        first = str(error).strip().partition("\n")[0]
        return Failure(f"its worker died, and so did those that tried again ({type(error).__name__}: {first})")


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to Ray's makers
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise ConfigurationError(
            f"Ray is not installed; install the extra: {EXTRA}, or leave --backend ray out"
        ) from None


@contextmanager
def _cluster(ray: Any, workers: int, address: str, until: float) -> Iterator[None]:
    """Be connected to a cluster, by `until` where it is another's; one that was connected to before stays so."""
    if ray.is_initialized():
        yield
        return
    quiet: Dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    own: Dict[str, Any] = {
        "num_cpus": workers, "include_dashboard": False, "object_store_memory": STORE_BYTES,
        "_node_ip_address": "127.0.0.1",
    }  # fmt: skip
    try:
        if address:
            _join(ray, until, address=address, **quiet)
        else:
            ray.init(address="local", **quiet, **own)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ConfigurationError(
            f"no Ray cluster at {address or 'this machine'!r} ({reason}); start it with 'ray start --head', and run "
            "this command on one of its nodes"
        ) from error
    try:
        cores = ray.cluster_resources().get("CPU", 0)
        require(cores >= 1, f"the Ray cluster at {address!r} has no CPU to give; start a node with --num-cpus")
        if cores < workers:
            logger.warning("the Ray cluster has %g CPUs: fewer than %d workers", cores, workers)
        yield
    finally:
        ray.shutdown()


def _join(ray: Any, until: float, **options: Any) -> None:
    """``ray.init(**options)``, which is given up at `until`: Ray takes no limit."""
    found: List[BaseException] = []

    def join() -> None:
        try:
            ray.init(**options)
            if time.monotonic() > until:
                ray.shutdown()
        except BaseException as error:
            found.append(error)

    joining = threading.Thread(target=join, daemon=True)
    joining.start()
    joining.join(max(0.0, until - time.monotonic()))
    if joining.is_alive():
        raise ConnectionError(f"it has not answered as Ray does in {ANSWER_S:g} s")
    if found:
        raise found[0]


def refuse_silent(address: str) -> None:
    """Refuse at once where nobody answers who speaks HTTP/2, as Ray does.

    Raises
    ------
    ConfigurationError
        `address` is none, or nobody who speaks HTTP/2 answers there within half of ANSWER_S.
    """
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?):(\d{1,5})", address)
    require(
        found is not None and 1 <= int(found[2]) <= 65535,
        f"Ray address {address!r} is not of the form HOST:PORT (or auto)",
    )
    host, port = address.rpartition(":")[0].strip("[]"), int(address.rpartition(":")[2])
    try:
        with socket.create_connection((host, port), timeout=ANSWER_S / 4) as connection:
            connection.sendall(HTTP2_PREFACE + HTTP2_NO_SETTINGS)
            connection.settimeout(ANSWER_S / 4)
            head = connection.recv(len(HTTP2_NO_SETTINGS))
    except OSError as error:
        raise ConfigurationError(
            f"no Ray cluster answers at {address} ({error}); start its head with 'ray start --head', or mend --address"
        ) from None
    if len(head) < 4 or head[3] != SETTINGS_TYPE:
        raise ConfigurationError(f"who answers at {address} is no Ray cluster; give the head's HOST:PORT (6379)")
