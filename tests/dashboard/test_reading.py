"""A run reads the same from its live journal as from its row files, and the journal behaves as its readers expect."""
from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict

import numpy as np
import pytest
from dashboards import SETTINGS, Mover, WatchedLoop, at_once, finished_run

from cosco_splitplace import live
from cosco_splitplace.dashboard import cluster, journeys, series
from cosco_splitplace.dashboard.finished import read_finished
from cosco_splitplace.dashboard.following import LiveFollower
from cosco_splitplace.dashboard.runs import DAMAGED, DONE, RUNNING, STOPPED, VANISHED, WAITING, Runs, WatchedRun
from cosco_splitplace.dashboard.tables import FRAGMENTS, TASKS, TEXTS
from cosco_splitplace.evaluation.result_folder import write_result
from cosco_splitplace.live import LIVE_FILE, LiveJournal
from cosco_splitplace.records import MIGRATED
from cosco_splitplace.simulation import build_loop, result_of, run_loop


@pytest.fixture(autouse=True)
def every_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once(monkeypatch)


def test_live_and_finished_agree(tmp_path: Path) -> None:
    run = WatchedLoop(tmp_path / "run")
    run.go_on(14)
    follower = LiveFollower(tmp_path / "run" / LIVE_FILE)
    assert follower.follow()
    followed = follower.tables()
    assert followed is not None
    write_result(result_of(run.loop, "watched"), tmp_path / "run")
    written = read_finished(tmp_path / "run")

    for name in TASKS:
        equal = np.array_equal if name in TEXTS else np.testing.assert_allclose
        assert equal(followed.tasks[name], written.tasks[name]) is not False, name
    left = np.isin(written.fragments["task_id"], np.flatnonzero(np.isfinite(written.tasks["left_interval"])))
    assert left.any() and not left.all()
    for name in set(FRAGMENTS) - {"input_link_mb"}:
        mine, theirs = followed.fragments[name], written.fragments[name]
        if name in TEXTS:
            assert (mine == theirs).all()
        else:
            np.testing.assert_allclose(mine[left].astype(float), theirs[left].astype(float), err_msg=name)
    for name in ("host", "placed_s", "finished_s", "ready_s", "delivered_s"):  # of those under way, too
        np.testing.assert_allclose(followed.fragments[name], written.fragments[name], err_msg=name)
    for name, values in written.hosts.items():
        np.testing.assert_allclose(followed.hosts[name], values, rtol=1e-6, err_msg=name)
    assert len(written.moves["kind"]) > 0
    np.testing.assert_array_equal(followed.moves["ended_s"], written.moves["ended_s"])
    for k in range(14):
        ours, theirs = cluster.cluster_at(followed, k), cluster.cluster_at(written, k)
        np.testing.assert_array_equal(ours["fragments"]["id"], theirs["fragments"]["id"])
        assert ours["fragments"]["host"] == theirs["fragments"]["host"]


def test_cluster_shows_what_the_monitor_saw(tmp_path: Path) -> None:
    run = WatchedLoop(tmp_path / "run")
    run.go_on(14)
    write_result(result_of(run.loop, "watched"), tmp_path / "run")
    tables = read_finished(tmp_path / "run")
    seen_moves = 0
    for k, seen in enumerate(run.loop.history.placed):
        shown = cluster.cluster_at(tables, k)
        assert shown["fragments"]["id"].tolist() == seen.fragment_ids.tolist()
        moving = {one["fragment"] for one in shown["moves"]}
        seen_moves += len(moving)
        for fragment, mine, theirs in zip(seen.fragment_ids.tolist(), shown["fragments"]["host"],
                                          seen.fragment_hosts.tolist()):
            assert mine == theirs or fragment in moving
    assert seen_moves > 0


def test_moves_are_what_the_fragments_say(tmp_path: Path) -> None:
    result = finished_run(tmp_path / "run")
    counted = sum(row.times.migrations for row in result.fragments if row.times is not None)
    assert counted == len(result.moves) > 0
    for one in result.moves:
        row = result.fragments[one.fragment_id]
        assert one.kind == MIGRATED and row.times is not None and one.source != one.target
        assert row.times.started_s <= one.ordered_s < one.ended_s <= row.times.finished_s
    moved = result.moves[-1]
    words = [one["what"] for one in
             journeys.fragment_detail(read_finished(tmp_path / "run"), moved.fragment_id)["history"]]
    assert words[:1] == ["arrived"] and f"migrated to host {moved.target}" in words
    assert words.index("started") < words.index(f"migrated to host {moved.target}") < words.index("finished")


