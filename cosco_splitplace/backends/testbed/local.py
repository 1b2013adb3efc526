"""A testbed on this machine: agents on loopback, each a process of its own, in one folder that says what was started.

Everything that is started is written down before it is, so that ``down`` finds it after a crash, too. A process is
ended only if it is the one that was started: its start time is compared, as numbers of processes are used again.
"""
from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional

import psutil

from ...agent.client import AgentClient, AgentSilent, Credentials
from ...errors import AgentRefusal, ConfigurationError, SplitPlaceError, require
from .measure import measured_mips

STATE, HOSTS, TYPES, TOKEN = "testbed.json", "hosts.toml", "types.json", "token"
START_S, END_S = 30.0, 10.0
FORMAT = 1
OWN_TYPE = "this-machine"
_PACKAGE_PARENT = Path(__file__).resolve().parents[3]
# made up: the idle and full power of a small machine, as nothing measures it here
POWER_W = [20.0 + 4.0 * step for step in range(11)]
LOOPBACK_MB_S, LOOPBACK_PING_MS = 1000.0, 0.1  # made up: faster than anything that is sent over it


@dataclass
class LocalAgent:
    """An agent that was started: its folder, where it listens, its process."""

    folder: str
    address: str = ""
    pid: int = 0
    started: float = 0.0


@dataclass(frozen=True)
class AgentState:
    """How it stands with an agent."""

    address: str
    answers: bool
    detail: str


