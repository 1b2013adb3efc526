"""Fragments as child processes: own session, rlimits, CPU affinity, a cap on resident memory.

It needs no root. As root, and with CRIU, a running fragment can be frozen and goes on elsewhere (`freezing`).
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Dict, List, Optional, Sequence

import psutil

from ...errors import EngineError, require
from .freezing import (
    KILLED,
    OWN_MOUNTS,
    PLACES,
    RESTORED,
    freeze,
    missing_for_freezing,
    thawing,
    why_not_thawed,
)
from .port import Engine, Limits, Usage

START_S = 120.0  # a busy machine takes long to load torch
LOOK_S = 1.0  # between two looks at the memory
END_S = 10.0  # that the system takes to end a process
IDLE_S = 60.0  # without fragments, after which the launcher ends: torch takes 200 MB
_PACKAGE_PARENT = Path(__file__).resolve().parents[3]


@dataclass
class _Child:
    """A fragment's process; ``thawed`` is what keeps one that was frozen before."""

    memory_mb: int
    thawed: Optional["subprocess.Popen[bytes]"] = None
    started: "Future[int]" = field(default_factory=Future)
    ended: threading.Event = field(default_factory=threading.Event)
    why: str = ""
    expected: bool = False


class ProcessEngine(Engine):
    """See the module. Where nothing can be frozen, a fragment migrates by starting again after its last micro-batch.

    Parameters
    ----------
    freezing : whether to freeze fragments where this host can.
    cores : that fragments are bound to, in turn; None: all that this process may use.

    Raises
    ------
    ConfigurationError
        This process may not use one of `cores`.
    """

    name = "process"

    def __init__(self, freezing: bool = True, cores: Optional[Sequence[int]] = None) -> None:
        usable = os.sched_getaffinity(0)
        chosen = sorted(usable if cores is None else set(cores))
        require(
            bool(chosen) and usable.issuperset(chosen),
            f"cores {chosen} are asked for; this process may use {sorted(usable)}",
        )
        self._cannot_freeze = missing_for_freezing() if freezing else "it was told not to"
        self.live_migration = not self._cannot_freeze
        self._children: Dict[str, _Child] = {}
        self._launcher: Optional["subprocess.Popen[bytes]"] = None
        self._lock = threading.RLock()
        self._cores, self._n_cores = cycle(chosen), len(chosen)
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="memory", daemon=True)
        self._watcher.start()

    def missing(self) -> str:
        return self._cannot_freeze

    def start(self, name: str, work: Path, limits: Limits) -> None:
        child = _Child(limits.memory_mb)
        with self._lock:
            if name in self._children:
                raise EngineError(f"{name} runs already")
            self._children[name] = child
            cores = self._next_cores(limits)
            order = {"name": name, "work": str(work), "memory_mb": limits.memory_mb, "cores": cores}
            try:
                pipe = self._launching().stdin
                assert pipe is not None  # noqa: S101  (for mypy)
                pipe.write(json.dumps(order).encode("ascii") + b"\n")
                pipe.flush()
            except OSError as error:
                del self._children[name]
                raise EngineError(f"{name} can't be started: its launcher is gone ({error})") from None
        try:
            child.started.result(START_S)
        except Exception as error:
            with self._lock:
                self._children.pop(name, None)
            raise EngineError(f"{name} did not start: {error or 'no answer from its launcher'}") from None

    def stop(self, name: str, grace_s: float = 0.0) -> None:
        with self._lock:
            child = self._children.get(name)
            if child is None:
                return
            child.expected = True
        for number in (signal.SIGTERM, signal.SIGKILL) if grace_s else (signal.SIGKILL,):
            self._signal(child, number)
            if child.ended.wait(grace_s if number == signal.SIGTERM else END_S):
                return

    def usage(self, name: str) -> Usage:
        child = self._children.get(name)
        if child is None or not child.started.done() or child.started.exception():
            return Usage(0.0, 0.0)
        try:
            process = psutil.Process(child.started.result())
            times = process.cpu_times()
            return Usage(times.user + times.system, process.memory_info().rss / 2**20)
        except psutil.Error:
            return Usage(0.0, 0.0)

    def checkpoint(self, name: str, folder: Path) -> None:
        if self._cannot_freeze:
            raise EngineError(f"nothing can be frozen here: {self._cannot_freeze}")
        with self._lock:
            child = self._children.get(name)
        if child is None or not child.started.done():
            raise EngineError(f"{name} does not run")
        child.expected = True
        try:
            freeze(child.started.result(), folder)
        except EngineError:
            child.expected = False
            if child.ended.is_set():  # meanwhile, and nobody was told
                self._tell(name, signal.SIGKILL + KILLED, child)
            raise
        child.ended.wait(END_S)

    def restore(self, name: str, work: Path, limits: Limits, folder: Path) -> None:
        if self._cannot_freeze:
            raise EngineError(f"nothing can be restored here: {self._cannot_freeze}")
        with self._lock:
            if name in self._children:
                raise EngineError(f"{name} runs already")
            child = self._children[name] = _Child(limits.memory_mb)
            PLACES.mkdir(parents=True, exist_ok=True, mode=0o700)
            child.thawed = subprocess.Popen(  # noqa: S603
                thawing(name, work, folder, self._next_cores(limits)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # CRIU says it all in its log
                env=_environment(),
                start_new_session=True,
            )
        assert child.thawed.stdout is not None  # noqa: S101  (for mypy)
        said = child.thawed.stdout.readline().decode("ascii", "replace").strip()
        try:
            keeper = psutil.Process(child.thawed.pid).children()[0]
            child.started.set_result(keeper.children()[0].pid)
        except (psutil.Error, IndexError):
            said = ""
        if said != RESTORED:
            with self._lock:
                self._children.pop(name, None)
            child.thawed.kill()
            child.thawed.communicate()
            raise EngineError(f"CRIU can't restore {name}: {why_not_thawed(folder) or 'it gives no reason'}")
        threading.Thread(target=self._wait_for, args=(name, child.thawed), name=f"wait-{name}", daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            self._end_launcher()
            for child in self._children.values():
                if child.thawed is not None and child.thawed.stdin is not None:
                    child.thawed.stdin.close()

    # ---- what was thawed ----

    def _wait_for(self, name: str, thawed: "subprocess.Popen[bytes]") -> None:
        code = thawed.wait()
        for pipe in (thawed.stdin, thawed.stdout):
            if pipe is not None:
                pipe.close()
        self._ended(name, KILLED - code if code < 0 else code)

    # ---- the launcher ----

    def _launching(self) -> "subprocess.Popen[bytes]":
        if self._launcher is not None and self._launcher.poll() is None:
            return self._launcher
        command = [sys.executable, "-m", "cosco_splitplace.agent.engines.launcher"]
        if self.live_migration:
            PLACES.mkdir(parents=True, exist_ok=True, mode=0o700)
            command = [*OWN_MOUNTS, *command, "--freezable"]
        self._launcher = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=(self._launcher,), name="launcher", daemon=True).start()
        return self._launcher

    def _end_launcher(self) -> None:
        if self._launcher is None:
            return
        if self._launcher.stdin is not None:
            self._launcher.stdin.close()
        try:
            self._launcher.wait(5.0)
        except subprocess.TimeoutExpired:
            self._launcher.kill()
            self._launcher.wait()
        self._launcher = None

    def _listen(self, launcher: "subprocess.Popen[bytes]") -> None:
        """Take in what the launcher says, until it is gone; what it ran is gone with it."""
        assert launcher.stdout is not None  # noqa: S101  (for mypy)
        for line in launcher.stdout:
            said = json.loads(line)
            if "code" in said:
                self._ended(said["name"], said["code"])
            else:
                self._children[said["name"]].started.set_result(said["pid"])
        launcher.stdout.close()
        if self._closed.is_set() or launcher is not self._launcher:
            return
        for name, child in list(self._children.items()):
            if child.thawed is None:
                self._ended(name, signal.SIGKILL + KILLED)

    def _ended(self, name: str, code: int) -> None:
        with self._lock:
            child = self._children.pop(name, None)
        if child is None:
            return
        if not child.started.done():
            child.started.set_exception(EngineError("its launcher ended"))
        child.ended.set()
        if not child.expected:
            self._tell(name, code, child)

    def _tell(self, name: str, code: int, child: _Child) -> None:
        # in a thread of its own: whoever is told may start another one, whose start is heard of here
        threading.Thread(target=self.exited, args=(name, code, child.why), name=f"ended-{name}", daemon=True).start()

    def _next_cores(self, limits: Limits) -> List[int]:
        wanted = min(self._n_cores, math.ceil(limits.cpus))
        return sorted({next(self._cores) for _ in range(wanted)})

    def _signal(self, child: _Child, number: int) -> None:
        try:
            os.kill(child.started.result(START_S), number)
        except (ProcessLookupError, EngineError):
            pass

    def _watch(self) -> None:
        """Kill what takes more memory than it may, and the launcher when it has idled."""
        idle_s = 0.0
        while not self._closed.wait(LOOK_S):
            with self._lock:
                names: List[str] = list(self._children)
                idle_s = 0.0 if names else idle_s + LOOK_S
                if idle_s >= IDLE_S:
                    self._end_launcher()
            for name in names:
                child, used = self._children.get(name), self.usage(name).rss_mb
                if child is not None and used > child.memory_mb:
                    child.why = f"it took {used:.0f} MB, more than its {child.memory_mb} MB"
                    self._signal(child, signal.SIGKILL)


def _environment() -> Dict[str, str]:
    """With this very package on the path."""
    path = os.pathsep.join(filter(None, [str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path}
