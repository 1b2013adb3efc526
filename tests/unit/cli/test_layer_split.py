"""split --strategy layer of any model, and fragments inspect: small but whole."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Callable, List, Tuple

import pytest

from cosco_splitplace.datafiles import DATA_DIR

Call = Callable[..., Tuple[int, str, str]]
MODEL = ("split", "graph_networks:skipping", "--strategy", "layer", "--input-shape", "3,8,8", "--batch", 2)


def test_split_and_inspect(call: Call, tmp_path: Path) -> None:
    code, out, err = call(*MODEL, "--fragments", 2, "--precision", "float16", "--out", "out", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["model"] == "graph_networks:skipping" and len(found["fragments"]) == 2
    assert 0 < found["difference"] < 1e-2
    first, last = found["fragments"]
    assert first["input_bytes"] == 3 * 64 * 4 and last["output_bytes"] == 5 * 4
    assert first["output_bytes"] == last["input_bytes"]
    assert first["measured_peak_mb"] > first["measured_runtime_mb"] > 50
    code, out, err = call("fragments", "inspect", "out", "--batch", 2, "--json", "--draw", "split.png")
    assert code == 0, err
    again = json.loads(out)
    assert again["settings"]["cuts"] == found["cuts"]
    assert [one["multiply_adds"] for one in again["fragments"]] == [one["multiply_adds"] for one in found["fragments"]]
    assert (tmp_path / "split.png").read_bytes().startswith(b"\x89PNG")
    code, out, err = call("fragments", "inspect", "out", "--draw", "split.svg")
    assert code == 0 and "picture in split.svg" in out
    for shown in ("multiply-adds and bytes for one input", "weights", "rameters", "share", "RAM"):
        assert shown in out, shown
    numbers = found["fragments"][1]
    assert f"{numbers['parameters'] / 1e3:,.1f}" in out and f"{numbers['input_bytes'] / 1e3:,.0f}" in out
    drawn = (tmp_path / "split.svg").read_text()
    assert "<svg" in drawn
    call("fragments", "inspect", "out", "--draw", "again.svg")
    assert (tmp_path / "again.svg").read_text() == drawn


def test_split_for_hosts_and_for_ram(call: Call) -> None:
    hosts = DATA_DIR / "hosts.json"
    code, out, err = call(*MODEL, "--fragments", "auto", "--hosts", hosts, "--batches", 4, "--out", "a")
    assert code == 0, err
    assert "planned makespan" in out and "the same bits as the whole model" in out
    code, out, err = call(*MODEL, "--fragments", "auto", "--ram-mb", 2000, "--out", "b", "--json")
    assert code == 0, err
    assert len(json.loads(out)["fragments"]) == 1


@pytest.mark.parametrize("split", ["layer", "semantic"])
def test_inspect_a_shipped_artifact(call: Call, split: str) -> None:
    folder = DATA_DIR / "artifacts" / "MNIST" / split
    code, out, err = call("fragments", "inspect", folder, "--json")
    assert code == 0, err
    shipped = json.loads((DATA_DIR / "apps.json").read_text())["applications"]["MNIST"]["splits"][split]["fragments"]
    for key in ("multiply_adds", "parameters", "input_bytes", "output_bytes"):
        assert [one[key] for one in json.loads(out)["fragments"]] == [one[key] for one in shipped]
    code, _, err = call("fragments", "inspect", folder, "--measure")
    assert code == 2 and "leave --measure out" in " ".join(err.split())


@pytest.mark.parametrize(("arguments", "says"), [
    ([*MODEL, "--fragments", "auto"], "--fragments auto needs something to aim at"),
    ([*MODEL, "--fragments", "many"], "'many' is neither a whole number nor 'auto'"),
    ([*MODEL, "--batch", "0"], "--batch is 0; give a positive number"),
    ([*MODEL, "--hosts", "nowhere.json"], "nowhere.json is missing"),
    (["split", "graph_networks:skipping", "--strategy", "layer", "--input-shape", "3,x"], "'3,x' is no shape"),
    (["split", "graph_networks:skipping", "--strategy", "semantic"], "goes with --strategy layer only"),
    (["split", "MNIST", "--strategy", "semantic", "--precision", "int8"], "--precision goes with --strategy"),
    (["split", "graph_networks:DependsOnData", "--strategy", "layer", "--input-shape", "4"], "graph_networks.py:"),
    (["fragments", "inspect", "nothing"], "is missing"),
])
def test_mistakes_are_explained_and_write_nothing(call: Call, tmp_path: Path, arguments: List[str], says: str) -> None:
    code, _, err = call(*arguments)
    assert code == 2 and says in " ".join(err.split()), err
    assert not [one for one in tmp_path.rglob("*") if one.is_file()]


@pytest.mark.parametrize(("arguments", "says"), [
    (["--fragments", "9"], "can be cut into 1 to 3 fragments"),
    (["--fragments", "2", "--ram-mb", "10"], "the smallest limit that one can keep is"),
    (["--fragments", "auto", "--ram-mb", "10"], "the smallest limit that one can keep is"),
])
def test_impossible_cuts_write_nothing(call: Call, tmp_path: Path, arguments: List[str], says: str) -> None:
    code, _, err = call(*MODEL, *arguments, "--out", "out")
    assert code == 2 and says in " ".join(err.split()), err
    assert list(tmp_path.iterdir()) == []
