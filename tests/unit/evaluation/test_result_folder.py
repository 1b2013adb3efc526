from __future__ import annotations

import csv
import dataclasses
import json
import math
from pathlib import Path
from typing import Any, Callable, Dict, List

import made_results
import pytest

from cosco_splitplace.config import Settings
from cosco_splitplace.errors import DataFileError, ResultExistsError
from cosco_splitplace.evaluation.result_folder import new_result_folder, read_metrics, write_result
from cosco_splitplace.records import RunResult
from cosco_splitplace.rewards.metrics import METRICS

NOT_IDENTICAL = {"versions.json", "timing.json", "timing.csv"}


def strict_json(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def rows_of(path: Path) -> List[Dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture()
def folder(tmp_path: Path, result: RunResult) -> Path:
    write_result(result, tmp_path)
    return tmp_path


def test_folders_are_numbered_and_never_reused(tmp_path: Path) -> None:
    parent = tmp_path / "results"
    assert new_result_folder(None, "run", parent) == parent / "run-001"
    (parent / "run-002").write_text("a file in the way")
    assert new_result_folder(None, "run", parent) == parent / "run-003"
    assert new_result_folder(None, "compare", parent) == parent / "compare-001"


def test_an_existing_folder_is_refused_even_if_empty(tmp_path: Path) -> None:
    assert new_result_folder(tmp_path / "a" / "b", "run").is_dir()
    with pytest.raises(ResultExistsError, match="--out"):
        new_result_folder(tmp_path / "a" / "b", "run")
    (tmp_path / "file").write_text("kept")
    with pytest.raises(ResultExistsError):
        new_result_folder(tmp_path / "file", "run")
    assert (tmp_path / "file").read_text() == "kept"


def test_the_same_seed_gives_the_same_bytes_and_another_wall_clock_changes_timing_only(
    tmp_path: Path, settings: Settings
) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    for folder, slower in ((first, 1.0), (second, 2.0)):
        folder.mkdir()
        result = made_results.made_result(settings)
        intervals = [
            dataclasses.replace(one, scheduling_s=one.scheduling_s * slower) for one in result.intervals
        ]
        metrics = {**result.metrics, "scheduling_s": result.metrics["scheduling_s"] * slower}
        write_result(dataclasses.replace(result, intervals=intervals, metrics=metrics), folder)
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    different = {name for name in names if (first / name).read_bytes() != (second / name).read_bytes()}
    assert different == {"timing.json", "timing.csv"}
    other = tmp_path / "3"
    other.mkdir()
    write_result(made_results.made_result(settings.replace(run={"seed": 1})), other)
    assert (other / "metrics.json").read_bytes() != (first / "metrics.json").read_bytes()


def test_every_json_is_strictly_valid_and_tells_the_same_as_the_csv(folder: Path) -> None:
    strict_json((folder / "metrics.json").read_text(encoding="utf-8"))
    for stem in ("tasks", "intervals", "hosts", "fragments"):
        lines = [
            strict_json(line) for line in (folder / f"{stem}.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        table = rows_of(folder / f"{stem}.csv")
        assert len(lines) == len(table) > 0
        assert list(lines[0]) == list(table[0])
        for line, row in zip(lines, table):
            for name, value in line.items():
                text = (
                    ";".join(map(str, value))
                    if isinstance(value, list)
                    else ""
                    if value is None
                    else str(value)
                )
                assert row[name] == text, (stem, name)


def test_a_row_a_task_finished_or_not(folder: Path, result: RunResult) -> None:
    table = rows_of(folder / "tasks.csv")
    assert [int(row["task_id"]) for row in table] == [one.task_id for one in result.tasks]
    states = [row["state"] for row in table]
    assert states.count("finished") == len(result.outcomes) > 0
    assert states.count("unfinished") == len(result.tasks) - len(result.outcomes) > 0
    unfinished = table[states.index("unfinished")]
    assert (
        unfinished["split"]
        and unfinished["reason"]
        and unfinished["response_s"] == ""
        and unfinished["reward"] == ""
    )
    outcome = result.outcomes[0]
    row = table[outcome.task.task_id]
    assert float(row["response_s"]) == outcome.response_s  # to the last digit
    assert row["hosts"] == ";".join(map(str, outcome.hosts))
    assert row["response_intervals"] == str(outcome.response_intervals)  # a whole number beside gaps
    line = strict_json((folder / "tasks.jsonl").read_text().splitlines()[outcome.task.task_id])
    assert line["hosts"] == list(outcome.hosts) and line["violated"] is outcome.violated


def test_hosts_and_intervals(folder: Path, result: RunResult) -> None:
    table = rows_of(folder / "hosts.csv")
    assert len(table) == 12 * 5
    row = table[3 * 5 + 2]
    assert (row["interval"], row["host"], row["type"]) == ("3", "2", result.hosts.host_types[2])
    assert float(row["energy_wh"]) == result.hosts.energy_wh[3, 2]
    assert math.isclose(sum(float(one["cost_usd"]) for one in table), result.metrics["cost_usd"])
    intervals = rows_of(folder / "intervals.csv")
    assert "scheduling_s" not in intervals[0]
    assert float(intervals[4]["decider.R.MNIST"]) == result.intervals[4].decider["R.MNIST"]
    assert "placer.surrogate_loss" in intervals[0]
    assert float(intervals[4]["broker_sent_mb"]) == result.hosts.broker_sent_mb[4]


def test_metrics_are_read_back(folder: Path, result: RunResult) -> None:
    found = read_metrics(folder)
    assert found.metrics == dict(result.metrics)
    assert list(json.loads((folder / "metrics.json").read_text())["metrics"]) == [
        one.name for one in METRICS if one.name != "scheduling_s"
    ]
    assert (found.model, found.seed, found.intervals_done) == ("SplitPlace", 0, 12)
    assert found.data_sources == made_results.SOURCES
    mnist = [one for one in result.outcomes if one.task.application == "MNIST"]
    assert found.applications["MNIST"]["finished"] == len(mnist)
    assert math.isclose(
        found.applications["MNIST"]["accuracy"], sum(one.accuracy for one in mnist) / len(mnist)
    )
    assert Settings.from_toml(folder / "settings.toml") == result.settings


def test_no_task_means_null_not_nan(tmp_path: Path, result: RunResult) -> None:
    nothing = {**result.metrics, "accuracy": math.nan, "response_s": math.inf}
    write_result(dataclasses.replace(result, metrics=nothing), tmp_path)
    document = strict_json((tmp_path / "metrics.json").read_text())
    assert document["metrics"]["accuracy"] is None and document["metrics"]["response_s"] is None
    assert math.isnan(read_metrics(tmp_path).metrics["accuracy"])


def _without(key: str) -> Callable[[str], str]:
    def damage(text: str) -> str:
        document = json.loads(text)
        del document["metrics"][key]
        return json.dumps(document)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:40], lambda text: "[]", lambda text: text.replace('"version": 1', '"version": 99'),
        lambda text: text.replace('"seed": 0', '"seed": null'), _without("reward"),
    ],
)  # fmt: skip
def test_damage_names_the_file_and_what_to_do(folder: Path, damage: Callable[[str], str]) -> None:
    path = folder / "metrics.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(DataFileError, match=r"metrics\.json.*repeat"):
        read_metrics(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "timing.json").unlink()
    with pytest.raises(DataFileError, match=r"timing\.json is missing"):
        read_metrics(folder)


def test_no_temporary_file_is_left(folder: Path) -> None:
    assert not [
        path.name for path in folder.iterdir() if path.name.startswith(".") or path.name.endswith(".part")
    ]
    assert {path.name for path in folder.iterdir()} >= {"settings.toml", "metrics.json", *NOT_IDENTICAL}
