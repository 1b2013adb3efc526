"""Links that follow a trace, in network namespaces of the test's own, measured by what goes through them."""
from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from typing import Iterator

import numpy as np
import pytest

from cosco_splitplace.backends.testbed.moving import MovingLinks
from cosco_splitplace.backends.testbed.network import Network
from cosco_splitplace.mobility.trace import MobilityTrace

SEND = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2]))).sendall(b'x' * 1_000_000)"

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("ip", "tc", "nsenter"))), reason="needs root, ip, tc and nsenter"
)


@pytest.fixture(name="network")
def two_agents() -> Iterator[Network]:
    made = Network(secrets.token_hex(2), 2)
    made.up(4.0)
    try:
        yield made
    finally:
        made.down()


def seconds_for_a_megabyte(network: Network, number: int) -> float:
    broker = network.address(number).rpartition(".")[0] + ".1"
    with socket.create_server((broker, 0)) as server:
        command = [*network.within(number), sys.executable, "-c", SEND, broker, str(server.getsockname()[1])]
        with subprocess.Popen(command) as sender:
            connection, _ = server.accept()
            began, left = time.monotonic(), 1_000_000
            with connection:
                while left > 0:
                    left -= len(connection.recv(65536))
            assert sender.wait(10) == 0
    return time.monotonic() - began


def test_the_bandwidth_of_each_interval_is_what_passes(network: Network) -> None:
    trace = MobilityTrace(np.array([[1.0, 1.0], [1.0, 8.0]]), np.array([[1.0, 1.0], [1.0, 0.125]]))
    links = MovingLinks(network, 4.0, trace)
    assert links.follow(0).tolist() == [4.0, 4.0]
    fast = seconds_for_a_megabyte(network, 1)
    assert links.follow(1).tolist() == [4.0, 0.5]
    slow = seconds_for_a_megabyte(network, 1)
    assert 1.7 < slow < 4 and slow > 3 * fast  # 2 s at 0.5 MB/s
    assert seconds_for_a_megabyte(network, 0) < slow / 3
    links.settle()
    assert seconds_for_a_megabyte(network, 1) < slow / 3
