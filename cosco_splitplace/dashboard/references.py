"""What a run is measured against: the always-semantic policy in the same world, and the no-contention bound.

Both follow from the settings alone. They are worked out once, in a process of their own at the lowest priority, and
kept in the user's cache, as the bounds of comparisons are; result folders are left as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from .. import __version__
from ..config import Settings
from ..errors import SplitPlaceError
from ..evaluation.files import write_json
from ..records import SEMANTIC

FORMAT = 1
READY, COMPUTING, ABSENT = "ready", "computing", "absent"


def work_out(settings: Settings) -> Dict[str, Any]:
    """Both references, one value a task in order of arrival."""
    from ..evaluation.bounds.no_contention import no_contention
    from ..simulation import simulate

    bound = no_contention(settings)
    best = [max(one.values(), key=lambda alone: alone.reward) for one in bound.alone]
    result = simulate(settings.replace(run={"decider": SEMANTIC}))
    left: List[Optional[Any]] = [None] * len(result.tasks)
    for one in result.outcomes:
        left[one.task.task_id] = one
    return {
        "format": FORMAT,
        "bound_reward": [one.reward for one in best],
        "bound_kept": [
            any(a.response_intervals <= task.deadline_intervals for a in splits.values())
            for task, splits in zip(bound.tasks, bound.alone)
        ],
        "semantic": {
            name: [getattr(one, name) if one is not None else None for one in left]
            for name in ("left_interval", "reward", "violated", "response_intervals")
        },
    }


class References:
    """The references of runs: read from the cache, or worked out one after the other.

    Parameters
    ----------
    compute : whether those that are not in the cache are worked out.
    """

    def __init__(self, compute: bool = True) -> None:
        self._compute = compute
        self._lock = threading.Lock()
        self._known: Dict[str, Mapping[str, Any]] = {}
        self._failed: Dict[str, str] = {}
        self._running: Optional["subprocess.Popen[bytes]"] = None
        self._running_key = ""

    def of(
        self, settings: Mapping[str, Mapping[str, Any]], finished: bool, simulated: bool = True
    ) -> "tuple[str, Optional[Mapping[str, Any]]]":
        """READY with the references, COMPUTING, or why there are none.

        A run that still goes on is left in peace: they are worked out when it has ended.
        """
        reason = _impossible(settings) if simulated else "real hosts have no references"
        if reason:
            return reason, None
        own = Settings.from_mapping({name: dict(one) for name, one in settings.items()}, "a run's settings")
        path = _path(own)
        key = path.name
        with self._lock:
            self._collect()
            if key not in self._known and path.is_file():
                self._known[key] = json.loads(path.read_text(encoding="utf-8"))
            if key in self._known:
                return READY, self._known[key]
            if key in self._failed:
                return self._failed[key], None
            if not self._compute:
                return "no references are worked out (--no-references)", None
            if not finished:
                return ABSENT, None
            if self._running is None:
                self._start(own, key)
            return COMPUTING, None

    def close(self) -> None:
        """End what is being worked out."""
        with self._lock:
            if self._running is not None:
                self._running.kill()
                self._running.wait()
                self._running = None

    def _start(self, settings: Settings, key: str) -> None:
        self._running_key = key
        self._running = subprocess.Popen(  # noqa: S603  (this program)
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        if self._running.stdin is not None:
            self._running.stdin.write(settings.to_toml().encode())
            self._running.stdin.close()

    def _collect(self) -> None:
        if self._running is None or self._running.poll() is None:
            return
        if self._running.returncode != 0 and self._running.stderr is not None:
            last = self._running.stderr.read().decode(errors="replace").strip().splitlines()
            self._failed[self._running_key] = f"references could not be worked out: {last[-1] if last else 'no reason'}"
        if self._running.stderr is not None:
            self._running.stderr.close()
        self._running = None


def _impossible(settings: Mapping[str, Mapping[str, Any]]) -> str:
    """Why a run can have no references; "" if it can."""
    if str(settings["run"]["placer"]).startswith("cosco/"):
        return "runs with COSCO's own schedulers have no references outside of COSCO"
    return ""


def _path(settings: Settings) -> Path:
    """Decider and model do not matter, the placer does."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    world = settings.replace(run={"decider": SEMANTIC}).to_toml()
    content = hashlib.sha256(f"{FORMAT}\n{__version__}\n{world}".encode()).hexdigest()
    return Path(base) / "cosco-splitplace" / "references" / f"{content[:32]}.json"


def main() -> None:
    """The process of its own: settings as TOML on standard input."""
    import tempfile

    os.nice(19)
    with tempfile.TemporaryDirectory() as name:
        given = Path(name) / "settings.toml"
        given.write_bytes(sys.stdin.buffer.read())
        settings = Settings.from_toml(given)
    try:
        found = work_out(settings)
    except SplitPlaceError as error:
        sys.exit(str(error))
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, found)


if __name__ == "__main__":
    main()
