"""``cosco-splitplace run``: what it writes, prints and refuses."""
from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest

from cosco_splitplace.config import Settings
from cosco_splitplace.rewards.metrics import METRICS

Call = Callable[..., Tuple[int, str, str]]
SMALL = ("--placer", "least-loaded", "--decider", "semantic", "--hosts", 10, "--rate", 1.5, "--intervals", 5)
DATA = (
    "settings.toml", "tasks.csv", "tasks.jsonl", "intervals.csv", "intervals.jsonl", "hosts.csv", "hosts.jsonl",
    "fragments.csv", "fragments.jsonl", "metrics.json",
)  # fmt: skip


def rows(path: Path) -> List[Dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def run_json(call: Call, *arguments: Any) -> Dict[str, Any]:
    code, out, err = call("run", *arguments, "--json")
    assert code == 0, err
    return json.loads(out)  # one object and nothing else


def test_tables_and_a_whole_folder(call: Call, tmp_path: Path) -> None:
    code, out, err = call("run", *SMALL, "--out", "result")
    assert code == 0, err
    folder = tmp_path / "result"
    assert {path.name for path in folder.iterdir()} >= {*DATA, "timing.csv", "timing.json", "report.html", "plots"}
    assert len(list((folder / "plots").glob("*.png"))) >= 3
    assert "reward" in out.lower() and "result" in out
    assert "Traceback" not in err
    intervals = rows(folder / "intervals.csv")
    assert [int(one["interval"]) for one in intervals] == list(range(len(intervals)))
    assert len(intervals) >= 5 and not any(int(one["arrived"]) for one in intervals[5:])  # the rest only drains
    assert len(rows(folder / "hosts.csv")) == len(intervals) * 10
    assert len(rows(folder / "tasks.csv")) == sum(int(one["arrived"]) for one in intervals) > 0


def test_json_is_one_object_with_every_metric(call: Call, tmp_path: Path) -> None:
    found = run_json(call, *SMALL, "--no-report", "--out", "result")
    assert set(found["metrics"]) == {one.name for one in METRICS}
    assert (found["model"], found["seed"], found["intervals_done"]) == ("S+least-loaded", 0, 5)
    assert found["folder"] == "result" and found["settings"]["cluster"]["hosts"] == 10
    assert set(found["data_sources"]) == {"MNIST", "FashionMNIST", "CIFAR100"}
    written = json.loads((tmp_path / "result" / "metrics.json").read_text())["metrics"]
    assert {name: value for name, value in found["metrics"].items() if name != "scheduling_s"} == written
    assert not (tmp_path / "result" / "report.html").exists()


def test_a_metric_without_a_value_is_null(call: Call) -> None:
    found = run_json(call, *SMALL[:-2], "--intervals", 1, "--set", "arrivals.rate=0", "--no-report")
    assert found["metrics"]["reward"] is None and found["metrics"]["tasks"] == 0


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(call: Call, tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        run_json(call, *SMALL, "--seed", seed, "--no-report", "--out", name)
    for name in DATA:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert (tmp_path / "a" / "tasks.csv").read_bytes() != (tmp_path / "c" / "tasks.csv").read_bytes()


@pytest.mark.parametrize("model", ["SplitPlace", "GOBI"])
def test_the_learning_models_give_the_same_bytes_too(call: Call, tmp_path: Path, model: str) -> None:
    for name in ("a", "b"):
        run_json(call, "--scheduler", model, "--intervals", 4, "--no-report", "--out", name)
    for name in DATA:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    losses = [one["placer.loss"] for one in rows(tmp_path / "a" / "intervals.csv")]
    assert any(losses)


def test_folders_are_numbered(call: Call, tmp_path: Path) -> None:
    for number in (1, 2):
        found = run_json(call, *SMALL, "--no-report")
        assert found["folder"] == f"results/S+least-loaded-seed0-00{number}"
        assert (tmp_path / found["folder"] / "metrics.json").is_file()


def test_the_written_settings_repeat_the_run(call: Call, tmp_path: Path) -> None:
    run_json(call, *SMALL, "--seed", 5, "--set", "arrivals.deadline_scale=1.5", "--no-report", "--out", "a")
    assert Settings.from_toml(tmp_path / "a" / "settings.toml").arrivals.deadline_scale == 1.5
    run_json(call, "--config", "a/settings.toml", "--no-report", "--out", "b")
    for name in DATA:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_what_is_given_later_wins(call: Call, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[run]\ndecider = "layer"\nplacer = "random"\nseed = 3\n[cluster]\nhosts = 4\n')
    found = run_json(call, "--config", "mine.toml", "--scheduler", "first-fit", "--decider", "semantic", "--seed", 4,
                     "--intervals", 2, "--set", "run.seed=9", "--set", "arrivals.applications=['MNIST']",
                     "--set", "arrivals.rate=2", "--no-report")  # fmt: skip
    run = found["settings"]["run"]
    assert (run["decider"], run["placer"], run["seed"], run["intervals"]) == ("semantic", "first-fit", 9, 2)
    assert found["settings"]["cluster"]["hosts"] == 4
    assert found["settings"]["arrivals"]["rate"] == 2.0 and set(found["data_sources"]) == {"MNIST"}


@pytest.mark.parametrize(
    ("scheduler", "decider", "placer", "model"),
    [("L+G", "layer", "gobi", "L+G"), ("splitplace", "mab", "daso", "SplitPlace"), ("R+D", "random", "daso", "R+D")],
)
def test_the_papers_names(call: Call, scheduler: str, decider: str, placer: str, model: str) -> None:
    found = run_json(call, "--scheduler", scheduler, "--intervals", 2, "--no-report")
    assert found["model"] == model
    assert (found["settings"]["run"]["decider"], found["settings"]["run"]["placer"]) == (decider, placer)


def test_a_decider_of_ones_own(call: Call) -> None:
    found = run_json(call, *SMALL, "--decider", "slow_parts:SlowDecider", "--no-report")
    assert found["model"] == "slow_parts:SlowDecider+least-loaded"
    assert found["folder"] == "results/slow_parts-SlowDecider+least-loaded-seed0-001"
    plain = run_json(call, *SMALL, "--no-report")
    for name, value in plain["metrics"].items():
        if name != "scheduling_s":
            assert found["metrics"][name] == value


def test_one_host_is_enough(call: Call) -> None:
    found = run_json(call, "--decider", "semantic", "--placer", "first-fit", "--hosts", 1, "--rate", 0.4,
                     "--intervals", 6, "--seed", 2, "--no-report")  # fmt: skip
    assert found["metrics"]["fairness"] == pytest.approx(1.0)


def test_a_trained_surrogate_of_ones_own(call: Call, tmp_path: Path) -> None:
    world = ("--hosts", 4, "--rate", 0.8, "--set", "surrogate.trace_intervals=40", "--set", "surrogate.epochs=2")
    code, out, err = call("train", "placer", "--placer", "daso", *world, "--out", "weights")
    assert code == 0, err
    assert "weights" in out and (tmp_path / "weights" / "daso-4.safetensors").is_file()
    found = run_json(call, "--scheduler", "M+D", "--hosts", 4, "--rate", 0.8, "--intervals", 4,
                     "--set", "surrogate.weights_dir=weights", "--no-report")  # fmt: skip
    assert found["model"] == "SplitPlace"


def test_a_trained_bandit_of_ones_own(call: Call, tmp_path: Path) -> None:
    code, _, err = call("train", "mab", "--placer", "least-loaded", "--hosts", 10, "--rate", 1.5,
                        "--set", "bandit.training_intervals=12", "--out", "bandit.json")  # fmt: skip
    assert code == 0, err
    state = json.loads((tmp_path / "bandit.json").read_text())
    assert state["intervals"] == 12 and sum(map(sum, state["counts"])) > 0
    found = run_json(call, *SMALL, "--decider", "mab", "--set", "bandit.state_file=bandit.json", "--no-report")
    assert math.isfinite(found["metrics"]["energy_mwh"])


class TestRefused:
    def test_an_existing_folder_is_left_alone(self, call: Call, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("precious")
        code, out, err = call("run", *SMALL, "--out", "mine")
        assert code == 2 and out == ""
        assert "mine exists already and results are never overwritten" in err
        assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]

    def test_a_refused_run_leaves_no_folder(self, call: Call, tmp_path: Path) -> None:
        code, _, _ = call("run", *SMALL, "--decider", "nobody", "--out", "mine")
        assert code == 2 and not (tmp_path / "mine").exists()

    def test_a_complete_run_is_not_resumed(self, call: Call) -> None:
        run_json(call, *SMALL, "--no-report", "--out", "a")
        code, _, err = call("run", "--resume", "a")
        assert code == 2 and "is complete (5 intervals); there is nothing to resume" in err

    @pytest.mark.parametrize(
        ("option", "value"), [("--hosts", 5), ("--out", "b"), ("--set", "run.seed=3"), ("--seed", 0), ("--rate", 0)]
    )
    def test_resuming_takes_no_other_settings(self, call: Call, option: str, value: object) -> None:
        run_json(call, *SMALL, "--no-report", "--out", "a")
        code, _, err = call("run", "--resume", "a", option, value)
        assert code == 2 and "--resume takes its settings from a" in err and option in err
