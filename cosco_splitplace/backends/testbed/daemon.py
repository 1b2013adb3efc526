"""A Docker daemon of a testbed's own: its data, its socket, no bridge, no firewall rules, checkpoints switched on."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path
from typing import List, Sequence

from ...errors import SplitPlaceError

START_S = 60.0


def daemon_socket(folder: Path) -> Path:
    """The daemon's socket. Unix sockets allow a hundred characters."""
    return folder / "docker.sock"


def start_daemon(folder: Path, within: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
    """Start a daemon with everything in `folder`; `within` is what it is started by (a network namespace).

    Raises
    ------
    SplitPlaceError
        It did not start; the last line of its log says why.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left_behind in (daemon_socket(folder), folder / "dockerd.pid"):  # by one that was killed
        left_behind.unlink(missing_ok=True)
    command: List[str] = [
        *within, "dockerd", "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec"),
        "--pidfile", str(folder / "dockerd.pid"), "--host", f"unix://{daemon_socket(folder)}", "--bridge", "none",
        "--iptables=false", "--ip-forward=false", "--ip-masq=false", "--experimental", "--storage-driver", "overlay2",
    ]
    path = os.pathsep.join([str(CRIU), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    with (folder / "dockerd.log").open("ab") as log:
        daemon = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "PATH": path},
        )
    until = time.monotonic() + START_S
    while not _answers(daemon_socket(folder)):
        if daemon.poll() is not None or time.monotonic() > until:
            daemon.kill()
            lines = (folder / "dockerd.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise SplitPlaceError(f"dockerd did not start in {folder}: {lines[-1] if lines else 'no reason given'}")
        time.sleep(0.1)
    return daemon


CRIU = Path("/opt/cosco-splitplace/criu/bin")  # where setup-testbed-debian.sh puts it


def _answers(path: Path) -> bool:
    """Does a daemon listen at the socket? It makes the socket before it is ready."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.settimeout(START_S)
        try:
            one.connect(str(path))
            one.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in one.recv(64)
        except OSError:
            return False
