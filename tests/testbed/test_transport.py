"""Payloads over ssh, with a real sshd on loopback that has keys of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Callable, Iterator

import numpy as np
import pytest

from cosco_splitplace.agent.client import AgentClient, Credentials
from cosco_splitplace.agent.serving import AgentServer
from cosco_splitplace.agent.transport import SshTransport, make_transport
from cosco_splitplace.errors import ConfigurationError
from cosco_splitplace.pipeline.payload import digest

from .conftest import TOKEN
from .made import fetched, images, payloads, spec, wait_until_finished, whole

PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
MISSING = [one for one in ("sshd", "ssh", "ssh-keygen", "scp", "rsync") if shutil.which(one, path=PATH) is None]
needs_ssh = pytest.mark.skipif(bool(MISSING), reason=f"payloads over ssh: {', '.join(MISSING)} is missing")


@pytest.fixture(scope="module")
def ssh_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The configuration with which ssh reaches a server of this test's own as this user."""
    folder = tmp_path_factory.mktemp("ssh")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kind, key = (folder / "host.pub").read_text().split()[:2]
    (folder / "known").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder / 'host'}\nAuthorizedKeysFile {folder / 'authorized'}\n"
        f"PidFile {folder / 'pid'}\nStrictModes no\nPasswordAuthentication no\nUsePAM no\n"
        "Subsystem sftp internal-sftp\nPermitRootLogin prohibit-password\n"
    )
    config = folder / "config"
    config.write_text(
        f"Host 127.0.0.1\n  Port {port}\n  User {getpass.getuser()}\n  IdentityFile {folder / 'user'}\n"
        f"  IdentitiesOnly yes\n  UserKnownHostsFile {folder / 'known'}\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # which sshd asks for
    server = subprocess.Popen(
        [str(shutil.which("sshd", path=PATH)), "-D", "-e", "-f", folder / "sshd_config"], stderr=subprocess.PIPE
    )
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            break
        except OSError:
            assert server.poll() is None, server.stderr.read() if server.stderr else ""
            time.sleep(0.1)
    yield config
    server.terminate()
    server.wait(10)


def run_chain(first: AgentServer, second: AgentServer) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """The logits of a chain whose first half runs at one agent and whose second half at another."""
    pixels = images(64 * 5)
    one, other = (AgentClient(agent.address, Credentials(TOKEN), 20.0) for agent in (first, second))
    inputs = payloads(pixels)
    other.create("b3", spec(other, 3, len(inputs)))
    other.create("b2", spec(other, 2, len(inputs), forward=[{"agent": second.address, "fragment": "b3"}]))
    one.create("a1", spec(one, 1, len(inputs), forward=[{"agent": second.address, "fragment": "b2"}]))
    one.create("a0", spec(one, 0, len(inputs), forward=[{"agent": first.address, "fragment": "a1"}]))
    for at, content in enumerate(inputs):
        one.put_input("a0", at, content)
    wait_until_finished(other, "b3")
    np.testing.assert_allclose(fetched(other, "b3"), whole(pixels), atol=1e-5)
    return fetched(other, "b3")


@needs_ssh
@pytest.mark.parametrize("tool", ["rsync", "scp"])
def test_a_chain_over_ssh(make_agent: Callable[..., AgentServer], ssh_config: Path, tool: str) -> None:
    transports = [SshTransport(tool, ssh_config) for _ in range(2)]
    agents = [make_agent(transport=one) for one in transports]
    run_chain(*agents)
    assert [one.failures for one in transports] == [0, 0]
    for one in agents:
        assert list(one.agent.payloads.arrivals.iterdir()) == []  # what came was taken


@needs_ssh
def test_what_ssh_does_not_bring_comes_over_http(make_agent: Callable[..., AgentServer], tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host *\n  Port 1\n")  # where nobody listens
    transport = SshTransport("scp", config)
    first = make_agent(transport=transport)
    run_chain(first, make_agent())
    assert transport.failures > 0
    metrics = AgentClient(first.address, Credentials(TOKEN))._ask("GET", "/v1/metrics").text
    assert f"copies_failed_total {transport.failures}" in metrics


def test_what_was_laid_there_is_checked(agent: AgentServer, client: AgentClient, tmp_path: Path) -> None:
    good, bad = payloads(images(128))
    folder = Path(client.arrivals_folder())
    (folder / digest(good)).write_bytes(good)
    (folder / digest(bad)).write_bytes(good)
    elsewhere = tmp_path / "secret"
    elsewhere.write_bytes(b"of somebody else")
    (folder / digest(b"of somebody else")).symlink_to(elsewhere)
    client.create("f", spec(client, 0, 3))
    chunks = {0: digest(good), 1: digest(bad), 2: digest(b"of somebody else")}
    assert client.link_inputs("f", chunks) == [1, 2]
    assert list(folder.iterdir()) == [] and elsewhere.exists()


def test_what_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="needs rsync, which is not on the PATH"):
        make_transport("rsync")
    monkeypatch.undo()
    if not MISSING:
        with pytest.raises(ConfigurationError, match="is not there; give --ssh-config"):
            make_transport("scp", tmp_path / "no-config")
