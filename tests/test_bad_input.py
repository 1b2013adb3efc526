"""Nothing but bad inputs to the command: each is refused with exit code 2, one clear message and no traceback.

Every message must say what came, and what is allowed or what to do.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest

from cosco_splitplace.datafiles import DATA_DIR
from cosco_splitplace.regimes import TRAINED

Call = Callable[..., Tuple[int, str, str]]


def refused(call: Call, tmp_path: Path, arguments: Tuple[Any, ...], *parts: str) -> str:
    before = sorted(tmp_path.rglob("*"))
    code, out, err = call(*arguments)
    message = " ".join(err.split())
    assert code == 2, (code, out, message)
    assert out == "" and "Traceback" not in err
    for part in parts:
        assert part in message, message
    assert [path for path in sorted(tmp_path.rglob("*")) if path not in before and path.name != "results"] == []
    return message


DECIDERS = "known: compressed, deadline, deadline-training, gillis, layer, mab, mab-training, random, semantic, unsplit"
PLACERS = "known: daso, daso-priced, daso-set, first-fit, gobi, least-loaded, random"
MODELS = "SplitPlace"
LIGHT = ("--placer", "random", "--decider", "layer")

NAMES: List[Tuple[Tuple[Any, ...], Tuple[str, ...]]] = [
    (("run", "--decider", "greedy"), ("unknown decider 'greedy'", DECIDERS)),
    (("run", "--decider", "Layer", "--placer", "random"), ("unknown decider 'Layer'", DECIDERS)),
    (("run", "--decider", ""), ("unknown decider ''", DECIDERS)),
    (("run", "--placer", "best"), ("unknown placer 'best'", PLACERS)),
    (("run", "--scheduler", "X+G"), ("unknown model 'X+G'", "known: ", "SplitPlace", "M+G")),
    (("run", "--scheduler", "HGP"), ("unknown model 'HGP'", "GOBI")),
    (("run", "--scheduler", ""), ("unknown model ''", MODELS)),
    (("run", "--placer", "random", "--decider", "nowhere:Name"), ("decider 'nowhere:Name' can't be imported",
                                                                  "one of: compressed")),
    (("run", "--placer", "random", "--decider", "math:pi"), ("is a float, not a class or function",)),
    (("run", "--decider", "layer", "--placer", "json:nothing"), ("placer 'json:nothing' can't be imported",)),
    (("run", *LIGHT, "--set", "arrivals.applications=['Mnist']"), ("unknown application 'Mnist'",
                                                                   "known: CIFAR100, FashionMNIST, MNIST")),
    (("run", *LIGHT, "--set", "cluster.host=3"), ("unknown key 'host'", "known: compute_factor, hosts, hosts_file")),
    (("run", *LIGHT, "--set", "machine.hosts=3"), ("unknown table 'machine'", "known: arrivals, bandit, churn")),
    (("run", *LIGHT, "--set", "hosts=3"), ("--set 'hosts=3' is not of the form TABLE.KEY=VALUE",)),
    (("run", *LIGHT, "--set", "cluster.hosts"), ("is not of the form TABLE.KEY=VALUE",)),
    (("run", *LIGHT, "--set", "cluster.hosts=many"), ("hosts is 'many'", "type int")),
    (("run", *LIGHT, "--set", "cluster.hosts=5.5"), ("hosts is 5.5", "type int")),
    (("run", *LIGHT, "--set", "cluster.mobility=1"), ("mobility is 1", "type bool")),
    (("run", "--nonsense"), ("--nonsense",)),
    (("fly",), ("fly",)),
    (("compare", "--models", "SplitPlace,Nobody"), ("unknown model 'Nobody'", "known: ")),
    (("compare", "--models", "greedy+random"), ("unknown decider 'greedy'", DECIDERS)),
    (("compare", "--models", "layer+best"), ("unknown placer 'best'", PLACERS)),
    (("compare", "--models", ","), ("no models to compare",)),
    (("compare", "--models", "layer+random,layer+random"), ("name one twice",)),
    (("compare", "--models", "layer+random", "--seeds", "0"), ("seeds '0' are none", "3,7,10-14")),
    (("compare", "--models", "layer+random", "--seeds", "3-1"), ("runs backwards",)),
    (("compare", "--models", "layer+random", "--seeds", "one"), ("'one'", "3,7,10-14")),
    (("compare", "--models", "layer+random", "--seeds", "-2"), ("-2",)),
    (("compare", "--models", "layer+random", "--jobs", "0"), ("jobs is 0; give at least 1",)),
    (("compare", "--models", "layer+random", "--baseline", "S+G"), ("baseline S+G is none", "compared: L+random")),
    (("bound", "--jobs", "0"), ("jobs is 0; give at least 1",)),
    (("bound", "--evaluations", "1"), ("evaluations is 1; give at least 2",)),
    (("bound", "--seeds", "0"), ("seeds '0' are none",)),
    (("bound", "--regime", "calm"), ("unknown regime 'calm'", "contended")),
    (("split", "ImageNet", "--strategy", "layer"), ("ImageNet", "MNIST")),
    (("split", "MNIST", "--strategy", "channel"), ("channel", "layer", "semantic")),
    (("split", "MNIST", "--strategy", "layer", "--fragments", "0"), ("0",)),
    (("split", "MNIST", "--strategy", "layer", "--fragments", "999"), ("999",)),
    (("split", "MNIST"), ("--strategy",)),
    (("list", "colours"), ("colours", "models")),
    (("train", "placer", "--placer", "random"), ("random", "gobi")),
    (("train", "placer", "--hosts", "500"), ("300",)),
    (("mobility", "make", "--model", "waypoint", "--hosts", "0", "--out", "x.csv"), ("give >= 1",)),
    (("mobility", "make", "--hosts", "5"), ("would replace the shipped one; give --out FILE",)),
    (("mobility", "make", "--out", "x.csv", "--set", "radio.moons=3"), ("there is no 'radio.moons'", "radio.units")),
    (("mobility", "make", "--out", "x.csv", "--set", "radio.units"), ("TABLE.KEY=VALUE",)),
    (("mobility", "make", "--out", "x.csv", "--set", "radio.units=many"), ("must be of type int",)),
    (("mobility", "make", "--out", "x.csv", "--set", "city.lanes=0"), ("city.lanes is 0; give 1 to 6",)),
    (("mobility", "make", "--model", "waypoint", "--out", "x.csv", "--set", "city.lanes=1"), ("for --model sumo",)),
    (("mobility", "show", "none.csv"), ("none.csv is missing",)),
    (("mobility", "show", "--out", "x.gif"), ("ends in .png or .pdf",)),
    (("images", "--models", "X+G"), ("unknown model 'X+G'",)),
]

NUMBERS: List[Tuple[Tuple[Any, ...], Tuple[str, ...]]] = [
    (("--rate", "-1"), ("arrivals.rate is -1.0; give 0 or more",)),
    (("--rate", "nan"), ("[arrivals] rate is nan; it must be a finite number",)),
    (("--rate", "inf"), ("[arrivals] rate is inf; it must be a finite number",)),
    (("--rate", "1e300"), ("arrivals.rate is 1e+300; give at most 1,000,000 tasks an interval",)),
    (("--hosts", "0"), ("cluster.hosts is 0; give at least 1 host",)),
    (("--hosts", "-3"), ("cluster.hosts is -3",)),
    (("--hosts", "three"), ("three",)),
    (("--intervals", "0"), ("run.intervals is 0; give at least 1",)),
    (("--intervals", "1.5"), ("1.5",)),
    (("--seed", "-1"), ("run.seed is -1",)),
    (("--set", "run.interval_s=0"), ("run.interval_s is 0.0; give a positive number of seconds",)),
    (("--set", "arrivals.deadline_scale=0"), ("arrivals.deadline_scale is 0.0; give a positive factor",)),
    (("--set", "arrivals.deadline_scale=inf"), ("finite",)),
    (("--set", "arrivals.batch_min=0"), ("arrivals.batch_min is 0; give at least 1 image",)),
    (("--set", "arrivals.batch_max=10"), ("arrivals.batch_max (10) is below arrivals.batch_min (16000)",)),
    (("--set", "arrivals.batch_max=100000000"), ("fragment 0 of MNIST's layer split needs", "fits on no host",
                                                 "lower arrivals.batch_max")),
    (("--set", "engine.ram_overcommit=0.05"), ("fits on no host",)),
    (("--set", "engine.swap_penalty=-1"), ("engine.swap_penalty is -1",)),
    (("--set", "fragments.cores=0"), ("fragments.cores is 0.0",)),
    (("--set", "surrogate.energy_weight=0.9"), ("it must be 1", "eq. 10")),
]


@pytest.mark.parametrize(("arguments", "parts"), NAMES, ids=lambda one: " ".join(map(str, one))[:60])
def test_names(call: Call, tmp_path: Path, arguments: Tuple[Any, ...], parts: Tuple[str, ...]) -> None:
    refused(call, tmp_path, arguments, *parts)


@pytest.mark.parametrize(("arguments", "parts"), NUMBERS, ids=lambda one: " ".join(map(str, one))[:60])
def test_impossible_numbers(call: Call, tmp_path: Path, arguments: Tuple[Any, ...], parts: Tuple[str, ...]) -> None:
    refused(call, tmp_path, ("run", *LIGHT, *arguments), *parts)


MISSING: Dict[str, Tuple[str, str]] = {
    "arrivals.apps_file": ("apps.json", "cosco-splitplace train applications"),
    "cluster.hosts_file": ("hosts.json", "hosts_file"),
    "cluster.mobility_file": ("trace.csv", "cosco-splitplace mobility make"),
    "bandit.state_file": ("bandit.json", "cosco-splitplace train mab"),
}


@pytest.mark.parametrize("content", [None, "", "{}", "[1, 2]", "not json at all", '{"format": 99}', "\x00\x01"])
@pytest.mark.parametrize("setting", MISSING)
def test_data_files(call: Call, tmp_path: Path, setting: str, content: "str | None") -> None:
    name, remedy = MISSING[setting]
    if content is not None:
        (tmp_path / name).write_text(content)
    arguments = ("run", "--decider", "mab", "--placer", "random", "--set", f"{setting}={name}", "--out", "never")
    refused(call, tmp_path, arguments, name, remedy)


def test_a_data_file_that_is_a_folder(call: Call, tmp_path: Path) -> None:
    (tmp_path / "apps.json").mkdir()
    refused(call, tmp_path, ("run", *LIGHT, "--set", "arrivals.apps_file=apps.json"), "apps.json is damaged")


def test_missing_and_damaged_surrogates(call: Call, tmp_path: Path) -> None:
    weights = ("run", "--placer", "daso", "--set", "surrogate.weights_dir=weights")
    refused(call, tmp_path, weights, "no daso surrogate is trained for 50 hosts",
            "cosco-splitplace train placer --placer daso --hosts 50")  # fmt: skip
    (tmp_path / "weights").mkdir()
    for name in ("daso-50.json", "daso-50.safetensors"):
        (tmp_path / "weights" / name).write_bytes((TRAINED / "contended" / name).read_bytes())
    (tmp_path / "weights" / "daso-50.safetensors").write_bytes(b"\x00" * 100)
    refused(call, tmp_path, weights, "daso-50.safetensors is damaged", "train placer --placer daso --hosts 50")


def test_missing_and_damaged_artifacts(call: Call, tmp_path: Path) -> None:
    content = json.loads((DATA_DIR / "apps.json").read_text())
    (tmp_path / "apps.json").write_text(json.dumps(content))  # its artifacts are not beside it
    code, out, err = call("run", *LIGHT, "--set", "arrivals.apps_file=apps.json", "--out", "never")
    assert code == 2 and out == "" and "Traceback" not in err
    assert "artifacts" in err and "train applications" in " ".join(err.split())
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[run", ("mine.toml", "can't be read")),
        ("[run]\nspeed = 3\n", ("mine.toml: [run]: unknown key 'speed'", "known: decider, drain_intervals, ")),
        ("[world]\n", ("mine.toml: unknown table 'world'", "known: arrivals")),
        ("[run]\nregime = 'calm'\n", ("unknown regime 'calm'", "contended", "slack", "tight-ram")),
        ("run = 3\n", ("mine.toml: [run] must be a table, not 3",)),
        ("[run]\nintervals = '5'\n", ("mine.toml: [run] intervals is '5'", "type int")),
        ("[arrivals]\nrate = -2\n", ("arrivals.rate is -2.0",)),
        ("[arrivals]\nrate = nan\n", ("rate",)),
    ],
)
def test_settings_files(call: Call, tmp_path: Path, text: str, parts: Tuple[str, ...]) -> None:
    (tmp_path / "mine.toml").write_text(text)
    refused(call, tmp_path, ("run", *LIGHT, "--config", "mine.toml"), *parts)


def test_a_settings_file_that_is_not_there(call: Call, tmp_path: Path) -> None:
    refused(call, tmp_path, ("run", "--config", "none.toml"), "no settings file 'none.toml'")


def test_result_folders(call: Call, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_text("mine")
    for command in (("run", *LIGHT), ("compare", "--models", "layer+random", "--seeds", "1")):
        for out in ("there", "file", "file/below"):
            refused(call, tmp_path, (*command, "--out", out), out, "exists already", "never overwritten")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("folder", ["none", "empty"])
def test_nothing_to_resume(call: Call, tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    refused(call, tmp_path, ("run", "--resume", folder), folder)


def test_a_bandit_of_other_applications(call: Call, tmp_path: Path) -> None:
    state = json.loads((TRAINED / "contended" / "bandit.json").read_text())
    del state["layer_estimates_intervals"]["MNIST"]
    (tmp_path / "bandit.json").write_text(json.dumps(state))
    arguments = ("run", "--decider", "mab", "--placer", "random", "--set", "bandit.state_file=bandit.json")
    refused(call, tmp_path, arguments, "trained on the applications CIFAR100, FashionMNIST", "train mab")


@pytest.mark.parametrize("content", [None, "{}", "[]"])
def test_inspecting_a_bad_bandit(call: Call, tmp_path: Path, content: "str | None") -> None:
    if content is not None:
        (tmp_path / "bandit.json").write_text(content)
    refused(call, tmp_path, ("inspect", "mab", "--state", "bandit.json"), "bandit.json", "train mab")
