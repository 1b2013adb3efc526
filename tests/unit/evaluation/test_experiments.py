from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Dict, List, Tuple

import made_results
import pandas as pd
import pytest

from cosco_splitplace.config import Settings
from cosco_splitplace.errors import ConfigurationError, DataFileError, ResultExistsError, UnknownNameError
from cosco_splitplace.evaluation.experiments import run_experiments
from cosco_splitplace.records import RunResult

MODELS = ("SplitPlace", "M+G")


@pytest.fixture()
def marks(tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


def calls(marks: Path) -> List[str]:
    path = marks / "calls.txt"
    return path.read_text().splitlines() if path.exists() else []


def contents(folder: Path) -> Dict[str, bytes]:
    names = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in names}


def test_one_or_two_workers_give_the_same_bytes(tmp_path: Path, settings: Settings) -> None:
    for jobs in (1, 2):
        run_experiments(MODELS, (0, 3), settings, tmp_path / str(jobs), jobs, run=made_results.fake_run)
    alone, together = contents(tmp_path / "1"), contents(tmp_path / "2")
    assert sorted(alone) == sorted(together)
    assert {name for name in alone if alone[name] != together[name]} == set()
    assert {
        "comparison.csv", "comparison_summary.csv", "comparison_summary.json", "applications.csv", "report.html",
        "plots/comparison.png", "runs/M+G-seed3/metrics.json", "runs/M+G-seed3/complete.json",
    } <= set(alone)  # fmt: skip
    assert b"scheduling_s" not in alone["comparison.csv"] + alone["comparison_summary.csv"]
    assert b"scheduling_s" in alone["timing.csv"]


def test_rows_and_summary(tmp_path: Path, settings: Settings) -> None:
    found = run_experiments(MODELS, (0, 3), settings, tmp_path, run=made_results.fake_run)
    table = pd.read_csv(tmp_path / "comparison.csv")
    assert list(zip(table["model"], table["seed"])) == [(model, seed) for model in MODELS for seed in (0, 3)]
    expected = made_results.fake_run(settings.replace(run={"seed": 3}), "SplitPlace").metrics
    assert table["reward"][1] == expected["reward"]
    assert found.frame["scheduling_s"][1] == expected["scheduling_s"]
    summary = json.loads((tmp_path / "comparison_summary.json").read_text())["models"]
    assert summary["M+G"]["seeds"] == [0, 3]
    reward = table["reward"][2:]
    assert summary["M+G"]["metrics"]["reward"] == {
        "mean": pytest.approx(reward.mean()), "std": pytest.approx(reward.std(ddof=1)), "n": 2,
    }  # fmt: skip
    assert not found.failures and not found.interrupted and found.skipped == 0


def test_each_run_has_its_models_settings(tmp_path: Path, settings: Settings) -> None:
    run_experiments(["s+g", "my:Decider+gobi"], (3,), settings, tmp_path, run=made_results.fake_run)
    names = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert names == ["S+G-seed3", "my%3ADecider+gobi-seed3"]
    own = Settings.from_toml(tmp_path / "runs" / "S+G-seed3" / "settings.toml").run
    assert (own.decider, own.placer, own.seed) == ("semantic", "gobi", 3)