def test_counts_by_hand(tmp_path: Path) -> None:
    result = finished_run(tmp_path / "run")
    tables = read_finished(tmp_path / "run")
    found = series.task_series(tables)
    for k in (0, 5, tables.n_intervals - 1):
        arrived = [one for one in result.tasks if one.arrival_interval <= k]
        left = [one for one in result.outcomes if one.left_interval <= k]
        gone = {one.task.task_id for one in left}
        late = sum(one.violated for one in left) + sum(
            one.arrival_interval + one.deadline_intervals <= k for one in arrived if one.task_id not in gone
        )
        assert found["tasks_arrived"][k] == len(arrived)
        assert found["tasks_waiting"][k] + found["tasks_running"][k] + len(left) == len(arrived)
        assert found["tasks_late"][k] == late
        if left:
            assert found["reward_so_far"][k] == pytest.approx(np.mean([one.reward for one in left]))
            assert found["violations_so_far"][k] == pytest.approx(np.mean([one.violated for one in left]))


def test_states_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    watched = WatchedRun("run", folder)
    assert watched.look().state == WAITING
    run = WatchedLoop(folder)
    assert watched.look().state == WAITING  # begun, no interval yet
    run.go_on(2)
    now = watched.look()
    assert now.state == RUNNING and now.tables is not None and now.tables.n_intervals == 2
    assert watched.look().version == now.version  # nothing new
    run.go_on()
    assert watched.look().version > now.version
    run.killed()
    assert watched.look().state == STOPPED
    write_result(result_of(run.loop, "watched", complete=True), folder)
    done = watched.look()
    assert done.state == DONE and not (folder / LIVE_FILE).exists()
    for one in folder.iterdir():
        one.unlink()
    folder.rmdir()
    gone = watched.look()
    assert gone.state == VANISHED and gone.tables is done.tables


def test_a_damaged_folder_says_so(tmp_path: Path) -> None:
    finished_run(tmp_path / "run")
    (tmp_path / "run" / "tasks.csv").write_text("task_id\n0\n", encoding="utf-8")
    found = WatchedRun("run", tmp_path / "run").look()
    assert found.state == DAMAGED and "tasks.csv" in found.reason


def test_a_journal_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / LIVE_FILE).write_text('{"format": 99}\n', encoding="utf-8")
    found = WatchedRun("run", tmp_path).look()
    assert found.state == DAMAGED and "99" in found.reason


def test_half_a_line_waits(tmp_path: Path) -> None:
    run = WatchedLoop(tmp_path)
    run.go_on(3)
    whole = (tmp_path / LIVE_FILE).read_bytes()
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(whole[:-40])
    follower = LiveFollower(copy)
    follower.follow()
    first = follower.tables()
    assert first is not None and first.n_intervals == 2
    with copy.open("ab") as file:
        file.write(whole[-40:])
    assert follower.follow()
    second = follower.tables()
    assert second is not None and second.n_intervals == 3


def test_a_journal_keeps_to_its_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class SlowJournal(LiveJournal):
        def _write(self, line: Dict[str, Any]) -> None:
            super()._write(line)
            clock.now_s += 0.05 * len(line.get("intervals", ()))

    clock = SimpleNamespace(now_s=100.0, perf_counter=lambda: clock.now_s, time=time.time)
    monkeypatch.setattr(live, "time", clock)
    monkeypatch.setattr(live, "SHARE", 0.02)  # writing all would take 0.05
    run = WatchedLoop(tmp_path, journal=SlowJournal)
    spent_s = 0.0
    for _ in range(40):
        before_s = clock.now_s
        run.go_on(1)
        spent_s += clock.now_s - before_s
        clock.now_s += 1.0  # what the next interval takes
        assert spent_s <= max(0.02 * (clock.now_s - 100.0), 0.05)  # the first is written in any case
    follower = LiveFollower(tmp_path / LIVE_FILE)
    follower.follow()
    tables = follower.tables()
    assert tables is not None and tables.n_intervals == round(spent_s / 0.05) >= 12  # of the 16 that it may write


def test_watching_changes_nothing(tmp_path: Path) -> None:
    plain = run_loop(build_loop(SETTINGS, placer=Mover), "m")
    journal = LiveJournal(tmp_path, "m")
    watched = run_loop(build_loop(SETTINGS, placer=Mover), "m", live=journal)
    assert (tmp_path / LIVE_FILE).is_file() and WatchedRun("m", tmp_path).look().state == RUNNING  # until it is written
    journal.close()
    for name, result in (("plain", plain), ("watched", watched)):
        (tmp_path / name).mkdir()
        write_result(result, tmp_path / name)
    for path in (tmp_path / "plain").iterdir():
        if not path.name.startswith("timing"):
            assert path.read_bytes() == (tmp_path / "watched" / path.name).read_bytes(), path.name


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    finished_run(tmp_path / "outside" / "run")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "link").symlink_to(tmp_path / "outside")
    assert Runs([tmp_path / "results"]).all() == []
    assert [one.name for one in Runs([tmp_path / "outside"]).all()] == ["run"]
