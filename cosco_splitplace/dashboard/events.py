"""Server-Sent Events: what changed, as it changes. A page fetches what it shows when it is told."""

from __future__ import annotations

import threading
import time
from typing import Any, Dict, Iterator, Sequence

import orjson

from .runs import Runs, WatchedRun

LOOK_S = 0.5  # between two looks at the files; our choice
HEARTBEAT_S = 10.0
MOST_STREAMS = 20


class Streams:
    """Counts the open streams: each holds a thread of the server."""

    def __init__(self) -> None:
        self._open = 0
        self.closing = threading.Event()
        self._lock = threading.Lock()

    def enter(self) -> bool:
        """Take one, if there is one left."""
        with self._lock:
            if self._open >= MOST_STREAMS:
                return False
            self._open += 1
            return True

    def leave(self) -> None:
        """Give it back."""
        with self._lock:
            self._open -= 1


def event_stream(runs: Runs, wanted: Sequence[str], streams: Streams) -> Iterator[bytes]:
    """Events without end: ``runs`` when the list of runs changed, ``run`` when one of the `wanted` did."""
    try:
        yield b"retry: 2000\n\n"
        names, told_s = -1, time.monotonic()
        versions: Dict[str, int] = {}
        while not streams.closing.is_set():
            found = runs.all()
            if len(found) != names:
                names = len(found)
                yield _event("runs", {"count": names})
            for one in (one for one in found if one.name in wanted):
                told = progress_of(one)
                if versions.get(one.name) != told["version"]:
                    versions[one.name] = told["version"]
                    yield _event("run", told)
                    told_s = time.monotonic()
            if time.monotonic() - told_s > HEARTBEAT_S:  # so that a reader who went away is noticed
                yield b": still here\n\n"
                told_s = time.monotonic()
            streams.closing.wait(LOOK_S)
    finally:
        streams.leave()


def progress_of(run: WatchedRun) -> Dict[str, Any]:
    """How far a run is."""
    now = run.look()
    done = now.tables.n_intervals if now.tables is not None else 0
    return {"run": run.name, "state": now.state, "reason": now.reason, "version": now.version, "intervals_done": done}


def _event(kind: str, data: Dict[str, Any]) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
