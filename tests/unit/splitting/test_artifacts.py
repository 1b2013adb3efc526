"""Artifacts: what is saved is what is loaded, and nothing damaged is ever loaded."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cosco_splitplace.errors import DataFileError
from cosco_splitplace.splitting.artifacts import load_artifact, load_fragment, save_artifact
from cosco_splitplace.splitting.split_network import SplitNetwork

REMEDY = "cosco-splitplace train applications"
IMAGES = np.random.default_rng(0).integers(0, 256, (7, 1, 6, 6), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["chain", "branches"])
def test_round_trip(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    network: SplitNetwork = request.getfixturevalue(kind)
    written_hash = save_artifact(network, tmp_path / "deep" / "artifact")
    loaded = load_artifact(tmp_path / "deep" / "artifact")
    assert np.array_equal(loaded.logits(IMAGES), network.logits(IMAGES))
    assert loaded.operators == network.operators and loaded.class_groups == network.class_groups
    assert (loaded.application, loaded.split, loaded.structure, loaded.source) == (
        network.application, network.split, network.structure, network.source)
    assert loaded.artifact_hash == written_hash
    assert not any(parameter.requires_grad for part in loaded.fragments for parameter in part.parameters())
    assert [entry.name for entry in (tmp_path / "deep").iterdir()] == ["artifact"]  # no temporary folder is left


def test_the_hash_tells_weights_apart(chain: SplitNetwork, tmp_path: Path) -> None:
    first = save_artifact(chain, tmp_path / "a")
    assert save_artifact(chain, tmp_path / "b") == first
    next(chain.fragments[1].parameters()).add_(1.0)
    assert save_artifact(chain, tmp_path / "a") != first  # and an artifact may replace an artifact


def test_branches_answer_in_class_order(branches: SplitNetwork) -> None:
    pixels = torch.from_numpy(IMAGES)
    first, second = (fragment(pixels).numpy() for fragment in branches.fragments)
    expected = np.stack([second[:, 1], first[:, 0], second[:, 0]], axis=1)  # the groups are (1,) and (2, 0)
    assert np.array_equal(branches.logits(IMAGES), expected)


def test_batches_do_not_change_the_answer(chain: SplitNetwork) -> None:
    assert np.allclose(chain.logits(IMAGES, batch=2), chain.logits(IMAGES), atol=1e-6)
    assert chain.logits(IMAGES[:0]).shape == (0, 3)


@pytest.mark.parametrize("images", [IMAGES.astype(np.float32), IMAGES[:, :, :5], IMAGES[:, 0]])
def test_images_of_another_kind_are_refused(chain: SplitNetwork, images: Any) -> None:
    with pytest.raises(ValueError, match=r"MNIST takes uint8 images \(n, 1, 6, 6\), got"):
        chain.logits(images)


def _change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    change(manifest)
    file.write_text(json.dumps(manifest), encoding="utf-8")


def _truncate_weights(folder: Path) -> None:
    file = folder / "fragment-1.safetensors"
    file.write_bytes(file.read_bytes()[:-1])


def _honest_hash_of_rubbish(folder: Path) -> None:
    (folder / "fragment-1.safetensors").write_bytes(b"rubbish")
    digest = hashlib.sha256(b"rubbish").hexdigest()
    _change_manifest(folder, lambda manifest: manifest["fragments"][1].update(sha256=digest))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), r"manifest\.json is missing"),
        (lambda folder: (folder / "manifest.json").write_text("{"), r"manifest\.json is damaged"),
        (lambda folder: _change_manifest(folder, lambda m: m.update(format=2)), "format 2, expected 1"),
        (lambda folder: _change_manifest(folder, lambda m: m.pop("source")), "'source' is None"),
        (lambda folder: _change_manifest(folder, lambda m: m.update(image_shape=[1, 2])), "three whole numbers"),
        (lambda folder: _change_manifest(folder, lambda m: m.update(structure="tree")), "unknown structure 'tree'"),
        (lambda folder: _change_manifest(folder, lambda m: m.update(class_groups=[[0]])), "no groups of classes"),
        (lambda folder: _change_manifest(folder, lambda m: m["fragments"][0].pop("operators")), "list of operators"),
        (lambda folder: _change_manifest(folder, lambda m: m.update(fragments=["x"])), r"manifest\.json is damaged"),
        (lambda folder: _change_manifest(folder, lambda m: m["fragments"][0]["operators"][1].update(kind="new")),
         "unknown operator 'new'"),
        (lambda folder: _change_manifest(folder, lambda m: m["fragments"][0]["operators"][1].update(out_channels=5)),
         r"fragment-0\.safetensors does not fit its operators"),
        (lambda folder: _change_manifest(folder, lambda m: m["fragments"][1]["tensors"].popitem()),
         r"fragment-1\.safetensors has other tensors"),
        (lambda folder: _change_manifest(folder, lambda m: m["fragments"][1].update(sha256="0" * 64)),
         r"fragment-1\.safetensors has the SHA-256"),
        (_truncate_weights, r"fragment-1\.safetensors has the SHA-256"),
        (_honest_hash_of_rubbish, r"fragment-1\.safetensors is damaged"),
        (lambda folder: (folder / "fragment-0.safetensors").unlink(), r"fragment-0\.safetensors cannot be read"),
    ],
)
def test_damage_names_the_file_and_the_remedy(
    damage: Callable[[Path], object], message: str, chain: SplitNetwork, tmp_path: Path
) -> None:
    folder = tmp_path / "artifact"
    save_artifact(chain, folder)
    damage(folder)
    with pytest.raises(DataFileError, match=message) as caught:
        load_artifact(folder)
    assert REMEDY in str(caught.value)


def test_a_folder_that_is_no_artifact_is_left_alone(chain: SplitNetwork, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep me")
    with pytest.raises(DataFileError, match="is no artifact"):
        save_artifact(chain, tmp_path)
    assert (tmp_path / "precious").read_text() == "keep me"


def test_a_failed_save_leaves_the_old_artifact(
    chain: SplitNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = save_artifact(chain, tmp_path / "artifact")

    def fail(*_arguments: object) -> bytes:
        raise OSError("disk full")

    monkeypatch.setattr("cosco_splitplace.splitting.artifacts.save_tensors", fail)
    with pytest.raises(OSError, match="disk full"):
        save_artifact(chain, tmp_path / "artifact")
    assert load_artifact(tmp_path / "artifact").artifact_hash == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_fragment_that_is_not_there_names_the_range(chain: SplitNetwork, tmp_path: Path) -> None:
    save_artifact(chain, tmp_path / "artifact")
    with pytest.raises(ValueError, match="fragments 0 to 1, got 2"):
        load_fragment(tmp_path / "artifact", 2)


def test_weights_that_are_not_the_operators_are_not_written(chain: SplitNetwork, tmp_path: Path) -> None:
    odd = dataclasses.replace(chain, fragments=chain.fragments[::-1])
    with pytest.raises(ValueError, match="fragment 0 are not those of its operators"):
        save_artifact(odd, tmp_path / "artifact")
    assert list(tmp_path.iterdir()) == []
