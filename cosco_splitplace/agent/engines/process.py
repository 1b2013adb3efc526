"""Fragments as child processes: own session, rlimits, CPU affinity, a cap on resident memory. Needs no root."""

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
from typing import Dict, List, Optional

import psutil

from ...errors import EngineError
from .port import Engine, Limits, Usage

START_S = 120.0  # a busy machine takes long to load torch
LOOK_S = 1.0  # between two looks at the memory
IDLE_S = 60.0  # without fragments, after which the launcher ends: torch takes 200 MB
_PACKAGE_PARENT = Path(__file__).resolve().parents[3]


@dataclass
class _Child:
    """A fragment's process."""

    memory_mb: int
    started: "Future[int]" = field(default_factory=Future)
    ended: threading.Event = field(default_factory=threading.Event)
    why: str = ""
    expected: bool = False


class ProcessEngine(Engine):
    """See the module. A fragment migrates by starting again after its last finished micro-batch."""

    name = "process"
    live_migration = False

    def __init__(self) -> None:
        self._children: Dict[str, _Child] = {}
        self._launcher: Optional["subprocess.Popen[bytes]"] = None
        self._lock = threading.RLock()
        self._cores = cycle(sorted(os.sched_getaffinity(0)))
        self._n_cores = len(os.sched_getaffinity(0))
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="memory", daemon=True)
        self._watcher.start()

    def missing(self) -> str:
        return "" if hasattr(os, "fork") else "the process engine needs a Unix"

    def start(self, name: str, work: Path, limits: Limits) -> None:
        child = _Child(limits.memory_mb)
        with self._lock:
            if name in self._children:
                raise EngineError(f"{name} runs already")
            self._children[name] = child
            wanted = min(self._n_cores, math.ceil(limits.cpus))
            cores = sorted({next(self._cores) for _ in range(wanted)})
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
            if child.ended.wait(grace_s if number == signal.SIGTERM else 10.0):
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
        raise EngineError("the process engine freezes nothing; fragments start again after their last micro-batch")

    def restore(self, name: str, work: Path, limits: Limits, folder: Path) -> None:
        self.checkpoint(name, folder)

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            self._end_launcher()

    # ---- the launcher ----

    def _launching(self) -> "subprocess.Popen[bytes]":
        if self._launcher is not None and self._launcher.poll() is None:
            return self._launcher
        path = os.pathsep.join(filter(None, [str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]))
        self._launcher = subprocess.Popen(
            [sys.executable, "-m", "cosco_splitplace.agent.engines.launcher"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
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
        for name in list(self._children):
            self._ended(name, signal.SIGKILL + 128)

    def _ended(self, name: str, code: int) -> None:
        with self._lock:
            child = self._children.pop(name, None)
        if child is None:
            return
        if not child.started.done():
            child.started.set_exception(EngineError("its launcher ended"))
        child.ended.set()
        if not child.expected:
            # in a thread of its own: whoever is told may start another one, whose start is heard of here
            threading.Thread(
                target=self.exited, args=(name, code, child.why), name=f"ended-{name}", daemon=True
            ).start()

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
