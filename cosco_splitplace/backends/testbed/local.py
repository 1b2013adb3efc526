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
from .daemon import CRIU, daemon_socket, start_daemon
from .measure import measured_mips
from .network import Network

STATE, HOSTS, TYPES, TOKEN = "testbed.json", "hosts.toml", "types.json", "token"
START_S, END_S = 120.0, 10.0  # a busy machine takes long to load an agent
FORMAT = 1
OWN_TYPE = "this-machine"
PROCESS, DOCKER = "process", "docker"
_PACKAGE_PARENT = Path(__file__).resolve().parents[3]
# made up: the idle and full power of a small machine, as nothing measures it here
POWER_W = [20.0 + 4.0 * step for step in range(11)]
LOOPBACK_MB_S, LOOPBACK_PING_MS = 1000.0, 0.1  # made up: faster than anything that is sent over it


@dataclass
class LocalAgent:
    """An agent that was started: its folder, where it listens, its process and its Docker daemon's."""

    folder: str
    address: str = ""
    pid: int = 0
    started: float = 0.0
    daemon_pid: int = 0
    daemon_started: float = 0.0


@dataclass(frozen=True)
class AgentState:
    """How it stands with an agent."""

    address: str
    answers: bool
    detail: str


class LocalTestbed:
    """The testbed in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder = self.folder = folder.resolve()
        self.agents: List[LocalAgent] = []
        self.memory_mb = 0
        self.engine = PROCESS
        self.network: Optional[Network] = None
        self.link_mb_s = LOOPBACK_MB_S
        path = folder / STATE
        if path.exists():
            try:
                state = json.loads(path.read_text(encoding="utf-8"))
                require(state["format"] == FORMAT, f"{path} is of another version; remove {folder}")
                self.agents = [LocalAgent(**one) for one in state["agents"]]
                self.memory_mb, self.engine = int(state["memory_mb"]), str(state["engine"])
                self.link_mb_s = float(state["link_mb_s"])
                self.network = Network(state["network"], len(self.agents)) if state["network"] else None
            except (KeyError, TypeError, ValueError) as error:
                raise ConfigurationError(
                    f"{path} is damaged ({error}); end its agents by hand and remove {folder}"
                ) from None

    @property
    def hosts_file(self) -> Path:
        """The file that the broker reads."""
        return self.folder / HOSTS

    def up(self, workers: int, memory_mb: int, engine: str = PROCESS, link_mb_s: float = 0.0) -> None:
        """Start the agents.

        Parameters
        ----------
        workers, memory_mb : how many, and what each offers to fragments.
        engine : "process", or "docker" with a daemon for each.
        link_mb_s : each gets a network namespace with a link of this bandwidth; 0: all are on loopback.

        Raises
        ------
        ConfigurationError
            A testbed is up in this folder.
        SplitPlaceError
            An agent did not start; those that did are ended.
        """
        require(not any(_alive(one) for one in self.agents), f"a testbed is up in {self.folder}; testbed down ends it")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.memory_mb, self.engine = memory_mb, engine
        self.network = Network(secrets.token_hex(2), workers) if link_mb_s else None
        self.link_mb_s = link_mb_s or LOOPBACK_MB_S
        token = self.folder / TOKEN
        handle = os.open(token, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        self.agents = [LocalAgent(str(self.folder / "agents" / str(number))) for number in range(workers)]
        self._save()
        try:
            if self.network is not None:
                self.network.up(self.link_mb_s)
            for one in self.agents:
                if engine == DOCKER:
                    self.start_docker(one)
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
        number = self.agents.index(one)
        host = self.network.address(number) if self.network else "127.0.0.1"
        listen = one.address.partition("://")[2] or f"{host}:0"
        within = self.network.within(number) if self.network else []
        if self.engine == DOCKER:
            own = ["--docker-socket", str(daemon_socket(folder / DOCKER))]
        else:
            own = [word for core in _own_cores(number, len(self.agents)) for word in ("--core", str(core))]
        path = os.pathsep.join(filter(None, [str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]))
        with (folder / "agent.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603
                [
                    *within, sys.executable, "-m", "cosco_splitplace", "agent", "--listen", listen, "--verbose",
                    "--memory-mb", str(self.memory_mb), "--token-file", str(self.folder / TOKEN),
                    "--folder", str(folder),
                    "--address-file", str(address_file), "--engine", self.engine, *own,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path, "PATH": f"{CRIU}{os.pathsep}{os.environ.get('PATH', '')}"},
                start_new_session=True,
                cwd=folder,  # not where another copy of this package may lie
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

    def start_docker(self, one: LocalAgent) -> None:
        """Start an agent's Docker daemon, or start it again where it was."""
        self._end(self._strays([one]))  # of one that was killed
        within = self.network.within(self.agents.index(one)) if self.network else []
        daemon = start_daemon(Path(one.folder) / DOCKER, within)
        one.daemon_pid, one.daemon_started = daemon.pid, psutil.Process(daemon.pid).create_time()
        self._save()

    def down(self) -> int:
        """End everything that was started; how many agents were still alive."""
        agents = [process for process in map(_process, self.agents) if process is not None]
        daemons = [process for process in map(_daemon, self.agents) if process is not None]
        family = [child for process in [*agents, *daemons] for child in _children(process)]
        for alive in (agents, daemons):  # agents first: they end their containers
            for process in alive:
                _signal(process, signal.SIGTERM)
            psutil.wait_procs(alive, timeout=END_S)
        self._end([*agents, *daemons, *family, *self._strays(self.agents)])
        if self.network is not None:
            self.network.down()
        self._unmount()
        for name in (STATE, HOSTS, TYPES, TOKEN):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder / "agents", ignore_errors=True)
        self.agents = []
        return len(agents)

    def _end(self, processes: List[psutil.Process]) -> None:
        for process in processes:
            _signal(process, signal.SIGKILL)
        psutil.wait_procs(processes, timeout=END_S)

    def _strays(self, agents: List[LocalAgent]) -> List[psutil.Process]:
        """What a killed Docker daemon left running: processes that were started with a path of its folder."""
        if self.engine != DOCKER:
            return []
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if "cosco_splitplace" in words:
                continue  # the agent itself, which is told the daemon's socket
            if any(word.startswith(f"{one.folder}/{DOCKER}/") for one in agents for word in words):
                found += [process, *_children(process)]
        return found

    def _unmount(self) -> None:
        """What a killed Docker daemon left mounted below the folder."""
        below = str(self.folder.resolve()) + os.sep
        mounted = [one.split()[4] for one in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
        for place in sorted((one for one in mounted if one.startswith(below)), reverse=True):
            subprocess.run(["umount", "--lazy", place], capture_output=True, check=False)  # noqa: S603, S607

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
            "name": OWN_TYPE,
            "quantity": workers,
            "cores": cores,
            "mips": measured_mips() * cores,
            "ram_mb": self.memory_mb,
            "ping_ms": LOOPBACK_PING_MS,
            "link_mb_s": self.link_mb_s,
            "price_usd_h": 0.05,
            "power_w": POWER_W,
        }
        broker = {"name": "broker", "link_mb_s": LOOPBACK_MB_S, "ping_ms": LOOPBACK_PING_MS, "price_usd_h": 0.05}
        content = {
            "format": 1,
            "origin": "measured by testbed up; power and price are made up",
            "workers": [worker],
            "broker": broker,
        }
        (self.folder / TYPES).write_text(json.dumps(content, indent=1), encoding="utf-8")
        hosts = "".join(
            f'\n[[hosts]]\naddress = "{one.address.partition("://")[2]}"\ntype = "{OWN_TYPE}"\n' for one in self.agents
        )
        self.hosts_file.write_text(f'token_file = "{TOKEN}"\ntypes_file = "{TYPES}"\n{hosts}', encoding="utf-8")

    def _save(self) -> None:
        draft = self.folder / f"{STATE}.new"
        state = {
            "format": FORMAT, "memory_mb": self.memory_mb, "engine": self.engine, "link_mb_s": self.link_mb_s,
            "network": self.network.tag if self.network else "", "agents": [asdict(one) for one in self.agents],
        }
        draft.write_text(json.dumps(state, indent=1), encoding="utf-8")
        os.replace(draft, self.folder / STATE)


def default_folder() -> Path:
    """Where a user's testbed is."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "cosco-splitplace" / "testbed"


def memory_a_worker(workers: int) -> int:
    """Three quarters of the memory that is free now, shared equally, in MB."""
    return int(psutil.virtual_memory().available / 1e6 * 0.75 / workers)


def _own_cores(number: int, workers: int) -> List[int]:
    """The cores of one worker of several: none is another's, too, as long as there are enough."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[number::workers] if workers <= len(usable) else [usable[number % len(usable)]]


def _process(one: LocalAgent) -> Optional[psutil.Process]:
    return _the_one(one.pid, one.started)


def _daemon(one: LocalAgent) -> Optional[psutil.Process]:
    return _the_one(one.daemon_pid, one.daemon_started)


def _the_one(pid: int, started: float) -> Optional[psutil.Process]:
    """The process `pid`, if it is the one that was started then."""
    try:
        process = psutil.Process(pid) if pid else None
        same = process is not None and abs(process.create_time() - started) < 1
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
