"""Finds result folders below those that the user named, and keeps what was read of each, whole and up to date.

A run's name in an URL is looked up among those that were found; it is never made into a path.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from ..errors import SplitPlaceError
from ..evaluation.files import read_json
from ..evaluation.result_folder import METRICS_FILE
from ..live import LIVE_FILE, is_written
from .finished import read_finished
from .following import LiveFollower
from .tables import RunTables

WAITING, RUNNING, STOPPED, DONE, INTERRUPTED = "waiting", "running", "stopped", "finished", "interrupted"
VANISHED, DAMAGED = "vanished", "damaged"
STATES = (WAITING, RUNNING, STOPPED, DONE, INTERRUPTED, VANISHED, DAMAGED)
DEEPEST = 3  # folders below a named one: results/compare-001/runs/NAME
MOST_RUNS = 2000
RESCAN_S = 1.0

Signature = Tuple[Tuple[int, int, int], ...]


@dataclass(frozen=True)
class RunState:
    """How it stands with a run: its state, why, what is known of it, and a number that grows with every change."""

    state: str
    reason: str
    version: int
    tables: Optional[RunTables]


class WatchedRun:
    """One result folder; safe to share between threads."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self._lock = threading.Lock()
        self._seen: Signature = ()
        self._follower: Optional[LiveFollower] = None
        self._now = RunState(WAITING, "", 0, None)
        self._brief: Dict[str, Any] = {}
        self._brief_seen: Signature = ()

    def look(self) -> RunState:
        """Read what is new."""
        with self._lock:
            try:
                self._now = self._looked()
            except SplitPlaceError as error:
                self._change(DAMAGED, str(error), self._now.tables)
            except FileNotFoundError:
                self._gone()
            except OSError as error:
                self._change(DAMAGED, f"{error.filename} can't be read ({error.strerror})", self._now.tables)
            return self._now

    def brief(self) -> Dict[str, Any]:
        """Model, seed, state and metrics, without the tables of a finished run."""
        with self._lock:
            result = self.folder / METRICS_FILE
            seen = _signature(result, self.folder / LIVE_FILE)
            if seen == self._brief_seen:
                return self._brief
            if seen[0] != _ABSENT and seen[1] == _ABSENT:
                try:
                    found = read_json(result, "repeat the run")
                    state = DONE if found["complete"] else INTERRUPTED
                    names = ("model", "seed", "intervals_done", "metrics")
                    self._brief = {"state": state, **{name: found[name] for name in names}}
                    self._brief_seen = seen
                    return self._brief
                except (SplitPlaceError, KeyError, TypeError) as error:
                    return {"state": DAMAGED, "model": self.name, "seed": None, "reason": str(error)}
        now = self.look()
        found = self._follower.head if self._follower is not None and self._follower.head is not None else {}
        run = found.get("settings", {}).get("run", {})
        done = now.tables.n_intervals if now.tables is not None else 0
        model = now.tables.model if now.tables is not None else found.get("model", self.name)
        return {"state": now.state, "model": model, "seed": run.get("seed"), "intervals_done": done}

    def _looked(self) -> RunState:
        live, result = self.folder / LIVE_FILE, self.folder / METRICS_FILE
        seen = _signature(live, result)
        changed, self._seen = seen != self._seen, seen
        if seen[0] == _ABSENT and seen[1] == _ABSENT:
            self._gone()
        elif self._now.state == DAMAGED and not changed:
            pass  # it still is
        elif seen[0] != _ABSENT and seen[0][0] >= seen[1][0]:
            if self._follower is None:
                self._follower = LiveFollower(live)
            grown = changed and self._follower.follow()
            tables = self._follower.tables() if grown else self._now.tables
            state, reason = RUNNING, ""
            if not is_written(live):
                state, reason = STOPPED, "the run was killed; this is what its journal holds"
            elif tables is None:
                state, reason = WAITING, "the run has begun; its first interval has not ended"
            self._change(state, reason, tables, grown)
        elif changed:
            self._follower = None
            tables = read_finished(self.folder)
            complete = bool(read_json(result, "repeat the run")["complete"])
            reason = "" if complete else f"interrupted after {tables.n_intervals} intervals"
            self._change(DONE if complete else INTERRUPTED, reason, tables, True)
        return self._now

    def _gone(self) -> None:
        self._seen, self._follower = (), None
        if self.folder.is_dir() and self._now.tables is None:
            self._change(WAITING, "nothing is written yet", None)
        else:
            self._change(VANISHED, f"{self.folder} is gone; this is what was read before", self._now.tables)

    def _change(self, state: str, reason: str, tables: Optional[RunTables], grown: bool = False) -> None:
        before = self._now
        if grown or (state, reason) != (before.state, before.reason):
            self._now = RunState(state, reason, before.version + 1, tables)


_ABSENT = (-1, -1, -1)


def _signature(*paths: Path) -> Signature:
    """What tells a changed file: time of change, size, inode."""
    found = []
    for path in paths:
        try:
            stat = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            found.append(_ABSENT)
        else:
            found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(found)


class Runs:
    """All runs in or below `roots`, in order of name; one that was there stays, even if its folder goes."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = list(roots)
        self._lock = threading.Lock()
        self._runs: Dict[str, WatchedRun] = {}
        self._scanned_s = -RESCAN_S

    def all(self) -> List[WatchedRun]:
        """Every run that was ever found, newest folder last."""
        with self._lock:
            if time.monotonic() - self._scanned_s >= RESCAN_S:
                self._scan()
                self._scanned_s = time.monotonic()
            return list(self._runs.values())

    def get(self, name: str) -> Optional[WatchedRun]:
        """The run of this name, if there is one."""
        return next((one for one in self.all() if one.name == name), None)

    def _scan(self) -> None:
        known = {one.folder for one in self._runs.values()}
        for root in self.roots:
            for folder in _result_folders(root):
                if folder not in known and len(self._runs) < MOST_RUNS:
                    name = self._free_name(root, folder)
                    self._runs[name] = WatchedRun(name, folder)

    def _free_name(self, root: Path, folder: Path) -> str:
        parts = folder.relative_to(root).parts or (root.resolve().name,)
        stem = "~".join(one for one in parts if one != "runs")
        name, number = stem, 2
        while name in self._runs:
            name, number = f"{stem}~{number}", number + 1
        return name


def _result_folders(root: Path, depth: int = 0) -> Iterator[Path]:
    """The folders of runs in or below `root`; none outside it, whatever links say."""
    if any((root / one).is_file() for one in (METRICS_FILE, LIVE_FILE)):
        yield root
        return
    if depth == DEEPEST:
        return
    try:
        below = sorted(one for one in root.iterdir() if one.is_dir() and not one.is_symlink())
    except OSError:
        return  # not there yet, or not any more
    for one in below:
        if not one.name.startswith("."):
            yield from _result_folders(one, depth + 1)
