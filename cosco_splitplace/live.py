"""The live journal: what a run appends to its result folder while it goes on, for whoever watches.

``live.jsonl`` holds one JSON object a line: first what the run is, then what happened in the intervals since the line
before. Where intervals take less than a moment, a line covers several. Writing takes no more than SHARE of a run: where
that is not enough, the journal lags behind rather than slow the run.
The writer holds a lock on the file as long as it lives: a file without one belongs to a run that was killed. When the
result is written, which holds all of it and more, the journal is removed.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np
import orjson

try:
    import fcntl
except ImportError:  # no POSIX: a killed run looks like one that waits
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from .history import History
    from .loop import Loop

LIVE_FILE = "live.jsonl"
FORMAT = 1
LEAST_S = 0.25  # between two lines; our choice: nobody looks faster
SHARE = 0.01  # of the run's time that writing may take; our choice
CLUSTER_ARRAYS = ("cores", "mips", "ram_mb", "link_mb_s", "price_usd_h")
USAGE_ARRAYS = (
    "cpu_utilisation", "work_mi", "energy_wh", "sent_mb", "received_mb", "broker_sent_mb", "broker_received_mb",
)  # fmt: skip
SNAPSHOT_ARRAYS = ("placed_fragments", "ram_used_mb", "bandwidth_mb_s", "latency_s")
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE


class _Mark(NamedTuple):
    """How long a history's lists were when an interval ended."""

    intervals: int = 0
    tasks: int = 0
    fragments: int = 0
    outcomes: int = 0
    times: int = 0
    moves: int = 0
    failures: int = 0

    @classmethod
    def of(cls, history: "History") -> "_Mark":
        """All that it holds."""
        return cls(*[len(getattr(history, name)) for name in cls._fields])


class LiveJournal:
    """Writes the journal of one run: `begin`, `interval` after each, and `close` when the result is written.

    Parameters
    ----------
    folder : the run's result folder; an older journal in it is replaced.
    model : name of the policy.
    """

    def __init__(self, folder: Path, model: str) -> None:
        self._path, self._model = folder / LIVE_FILE, model
        self._file: Optional[IO[bytes]] = None
        self._written = _Mark()
        self._waiting: List[_Mark] = []  # the ends of the intervals that are not written yet
        self._began_s = self._wrote_s = self._spent_s = 0.0

    def begin(self, loop: "Loop") -> None:
        """What the run is, before its first interval."""
        self._began_s = time.perf_counter()
        draft = self._path.with_name(f".{LIVE_FILE}.{os.getpid()}.part")
        self._file = draft.open("wb")
        if fcntl is not None:
            fcntl.flock(self._file, fcntl.LOCK_EX)
        self._write(
            {
                "format": FORMAT,
                "model": self._model,
                "began_s": time.time(),
                "pipelined": loop.backend.pipelined,
                "settings": loop.settings.to_mapping(),
                "data_sources": {name: one.data_source for name, one in loop.applications.items()},
                "cluster": {
                    "host_types": loop.cluster.host_types,
                    **{name: getattr(loop.cluster, name) for name in CLUSTER_ARRAYS},
                },
            }
        )
        os.replace(draft, self._path)  # a reader sees a new file, or the old one, never a shorter one
        self._spent_s = time.perf_counter() - self._began_s

    def interval(self, loop: "Loop") -> None:
        """An interval has ended: write a line if it is time, of as many intervals as the run's time allows for."""
        self._waiting.append(_Mark.of(loop.history))
        now_s = time.perf_counter()
        if now_s - self._wrote_s < LEAST_S:
            return
        written = self._written.intervals  # the first is in any case; what those took tells what others will
        left_s = SHARE * (now_s - self._began_s) - self._spent_s
        fit = int(min(len(self._waiting), left_s * written / self._spent_s)) if written else 1
        if fit < 1:
            return
        self._take(loop, self._waiting[fit - 1])
        del self._waiting[:fit]
        self._wrote_s = time.perf_counter()
        self._spent_s += self._wrote_s - now_s

    def close(self) -> None:
        """The lock ends: the result, which holds everything, is written. A journal of no interval is removed."""
        if self._file is not None:
            self._file.close()
            if self._written.intervals == 0:
                self._path.unlink(missing_ok=True)

    def discard(self) -> None:
        """The run failed: nothing of it is kept."""
        self.close()
        self._path.unlink(missing_ok=True)

    def _take(self, loop: "Loop", now: _Mark) -> None:
        """One line of all that happened after the last one, up to `now`."""
        history, last = loop.history, self._written
        intervals = slice(last.intervals, now.intervals)
        usage, placed = history.usage[intervals], history.placed[intervals]
        self._write(
            {
                "first": last.intervals,
                "written_s": time.time(),
                "intervals": history.intervals[intervals],
                "usage": {name: _columns(usage, name) for name in USAGE_ARRAYS},
                "placed": {name: _columns(placed, name) for name in SNAPSHOT_ARRAYS},
                "active": [[one.fragment_ids, one.fragment_hosts, one.movable] for one in placed],
                "events": [[(e.kind, e.fragment_id, e.time_s) for e in one] for one in history.events[intervals]],
                "tasks": history.tasks[last.tasks : now.tasks],
                "decisions": history.decisions[last.tasks : now.tasks],
                "fragments": history.fragments[last.fragments : now.fragments],
                "outcomes": history.outcomes[last.outcomes : now.outcomes],
                "times": history.times[last.times : now.times],
                "moves": history.moves[last.moves : now.moves],
                "failures": history.failures[last.failures : now.failures],
            }
        )
        self._written = now

    def _write(self, line: Dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(orjson.dumps(line, default=_list, option=_OPTIONS))
            self._file.flush()


def _columns(records: Sequence[Any], name: str) -> "np.typing.NDArray[np.float32]":
    """One of the records' arrays, (n_records, ...); for people's eyes single precision will do, at half the size."""
    return np.array([getattr(one, name) for one in records], dtype=np.float32)


def _list(value: Any) -> Any:
    """An array that is no contiguous piece of memory."""
    return value.tolist()


def is_written(path: Path) -> bool:
    """Whether the journal's writer lives, as far as this machine can tell."""
    if fcntl is None:
        return True
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
