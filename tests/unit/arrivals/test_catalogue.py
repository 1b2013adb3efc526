"""Reading the catalogue of applications, and refusing a bad one."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

from cosco_splitplace.arrivals.catalogue import BRANCHES, CHAIN, load_catalogue
from cosco_splitplace.errors import DataFileError, UnknownNameError

PROFILE = {
    "multiply_adds": 1000, "input_bytes": 784, "output_bytes": 40, "ram_base_mb": 200.0, "ram_per_image_kb": 50,
    "weights_bytes": 9000,
}  # fmt: skip


def content() -> Dict[str, Any]:
    split = {"structure": "chain", "artifact": "X/layer", "accuracy": 0.9, "fragments": [dict(PROFILE)]}
    application = {"source": "made", "deadline_scale_intervals": 7, "splits": {"layer": split}}
    return {"format": 1, "applications": {"X": application}}


def written(folder: Path, value: Any) -> str:
    path = folder / "apps.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return str(path)


def test_what_is_read(tmp_path: Path) -> None:
    found = load_catalogue(written(tmp_path, content()))
    assert list(found) == ["X"]
    application = found["X"]
    assert (application.data_source, application.deadline_scale_intervals) == ("made", 7.0)
    split = application.split("layer")
    assert (split.structure, split.accuracy) == (CHAIN, 0.9)
    assert split.artifact == tmp_path / "artifacts" / "X" / "layer"
    assert (split.fragments[0].multiply_adds, split.fragments[0].ram_per_image_kb) == (1000, 50.0)


def test_the_shipped_catalogue_is_the_issues() -> None:
    found = load_catalogue()
    assert list(found) == ["MNIST", "FashionMNIST", "CIFAR100"]
    for application in found.values():
        layer, semantic = application.split("layer"), application.split("semantic")
        assert (layer.structure, len(layer.fragments)) == (CHAIN, 4)
        assert (semantic.structure, len(semantic.fragments)) == (BRANCHES, 5)
        assert semantic.accuracy < layer.accuracy
        for before, after in zip(layer.fragments, layer.fragments[1:]):
            assert before.output_bytes == after.input_bytes
        assert {one.input_bytes for one in semantic.fragments} == {layer.fragments[0].input_bytes}
        for split in (layer, semantic):
            assert (split.artifact / "manifest.json").is_file()
    assert list(load_catalogue("", ["CIFAR100", "MNIST"])) == ["CIFAR100", "MNIST"]


def test_the_whole_network_does_the_work_of_its_layers() -> None:
    for application in load_catalogue().values():
        layer, whole = application.split("layer"), application.split("unsplit")
        assert (whole.name, whole.structure, whole.joined) == ("unsplit", CHAIN, 4)
        assert (whole.artifact, whole.accuracy) == (layer.artifact, layer.accuracy)
        (one,) = whole.fragments
        assert one.multiply_adds == sum(part.multiply_adds for part in layer.fragments)
        assert one.weights_bytes == sum((whole.artifact / f"fragment-{i}.safetensors").stat().st_size for i in range(4))
        assert (one.input_bytes, one.output_bytes) == (layer.fragments[0].input_bytes, layer.fragments[3].output_bytes)
        assert "unsplit" not in application.splits


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(UnknownNameError, match="unknown application 'Mnist'; known: CIFAR100, FashionMNIST, MNIST"):
        load_catalogue("", ["Mnist"])
    with pytest.raises(UnknownNameError, match="unknown split of MNIST 'channel'; known: compressed, layer, semantic"):
        load_catalogue()["MNIST"].split("channel")


def test_a_missing_file_names_itself_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"none\.json is missing.*cosco-splitplace train applications"):
        load_catalogue(str(tmp_path / "none.json"))


def change(*path: Any, value: Any = None, drop: bool = False) -> Callable[[Dict[str, Any]], None]:
    def apply(where: Any) -> None:
        for key in path[:-1]:
            where = where[key]
        if drop:
            del where[path[-1]]
        else:
            where[path[-1]] = value

    return apply


X = ("applications", "X")
LAYER = (*X, "splits", "layer")
FRAGMENT = (*LAYER, "fragments", 0)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change("format", value=2), "has format 2, expected 1"),
        (change("applications", drop=True), "'applications' is None, expected dict"),
        (change("applications", value={}), "lists no application"),
        (change(*X, "splits", drop=True), "'splits' is None"),
        (change(*X, "source", value=3), "'source' is 3, expected str"),
        (change(*X, "deadline_scale_intervals", value="7"), "'deadline_scale_intervals' is '7', expected float"),
        (change(*LAYER, "structure", value="ring"), "structure 'ring' of split 'layer' is neither 'chain' nor"),
        (change(*LAYER, "fragments", value=[]), "split 'layer' has no fragments"),
        (change(*LAYER, "accuracy", value=True), "'accuracy' is True, expected float"),
        (change(*FRAGMENT, "multiply_adds", drop=True), "'multiply_adds' is None, expected int"),
        (change(*FRAGMENT, "input_bytes", value=1.5), "'input_bytes' is 1.5, expected int"),
        (change(*FRAGMENT, "ram_base_mb", value=float("nan")), "'ram_base_mb' is nan, expected float"),
        (change(*X, value=[]), "apps.json"),
        (change(*LAYER, value=3), "apps.json"),
        (change(*FRAGMENT, value="small"), "apps.json"),
        (change(*FRAGMENT, "multiply_adds", value=-5), "multiply_adds"),
        (change(*FRAGMENT, "ram_base_mb", value=-1.0), "ram_base_mb"),
    ],
)
def test_damage_is_named(tmp_path: Path, damage: Callable[[Dict[str, Any]], None], message: str) -> None:
    value = content()
    damage(value)
    with pytest.raises(DataFileError, match=message) as caught:
        load_catalogue(written(tmp_path, value))
    assert "apps.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "\ufeff{}"])
def test_what_is_no_catalogue_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataFileError, match=r"apps\.json .*cosco-splitplace train applications"):
        load_catalogue(written(tmp_path, text))