def test_what_is_complete_is_not_run_again(tmp_path: Path, marks: Path, settings: Settings) -> None:
    run = partial(made_results.counted_run, str(marks))
    run_experiments(["M+G"], (0, 1), settings, tmp_path / "out", run=run)
    shutil.rmtree(tmp_path / "out" / "runs" / "M+G-seed1")
    (tmp_path / "out" / "runs" / ".M+G-seed1.99.part").mkdir()  # as a killed run leaves it
    told: List[Tuple[int, int, str]] = []
    found = run_experiments(
        MODELS, (0, 1), settings, tmp_path / "out", progress=lambda *x: told.append(x), run=run
    )
    assert calls(marks) == ["M+G 0", "M+G 1", "SplitPlace 0", "SplitPlace 1", "M+G 1"]
    assert found.skipped == 1 and len(found.frame) == 4
    assert [one[:2] for one in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_other_settings_in_the_same_folder_are_refused(
    tmp_path: Path, marks: Path, settings: Settings
) -> None:
    run_experiments(["M+G"], (0,), settings, tmp_path, run=made_results.fake_run)
    before = contents(tmp_path)
    run = partial(made_results.counted_run, str(marks))
    with pytest.raises(ResultExistsError, match="other settings"):
        run_experiments(MODELS, (0,), settings.replace(arrivals={"rate": 9.0}), tmp_path, run=run)
    assert calls(marks) == []
    assert {name: before[name] for name in before} == {
        k: v for k, v in contents(tmp_path).items() if k in before
    }


def test_a_damaged_run_is_named(tmp_path: Path, settings: Settings) -> None:
    run_experiments(["M+G"], (0,), settings, tmp_path, run=made_results.fake_run)
    (tmp_path / "runs" / "M+G-seed0" / "complete.json").write_text("{")
    with pytest.raises(DataFileError, match=r"M\+G-seed0.*--resume"):
        run_experiments(["M+G"], (0,), settings, tmp_path, run=made_results.fake_run)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_crash_is_reported_and_stops_nothing(tmp_path: Path, settings: Settings, jobs: int) -> None:
    found = run_experiments(MODELS, (0, 1, 2), settings, tmp_path, jobs, run=made_results.crashing_run)
    (failure,) = found.failures
    assert (failure.model, failure.seed, failure.error) == ("M+G", 1, "RuntimeError: the engine lost a byte")
    assert len(found.frame) == 5
    assert "crashing_run" in (tmp_path / "runs" / "M+G-seed1.traceback.txt").read_text()
    assert json.loads((tmp_path / "failures.json").read_text())[0]["seed"] == 1
    assert "the engine lost a byte" in (tmp_path / "report.html").read_text(encoding="utf-8")
    repaired = run_experiments(MODELS, (0, 1, 2), settings, tmp_path, jobs, run=made_results.fake_run)
    assert not repaired.failures and repaired.skipped == 5 and len(repaired.frame) == 6
    assert not (tmp_path / "runs" / "M+G-seed1.traceback.txt").exists()


def test_a_killed_worker_is_reported_and_stops_nothing(tmp_path: Path, settings: Settings) -> None:
    found = run_experiments(MODELS, (0, 1), settings, tmp_path, 2, run=made_results.killed_run)
    assert [(one.model, one.seed) for one in found.failures] == [("M+G", 1)]
    assert "killed" in found.failures[0].error
    run_experiments(MODELS, (0, 1), settings, tmp_path, run=made_results.fake_run)
    assert not list((tmp_path / "runs").glob(".*.part"))
    assert len(found.frame) == 3


def test_nothing_but_crashes_still_writes_the_failures(tmp_path: Path, settings: Settings) -> None:
    found = run_experiments(["M+G"], (1,), settings, tmp_path, run=made_results.crashing_run)
    assert found.frame.empty and len(found.failures) == 1
    assert (tmp_path / "failures.json").exists() and not (tmp_path / "comparison.csv").exists()


def test_ctrl_c_keeps_what_was_finished(tmp_path: Path, settings: Settings) -> None:
    def interrupted(own: Settings, model: str) -> RunResult:
        if own.run.seed == 2:
            raise KeyboardInterrupt
        return made_results.made_result(own, model)

    found = run_experiments(["M+G"], (0, 1, 2, 3), settings, tmp_path, run=interrupted)
    assert found.interrupted and list(found.frame["seed"]) == [0, 1]
    assert sorted(os.listdir(tmp_path / "runs")) == ["M+G-seed0", "M+G-seed1"]
    rest = run_experiments(["M+G"], (0, 1, 2, 3), settings, tmp_path, run=made_results.fake_run)
    assert rest.skipped == 2 and not rest.interrupted and len(rest.frame) == 4


def test_a_run_that_ended_early_is_not_complete(tmp_path: Path, settings: Settings) -> None:
    found = run_experiments(["M+G"], (0,), settings, tmp_path, run=made_results.short_run)
    assert found.interrupted and found.frame.empty
    assert os.listdir(tmp_path / "runs") == []


def test_bad_requests_are_refused_before_anything_runs(
    tmp_path: Path, marks: Path, settings: Settings
) -> None:
    run = partial(made_results.counted_run, str(marks))
    for models, seeds, jobs in (((), (0,), 1), (("M+G",), (), 1), (("SplitPlace", "splitplace"), (0,), 1)):
        with pytest.raises(ConfigurationError):
            run_experiments(models, seeds, settings, tmp_path / "out", jobs, run=run)
    with pytest.raises(ConfigurationError, match="jobs is 0"):
        run_experiments(["M+G"], (0,), settings, tmp_path / "out", 0, run=run)
    with pytest.raises(UnknownNameError, match="SplitPlace"):
        run_experiments(["M+G", "X+Y"], (0,), settings, tmp_path / "out", run=run)
    with pytest.raises(UnknownNameError, match="daso"):
        run_experiments(["mab+no-such-placer"], (0,), settings, tmp_path / "out")
    assert calls(marks) == [] and not (tmp_path / "out").exists()
