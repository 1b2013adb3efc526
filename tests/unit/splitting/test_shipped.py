"""The shipped products: whole, as accurate as written down, and of the size that was asked for."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from cosco_splitplace.datafiles import DATA_DIR
from cosco_splitplace.records import SPLITS
from cosco_splitplace.splitting.application_settings import application_names, application_settings
from cosco_splitplace.splitting.artifacts import load_artifact
from cosco_splitplace.splitting.costs import network_cost
from cosco_splitplace.splitting.datasets import load_images
from cosco_splitplace.splitting.split_training import measured_accuracy

CASES = [(name, split) for name in ("MNIST", "FashionMNIST", "CIFAR100") for split in SPLITS]


@pytest.fixture(scope="module")
def apps() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DATA_DIR / "apps.json").read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize(("name", "split"), CASES)
def test_accuracy_is_what_is_written_down(name: str, split: str, apps: dict[str, Any]) -> None:
    entry = apps["applications"][name]
    network = load_artifact(DATA_DIR / "artifacts" / name / split)
    assert network.source == entry["source"]
    images = load_images(name, source=network.source, train=False)
    assert images.held_out_sha256() == network.held_out_sha256
    assert len(images.test_labels) == entry["held_out_images"] and images.synthetic == entry["synthetic"]
    # Another processor may sum in another order: one image in a thousand may fall the other way.
    assert measured_accuracy(network, images) == pytest.approx(entry["splits"][split]["accuracy"], abs=1e-3)


@pytest.mark.parametrize(("name", "split"), CASES)
def test_costs_are_what_is_written_down(name: str, split: str, apps: dict[str, Any]) -> None:
    network = load_artifact(DATA_DIR / "artifacts" / name / split)
    written = apps["applications"][name]["splits"][split]
    assert written["artifact"] == f"{name}/{split}" and written["structure"] == network.structure
    assert len(written["fragments"]) == {"layer": 4, "semantic": 5, "compressed": 1}[split]
    operators = sum(network.operators, ()) if network.structure == "chain" else None
    parts = [network_cost(operators, network.image_shape)] if operators else [
        network_cost(branch, network.image_shape) for branch in network.operators]
    for key in ("multiply_adds", "parameters"):
        assert sum(fragment[key] for fragment in written["fragments"]) == sum(getattr(part, key) for part in parts)
    for fragment in written["fragments"]:
        assert fragment["ram_base_mb"] > 50 and fragment["ram_per_image_kb"] > 1


@pytest.mark.parametrize("name", application_names())
def test_the_chain_answers_as_the_whole(name: str) -> None:
    network = load_artifact(DATA_DIR / "artifacts" / name / "layer")
    images = np.random.default_rng(1).integers(0, 256, (16, *network.image_shape), dtype=np.uint8)
    whole = torch.nn.Sequential(*(module for fragment in network.fragments for module in fragment))
    with torch.no_grad():
        expected = whole(torch.from_numpy(images)).numpy()
    assert np.abs(network.logits(images) - expected).max() <= 1e-5


@pytest.mark.parametrize("name", application_names())
def test_branches_share_nothing_and_answer_for_their_own_classes(name: str) -> None:
    network = load_artifact(DATA_DIR / "artifacts" / name / "semantic")
    pointers = [parameter.data_ptr() for part in network.fragments for parameter in part.parameters()]
    assert len(set(pointers)) == len(pointers)
    images = np.random.default_rng(1).integers(0, 256, (2, *network.image_shape), dtype=np.uint8)
    logits = network.logits(images)
    for branch, group in zip(network.fragments, network.class_groups):
        assert np.allclose(logits[:, list(group)], branch(torch.from_numpy(images)).numpy(), atol=1e-6)
    sizes = {len(group) for group in network.class_groups}
    assert sizes == {application_settings(name).n_classes // 5}


def test_accuracies_are_near_the_papers_table_4(apps: dict[str, Any]) -> None:
    def accuracies(split: str) -> list[float]:
        return [apps["applications"][name]["splits"][split]["accuracy"] for name in application_names()]

    layer, semantic, compressed = (accuracies(split) for split in SPLITS)
    assert np.mean(layer) == pytest.approx(0.932, abs=0.015)
    assert np.mean(semantic) == pytest.approx(0.890, abs=0.015)
    assert np.mean(compressed) == pytest.approx(0.899, abs=0.015)
    for values in (layer, semantic, compressed):
        assert values == sorted(values, reverse=True)  # MNIST highest, CIFAR100 lowest
    assert all(whole > branched for whole, branched in zip(layer, semantic))
    assert all(whole > pruned for whole, pruned in zip(layer, compressed))


def test_compressed_networks_are_physically_smaller(apps: dict[str, Any]) -> None:
    for name in application_names():
        splits = apps["applications"][name]["splits"]
        for key, most in (("multiply_adds", 0.4), ("parameters", 0.5), ("weights_bytes", 0.5)):
            whole, pruned = (sum(one[key] for one in splits[split]["fragments"]) for split in ("layer", "compressed"))
            assert pruned < most * whole


def test_products_are_small_and_name_no_place() -> None:
    files = [DATA_DIR / "apps.json", *(file for file in (DATA_DIR / "artifacts").rglob("*") if file.is_file())]
    assert sum(file.stat().st_size for file in files) < 10_000_000
    for file in files:
        assert DATA_DIR.parent.parent.as_posix().encode() not in file.read_bytes()
