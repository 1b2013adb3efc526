"""Real agents on loopback, and in network namespaces with Docker daemons of their own where the machine can."""
from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Callable, Iterator, List

import pytest

from cosco_splitplace.agent.client import AgentClient, Credentials
from cosco_splitplace.agent.engines.process import ProcessEngine
from cosco_splitplace.agent.server import AgentSettings
from cosco_splitplace.agent.serving import AgentServer
from cosco_splitplace.backends.testbed.daemon import CRIU
from cosco_splitplace.backends.testbed.local import LocalTestbed

TOKEN = "a-token-for-tests-only-0123456789"  # noqa: S105


@pytest.fixture
def make_agent(tmp_path: Path) -> Iterator[Callable[..., AgentServer]]:
    """Agents in this process, with the process engine."""
    made: List[AgentServer] = []

    def make(memory_mb: int = 4000, **settings: object) -> AgentServer:
        folder = tmp_path / f"agent-{len(made)}"
        given = AgentSettings(folder, TOKEN, memory_mb, Credentials(TOKEN), **settings)  # type: ignore[arg-type]
        server = AgentServer(given, ProcessEngine(freezing=False), ("127.0.0.1", 0))
        server.serve_in_thread()
        made.append(server)
        return server

    yield make
    for one in made:
        one.close()


@pytest.fixture
def agent(make_agent: Callable[..., AgentServer]) -> AgentServer:
    """One such agent."""
    return make_agent()


@pytest.fixture
def client(agent: AgentServer) -> AgentClient:
    """A client of it."""
    return AgentClient(agent.address, Credentials(TOKEN), 20.0)


@pytest.fixture
def testbed(tmp_path: Path) -> Iterator[LocalTestbed]:
    """Four agents as processes of their own."""
    found = LocalTestbed(tmp_path / "testbed")
    found.up(4, 2000)
    yield found
    found.down()


@pytest.fixture(scope="module")
def docker_testbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTestbed]:
    """Four agents, each with a namespace, a shaped link and a Docker daemon; skipped where the machine can't."""
    if os.geteuid() != 0:
        pytest.skip("Docker testbed: needs root")
    path = os.pathsep.join([str(CRIU), os.environ["PATH"], "/usr/sbin", "/sbin"])
    missing = [one for one in ("dockerd", "criu", "ip", "tc", "nsenter") if shutil.which(one, path=path) is None]
    if missing:
        pytest.skip(f"Docker testbed: {', '.join(missing)} is missing; data/deploy/setup-testbed-debian.sh installs it")
    found = LocalTestbed(tmp_path_factory.mktemp("docker") / "testbed")
    found.up(4, 2000, engine="docker", link_mb_s=50.0)
    yield found
    found.down()
