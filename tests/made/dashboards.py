"""Runs to be watched, and dashboards that watch them."""
from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Iterator, Sequence, Type

import requests

from cosco_splitplace import live
from cosco_splitplace.config import Settings
from cosco_splitplace.dashboard.server import DashboardServer
from cosco_splitplace.evaluation.result_folder import write_result
from cosco_splitplace.live import LiveJournal
from cosco_splitplace.placement import PLACERS, PlacementProblem, Placer, PlacerSetup
from cosco_splitplace.records import RunResult
from cosco_splitplace.simulation import Loop, build_loop, run_loop


class Mover(Placer):
    """Least-loaded, and in every third interval one running fragment is moved to the next host with room."""

    def __init__(self, setup: PlacerSetup) -> None:
        self._placer, self._count = PLACERS.get("least-loaded")(setup), 0

    def place(self, problem: PlacementProblem) -> Any:
        hosts = self._placer.place(problem).copy()
        self._count += 1
        if self._count % 3 == 0:
            for i in problem.movable.nonzero()[0][:1]:
                hosts[i] = (problem.current[i] + 1) % problem.cluster.n_hosts
        return hosts

    def state(self) -> dict[str, float]:
        return {"predicted": 0.1 * self._count, "fallbacks": 0.0}


SETTINGS = Settings().replace(
    run={"decider": "mab", "placer": "least-loaded", "intervals": 14, "seed": 1, "drain_intervals": 4},
    cluster={"hosts": 8},
    arrivals={"rate": 2.0},
)


class WatchedLoop:
    """A run that goes on by one interval when it is told to, with its live journal."""

    def __init__(self, folder: Path, settings: Settings = SETTINGS, journal: Type[LiveJournal] = LiveJournal) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.loop: Loop = build_loop(settings, placer=Mover)
        self.journal = journal(folder, "watched")
        self.journal.begin(self.loop)
        self.done = 0

    def go_on(self, intervals: int = 1) -> None:
        """So many intervals more."""
        for _ in range(intervals):
            self.loop.run_interval(self.done)
            self.journal.interval(self.loop)
            self.done += 1

    def killed(self) -> None:
        """Its process is gone."""
        self.journal.close()


def at_once(monkeypatch: Any) -> None:
    """Journals are written after every interval."""
    monkeypatch.setattr(live, "LEAST_S", 0.0)
    monkeypatch.setattr(live, "SHARE", float("inf"))


def finished_run(folder: Path, settings: Settings = SETTINGS, model: str = "watched") -> RunResult:
    """A whole run, written into `folder`."""
    result = run_loop(build_loop(settings, placer=Mover), model)
    folder.mkdir(parents=True)
    write_result(result, folder)
    return result


@contextmanager
def dashboard(roots: Sequence[Path], token: str = "") -> Iterator[str]:
    """A dashboard on loopback; yields its address."""
    server = DashboardServer(roots, ("127.0.0.1", 0), token, compute=False)
    Thread(target=server.serve, daemon=True).start()
    try:
        yield server.address
    finally:
        server.close()  # the browser may hold connections: its thread ends with them


def answer(address: str, path: str, **asked: Any) -> Any:
    """The JSON of a request that must succeed."""
    reply = requests.get(f"{address}/api/{path}", params=asked, timeout=20)
    assert reply.status_code == 200, reply.text
    return reply.json()
