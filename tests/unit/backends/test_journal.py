"""The journal, and a loop that is brought back by replaying it."""
from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from cosco_splitplace.backends.simulated.backend import SimulatedBackend
from cosco_splitplace.backends.testbed.journal import Journal
from cosco_splitplace.backends.testbed.journaled import JournaledBackend, ReplayError
from cosco_splitplace.backends.testbed.placement import Placement
from cosco_splitplace.cluster import load_cluster
from cosco_splitplace.config import Settings
from cosco_splitplace.contract.made_parts import made_fragment
from cosco_splitplace.errors import DataFileError
from cosco_splitplace.simulation import build_loop, run_loop

SETTINGS = Settings().replace(
    run={"decider": "mab", "placer": "least-loaded", "intervals": 6}, cluster={"hosts": 6, "mobility": False},
    arrivals={"rate": 1.0},
)


class Killed(BaseException):
    """What a kill -9 is in this process: nothing after it runs."""


class Fragile(SimulatedBackend):
    """Dies at its n-th call; ``calls`` counts them."""

    dies_at = math.inf
    calls = 0

    def _called(self) -> None:
        type(self).calls += 1
        if type(self).calls > type(self).dies_at:
            raise Killed

    def snapshot(self):  # type: ignore[no-untyped-def]
        self._called()
        return super().snapshot()

    def usage(self):  # type: ignore[no-untyped-def]
        self._called()
        return super().usage()


def engine() -> Fragile:
    cluster = load_cluster(SETTINGS.cluster)
    return Fragile(cluster, SETTINGS.fragments, SETTINGS.engine, None, SETTINGS.run.interval_s)


@pytest.mark.parametrize("dies_at", [1, 2, 5, 9, 14])
def test_a_run_that_was_killed_goes_on_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    wanted = run_loop(build_loop(SETTINGS, backend=engine()))
    monkeypatch.setattr(Fragile, "calls", 0)
    monkeypatch.setattr(Fragile, "dies_at", dies_at)
    machines, journal = engine(), Journal(tmp_path / "journal")
    with pytest.raises(Killed):
        run_loop(build_loop(SETTINGS, backend=JournaledBackend(machines, journal)))
    journal.close()
    monkeypatch.setattr(Fragile, "dies_at", math.inf)
    again = Journal(tmp_path / "journal")
    found = run_loop(build_loop(SETTINGS, backend=JournaledBackend(machines, again)))  # the machines went on
    assert [(one.task, one.split, one.response_s, one.hosts) for one in found.outcomes] == [
        (one.task, one.split, one.response_s, one.hosts) for one in wanted.outcomes
    ]
    assert {k: v for k, v in found.metrics.items() if k != "scheduling_s"} == pytest.approx(
        {k: v for k, v in wanted.metrics.items() if k != "scheduling_s"}, nan_ok=True
    )


def test_another_program_is_refused(tmp_path: Path) -> None:
    short = SETTINGS.replace(run={"intervals": 1, "drain_intervals": 0})
    run_loop(build_loop(short, backend=JournaledBackend(engine(), Journal(tmp_path / "journal"))))
    other = short.replace(run={"placer": "random", "seed": 3})
    with pytest.raises(ReplayError, match="another version of the program or other data"):
        run_loop(build_loop(other, backend=JournaledBackend(engine(), Journal(tmp_path / "journal"))))


def test_arrays_survive(tmp_path: Path) -> None:
    backend = JournaledBackend(engine(), Journal(tmp_path / "journal"))
    live = backend.snapshot()
    replayed = JournaledBackend(engine(), Journal(tmp_path / "journal")).snapshot()
    for name in ("cpu_utilisation", "placed_fragments", "fragment_ids", "movable", "bandwidth_mb_s"):
        a, b = getattr(live, name), getattr(replayed, name)
        assert a.dtype == b.dtype and np.array_equal(a, b)


def test_a_transaction_is_whole_or_not_there(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    with pytest.raises(Killed), journal.transaction():
        journal.add_event("lost", 1, 2.0, "x")
        with journal.transaction():
            journal.set("note", "x")
        raise Killed
    assert journal.take_events() == [] and journal.get("note") is None


def test_events_are_told_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.add_event("finished", 1, 5.0, "")
    journal.add_event("lost", 2, 3.0, "why")
    assert journal.take_events() == [("lost", 2, 3.0, "why"), ("finished", 1, 5.0, "")]
    assert journal.take_events() == []


def test_a_result_is_delivered_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    assert [journal.deliver(1, 0, 2.0, ""), journal.deliver(1, 0, 3.0, "")] == [True, False]
    assert journal.delivered() == {1: 2.0}


def test_a_placement_survives(tmp_path: Path) -> None:
    made = Placement("a-1-1", made_fragment(1, depends_on=(0,)), 1, 2, 7, 3.0)
    journal = Journal(tmp_path / "journal")
    journal.put_placement(made.name, 1, 1, made.state, made.to_json())
    (body,) = journal.placements()
    found = Placement.from_json(body)
    assert found.fragment == made.fragment and math.isnan(found.started_s) and found.host == 2


@pytest.mark.parametrize("content", [b"no journal at all, but quite long enough to be looked at" * 50])
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal").write_bytes(content)
    with pytest.raises(DataFileError, match="is no journal"):
        Journal(tmp_path / "journal")
