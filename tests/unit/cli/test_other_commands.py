"""compare, list, inspect, split, mobility: small but whole."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, Tuple

import pytest

from cosco_splitplace.deciders import DECIDERS
from cosco_splitplace.mobility.trace import read_trace
from cosco_splitplace.placement import PLACERS
from cosco_splitplace.rewards.metrics import METRICS
from cosco_splitplace.splitting.artifacts import load_artifact

Call = Callable[..., Tuple[int, str, str]]
WORLD = ("--hosts", 10, "--rate", 1.5, "--intervals", 4)
MODELS = "S+least-loaded,L+first-fit"


def contents(folder: Path) -> Dict[str, bytes]:
    left_out = ("timing.", "versions.", "report.html")
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(left_out))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if path.suffix != ".png"}


def test_compare_with_one_and_two_workers(call: Call, tmp_path: Path) -> None:
    found = {}
    for jobs in (1, 2):
        code, out, err = call("compare", "--models", MODELS, "--seeds", "3,5", *WORLD, "--jobs", jobs,
                              "--out", f"jobs-{jobs}", "--json")  # fmt: skip
        assert code == 0, err
        found[jobs] = json.loads(out)
    alone, together = contents(tmp_path / "jobs-1"), contents(tmp_path / "jobs-2")
    assert sorted(alone) == sorted(together)
    assert [name for name in alone if alone[name] != together[name]] == []
    assert any(name.endswith("fragments.csv") for name in alone)
    assert set(found[1]["metrics"]) == set(MODELS.split(","))
    for model in found[1]["metrics"]:
        assert set(found[1]["metrics"][model]) == {one.name for one in METRICS}
        energy = found[1]["metrics"][model]["energy_mwh"]
        runs = [one["energy_mwh"] for one in found[1]["runs"] if one["model"] == model]
        assert energy["n"] == 2 and energy["mean"] == pytest.approx(sum(runs) / 2)
        assert energy["std"] == pytest.approx(abs(runs[0] - runs[1]) / 2**0.5)
        assert [one["seed"] for one in found[1]["runs"] if one["model"] == model] == [3, 5]
    assert found[1]["seeds"] == dict.fromkeys(MODELS.split(","), 2)
    assert found[1]["failures"] == [] and found[1]["interrupted"] is False


def test_compare_prints_mean_and_spread(call: Call, tmp_path: Path) -> None:
    code, out, err = call("compare", "--models", MODELS, "--seeds", 2, *WORLD, "--jobs", 1, "--out", "both")
    assert code == 0, err
    assert "S+least-loaded" in out and "±" in out
    assert (tmp_path / "both" / "report.html").is_file()
    assert list((tmp_path / "both" / "plots").glob("*.png"))


def test_list_shows_everything_there_is(call: Call) -> None:
    code, out, _ = call("list")
    assert code == 0
    models = ["SplitPlace", "M+G", "S+G", "L+G", "R+D", "MC", "Gillis"]
    for name in [*DECIDERS, *PLACERS, *models, "MNIST", "FashionMNIST", "CIFAR100"]:
        assert name in out, name
    code, out, _ = call("list", "--json")
    assert [one["name"] for one in json.loads(out)["deciders"]] == list(DECIDERS)
    code, out, _ = call("list", "metrics", "--json")
    assert [one["name"] for one in json.loads(out)["metrics"]] == [one.name for one in METRICS]
    code, out, _ = call("list", "settings")
    assert code == 0 and "engine.ram_overcommit" in out


def test_inspect_shows_the_bandit(call: Call) -> None:
    code, out, _ = call("inspect", "mab")
    assert code == 0
    for shown in ("MNIST", "CIFAR100", "high", "low", "layer", "semantic", "epsilon", "bandit.json"):
        assert shown in out, shown
    code, out, _ = call("inspect", "mab", "--json")
    found = json.loads(out)
    assert found["intervals"] == 200 and found["R.MNIST"] > 0 and 0 < found["epsilon"] <= 1
    assert {"Q.high.layer", "N.low.semantic", "rho"} <= set(found)


def test_inspect_shows_gillis(call: Call) -> None:
    code, out, _ = call("inspect", "gillis")
    assert code == 0
    for shown in ("MNIST", "CIFAR100", "below 3", "5 to <7", "from 48,000", "layer", "compressed", "gillis.json"):
        assert shown in out, shown
    found = json.loads(call("inspect", "gillis", "--json")[1])
    assert found["intervals"] == 1000 and 0 < found["epsilon"] < 1 and 0 < found["Q.MNIST.compressed"] <= 1


def test_gillis_is_trained_and_used(call: Call, tmp_path: Path) -> None:
    small = ("--hosts", 8, "--rate", 1, "--placer", "least-loaded", "--seed", 3)
    for name in ("a.json", "b.json"):
        code, out, err = call("train", "gillis", *small, "--set", "gillis.training_intervals=6", "--out", name)
        assert code == 0 and name in out and "inspect gillis" in out, err
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    state = json.loads((tmp_path / "a.json").read_text())
    assert state["intervals"] == 6 and state["origin"]["seed"] == 3
    code, out, err = call("run", "--decider", "gillis", *small, "--intervals", 3, "--set", "gillis.state_file=a.json",
                          "--no-report", "--json")  # fmt: skip
    assert code == 0, err


def test_split_writes_an_artifact_that_loads(call: Call, tmp_path: Path) -> None:
    code, out, err = call("split", "MNIST", "--strategy", "layer", "--fragments", 2, "--out", "artifact", "--json")
    assert code == 0, err
    written = json.loads(out)
    assert len(written["fragments"]) == 2 and written["accuracy"] > 0.9
    network = load_artifact(tmp_path / "artifact")
    assert network.application == "MNIST"
    assert sorted(path.name for path in (tmp_path / "artifact").iterdir()) == [
        "fragment-0.safetensors", "fragment-1.safetensors", "manifest.json",
    ]  # fmt: skip
    code, _, err = call("split", "MNIST", "--strategy", "layer", "--fragments", 2, "--out", "artifact")
    assert code == 2 and "artifact" in err and "Traceback" not in err


def test_mobility_make(call: Call, tmp_path: Path) -> None:
    arguments = ("mobility", "make", "--hosts", 4, "--intervals", 6, "--seed", 2)
    for name in ("a.csv.gz", "b.csv.gz"):
        code, out, err = call(*arguments, "--out", name)
        assert code == 0, err
        assert "6 intervals of 4 hosts" in out
    assert read_trace(str(tmp_path / "a.csv.gz")).bandwidth_share.shape == (6, 4)
    code, out, err = call("run", "--decider", "semantic", "--placer", "random", "--hosts", 4, "--intervals", 2,
                          "--set", "cluster.mobility_file=a.csv.gz", "--no-report", "--json")  # fmt: skip
    assert code == 0, err


def test_the_module_is_the_command(tmp_path: Path) -> None:
    arguments = [
        sys.executable, "-m", "cosco_splitplace", "run", "--json", "--decider", "layer", "--placer", "least-loaded",
        "--hosts", "10", "--rate", "1.5", "--intervals", "3", "--no-report",
    ]  # fmt: skip
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found["metrics"]) == {one.name for one in METRICS}
    assert found["metrics"]["layer_fraction"] == 1.0


def test_progress_and_notes_go_to_standard_error(call: Call) -> None:
    code, out, err = call("run", "--decider", "semantic", "--placer", "random", *WORLD, "--no-report")
    assert code == 0
    assert "intervals" in err and "4/4" in err
    assert "4/4" not in out


@pytest.mark.parametrize(
    "command", [(), ("run",), ("compare",), ("split",), ("train",), ("train", "mab"), ("train", "gillis"),
                ("inspect",), ("list",), ("mobility", "make")],
)  # fmt: skip
def test_every_command_helps(call: Call, command: Tuple[str, ...]) -> None:
    code, out, _ = call(*command, "--help")
    assert code == 0 and out.startswith("Usage: ") and "--help" in out and "\n  " in out