class LocalTestbed:
    """The testbed in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agents: List[LocalAgent] = []
        self.memory_mb = 0
        path = folder / STATE
        if path.exists():
            try:
                state = json.loads(path.read_text(encoding="utf-8"))
                require(state["format"] == FORMAT, f"{path} is of another version; remove {folder}")
                self.agents = [LocalAgent(**one) for one in state["agents"]]
                self.memory_mb = int(state["memory_mb"])
            except (KeyError, TypeError, ValueError) as error:
                raise ConfigurationError(f"{path} is damaged ({error}); end its agents by hand and remove {folder}") from None

    @property
    def hosts_file(self) -> Path:
        """The file that the broker reads."""
        return self.folder / HOSTS

    def up(self, workers: int, memory_mb: int) -> None:
        """Start the agents.

        Raises
        ------
        ConfigurationError
            A testbed is up in this folder.
        SplitPlaceError
            An agent did not start; those that did are ended.
        """
        require(not any(_alive(one) for one in self.agents), f"a testbed is up in {self.folder}; testbed down ends it")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.memory_mb = memory_mb
        token = self.folder / TOKEN
        handle = os.open(token, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        self.agents = [LocalAgent(str(self.folder / "agents" / str(number))) for number in range(workers)]
        self._save()
        try:
            for one in self.agents:
                self.start(one)
            self._write_hosts(workers)
        except BaseException:
            self.down()
            raise

    def start(self, one: LocalAgent) -> None:
        """Start an agent, or start it again where it was."""
        folder = Path(one.folder)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        address_file = folder / "address"
        address_file.unlink(missing_ok=True)
        listen = one.address.partition("://")[2] or "127.0.0.1:0"
        path = os.pathsep.join(filter(None, [str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]))
        with (folder / "agent.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "cosco_splitplace", "agent", "--listen", listen, "--memory-mb", str(self.memory_mb),
                 "--token-file", str(self.folder / TOKEN), "--folder", str(folder), "--address-file", str(address_file),
                 "--verbose"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
            )
        one.pid, one.started = process.pid, psutil.Process(process.pid).create_time()
        self._save()
        until = time.monotonic() + START_S
        while not address_file.exists():
            if process.poll() is not None or time.monotonic() > until:
                lines = (folder / "agent.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
                raise SplitPlaceError(f"agent {folder.name} did not start: {lines[-1] if lines else 'no reason given'}")
            time.sleep(0.05)
        one.address = address_file.read_text(encoding="ascii")
        self._save()

    def down(self) -> int:
        """End everything that was started; how many agents were still alive."""
        alive = [process for process in map(_process, self.agents) if process is not None]
        family = [child for process in alive for child in _children(process)]
        for process in alive:
            _signal(process, signal.SIGTERM)
        _, stubborn = psutil.wait_procs(alive, timeout=END_S)
        for process in [*stubborn, *family]:
            _signal(process, signal.SIGKILL)
        psutil.wait_procs([*stubborn, *family], timeout=END_S)
        for name in (STATE, HOSTS, TYPES, TOKEN):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder / "agents", ignore_errors=True)
        self.agents = []
        return len(alive)

    def status(self) -> List[AgentState]:
        """How it stands with each agent."""
        found = []
        for one in self.agents:
            if not _alive(one):
                found.append(AgentState(one.address, False, "its process is gone"))
                continue
            try:
                host = AgentClient(one.address, self.credentials(), 5.0).host()
                detail = f"{host['engine']} engine, {host['free_memory_mb']:.0f} MB free, up {host['up_s']:.0f} s"
                found.append(AgentState(one.address, True, detail))
            except (AgentSilent, AgentRefusal) as failure:
                found.append(AgentState(one.address, False, str(failure)))
        return found

    def credentials(self) -> Credentials:
        """What its agents ask for."""
        return Credentials((self.folder / TOKEN).read_text(encoding="ascii").strip())

    def _write_hosts(self, workers: int) -> None:
        """The broker's hosts file, with this machine as it was measured: its cores are shared by the workers."""
        cores = max(1.0, len(os.sched_getaffinity(0)) / workers)
        worker: Dict[str, Any] = {
            "name": OWN_TYPE, "quantity": workers, "cores": cores, "mips": measured_mips() * cores,
            "ram_mb": self.memory_mb, "ping_ms": LOOPBACK_PING_MS, "link_mb_s": LOOPBACK_MB_S, "price_usd_h": 0.05,
            "power_w": POWER_W,
        }
        broker = {"name": "broker", "link_mb_s": LOOPBACK_MB_S, "ping_ms": LOOPBACK_PING_MS, "price_usd_h": 0.05}
        content = {"format": 1, "origin": "measured by testbed up; power and price are made up", "workers": [worker],
                   "broker": broker}
        (self.folder / TYPES).write_text(json.dumps(content, indent=1), encoding="utf-8")
        hosts = "".join(
            f'\n[[hosts]]\naddress = "{one.address.partition("://")[2]}"\ntype = "{OWN_TYPE}"\n' for one in self.agents
        )
        self.hosts_file.write_text(f'token_file = "{TOKEN}"\ntypes_file = "{TYPES}"\n{hosts}', encoding="utf-8")

    def _save(self) -> None:
        draft = self.folder / f"{STATE}.new"
        state = {"format": FORMAT, "memory_mb": self.memory_mb, "agents": [asdict(one) for one in self.agents]}
        draft.write_text(json.dumps(state, indent=1), encoding="utf-8")
        os.replace(draft, self.folder / STATE)


def default_folder() -> Path:
    """Where a user's testbed is."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "cosco-splitplace" / "testbed"


def memory_a_worker(workers: int) -> int:
    """Three quarters of the memory that is free now, shared equally, in MB."""
    return int(psutil.virtual_memory().available / 1e6 * 0.75 / workers)


def _process(one: LocalAgent) -> Optional[psutil.Process]:
    try:
        process = psutil.Process(one.pid) if one.pid else None
        same = process is not None and abs(process.create_time() - one.started) < 1
        return process if same and process is not None and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _alive(one: LocalAgent) -> bool:
    return _process(one) is not None


def _children(process: psutil.Process) -> List[psutil.Process]:
    try:
        found: List[psutil.Process] = process.children(recursive=True)
        return found
    except psutil.NoSuchProcess:
        return []


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        pass
