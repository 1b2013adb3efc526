"""How payloads get from one host to another: HTTP (the default), or ``rsync`` or ``scp`` over ssh, as in the paper.

Over ssh files are laid into the other agent's folder of arrivals under their SHA-256, all that are there at once; the
agent is then told over HTTP which of them are its fragment's inputs, and checks each. The ssh configuration file names
user, port, key and known hosts; keys of unknown hosts are never accepted, and nobody is asked for a password.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Callable, List, NamedTuple, Optional
from urllib.parse import urlsplit

from ..errors import AgentRefusal, ConfigurationError
from .client import CONNECT_S, AgentClient

logger = logging.getLogger(__name__)
HTTP, RSYNC, SCP = "http", "rsync", "scp"
TRANSPORTS = (HTTP, RSYNC, SCP)
COPY_S = 600.0  # for the payloads of one copy; our choice
AT_ONCE = 64  # payloads in one copy; our choice
_PLAIN_FOLDER = re.compile(r"/[A-Za-z0-9._/-]{1,400}")


class Payload(NamedTuple):
    """A payload to be sent: its file and its SHA-256."""

    path: Path
    sha256: str


class Transport(ABC):
    """Brings inputs to a fragment at another agent."""

    @abstractmethod
    def send(
        self, client: AgentClient, fragment: str, payload: Callable[[int], Payload], first: int, after: int
    ) -> int:
        """Send some of the inputs `first` to `after` - 1, from the first on; how many.

        Raises
        ------
        AgentSilent, AgentRefusal
            As from the client.
        OSError
            A payload is gone.
        """


class HttpTransport(Transport):
    """One request an input."""

    def send(
        self, client: AgentClient, fragment: str, payload: Callable[[int], Payload], first: int, after: int
    ) -> int:
        one = payload(first)
        client.put_input(fragment, first, one.path.read_bytes(), one.sha256)
        return 1


class SshTransport(Transport):
    """Copies by `tool`. What can't be copied goes over HTTP instead, which is logged and counted in ``failures``.

    Parameters
    ----------
    tool : "rsync" or "scp".
    config : ssh's configuration file; None: the user's own.

    Raises
    ------
    ConfigurationError
        A program is not on the PATH, or the file is not there.
    """

    def __init__(self, tool: str, config: Optional[Path] = None) -> None:
        for program in (tool, "ssh"):
            if shutil.which(program) is None:
                raise ConfigurationError(
                    f"--transport {tool} needs {program}, which is not on the PATH; install it or use {HTTP}"
                )
        if config is not None and not config.is_file():
            raise ConfigurationError(f"the ssh configuration {config} is not there; give --ssh-config FILE")
        self._tool = tool
        settings = ("BatchMode=yes", "StrictHostKeyChecking=yes", f"ConnectTimeout={CONNECT_S:g}")
        self._options = [word for one in settings for word in ("-o", one)]
        if config is not None:
            self._options = ["-F", str(config), *self._options]
        self._http = HttpTransport()
        self.failures = 0

    def send(
        self, client: AgentClient, fragment: str, payload: Callable[[int], Payload], first: int, after: int
    ) -> int:
        chunks = range(first, min(after, first + AT_ONCE))
        payloads = [payload(chunk) for chunk in chunks]
        failure = self._copy(payloads, client)
        if not failure:
            missing = client.link_inputs(fragment, {chunk: one.sha256 for chunk, one in zip(chunks, payloads)})
            if not missing:
                return len(payloads)
            failure = f"{len(missing)} of {len(payloads)} copies did not arrive whole"
        self.failures += 1
        logger.warning("%s to %s: %s; it goes over HTTP", self._tool, client.url, failure)
        return self._http.send(client, fragment, payload, first, after)

    def _copy(self, payloads: List[Payload], client: AgentClient) -> str:
        """Lay the files into the other agent's folder of arrivals; why it did not work, or nothing."""
        folder = client.arrivals_folder()
        if not _PLAIN_FOLDER.fullmatch(folder) or ".." in folder.split("/"):
            raise AgentRefusal(f"{client.url} names {folder[:100]!r} as its folder, which is no plain path", 502)
        host = urlsplit(client.url).hostname or ""
        target = f"{f'[{host}]' if ':' in host else host}:{folder}/"
        with tempfile.TemporaryDirectory(dir=payloads[0].path.parent.parent, prefix=".going-") as name:
            going = [Path(name) / one.sha256 for one in payloads]
            for place, one in zip(going, payloads):
                if not place.exists():  # two may be alike
                    os.link(one.path, place)
            files = sorted({str(one) for one in going})
            try:
                done = subprocess.run(  # noqa: S603
                    [*self._command(), "--", *files, target],
                    stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COPY_S, check=False,
                )
            except subprocess.TimeoutExpired:
                return f"not done after {COPY_S:g} s"
        lines = done.stderr.strip().splitlines()
        return (lines[-1][:300] if lines else f"exit code {done.returncode}") if done.returncode else ""

    def _command(self) -> List[str]:
        if self._tool == SCP:
            return ["scp", "-q", *self._options]
        return ["rsync", "--quiet", "--whole-file", f"--rsh={shlex.join(['ssh', *self._options])}"]


def make_transport(name: str, config: Optional[Path] = None) -> Transport:
    """The transport called `name`, one of `TRANSPORTS`."""
    return HttpTransport() if name == HTTP else SshTransport(name, config)
