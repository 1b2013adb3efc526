"""The two commands behind the CLI: training applications, and splitting one on request."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cosco_splitplace.errors import ConfigurationError, DataFileError, ResultExistsError
from cosco_splitplace.records import SPLITS
from cosco_splitplace.splitting import applications, profiles
from cosco_splitplace.splitting.application_settings import ApplicationSettings, application_settings
from cosco_splitplace.splitting.applications import split_application, train_applications
from cosco_splitplace.splitting.artifacts import load_artifact
from cosco_splitplace.splitting.datasets import ImageSet
from cosco_splitplace.splitting.split_training import SemanticOptions, train_layer_split

from .conftest import made_up_measurement


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps of training, a few images, and no measuring in child processes."""
    def short(name: str) -> ApplicationSettings:
        settings = application_settings(name)
        training = {split: dataclasses.replace(one, steps=2, batch=8) for split, one in settings.training.items()}
        return dataclasses.replace(settings, training=training, synthetic=settings.synthetic and dataclasses.replace(
            settings.synthetic, train_images=200, held_out_images=100))

    monkeypatch.delenv("COSCO_SPLITPLACE_DATA", raising=False)
    monkeypatch.setattr(applications, "_TRAINING_THREADS", 1)
    monkeypatch.setattr(applications, "application_settings", short)
    monkeypatch.setattr("cosco_splitplace.splitting.datasets.application_settings", short)
    monkeypatch.setattr(profiles, "_measure_in_child", made_up_measurement)


def read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


@pytest.mark.usefixtures("quick")
def test_training_writes_everything_and_repeats_itself(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    threads = torch.get_num_threads()
    files = [train_applications(tmp_path / run, seed=4, applications=["FashionMNIST"],
                                progress=lambda *step: seen.append(step)) for run in ("a", "b")]
    content = read(files[0])
    assert content["format"] == 1 and content["measured"]["command"] == (
        "cosco-splitplace train applications --applications FashionMNIST --seed 4")
    entry = content["applications"]["FashionMNIST"]
    assert (entry["source"], entry["synthetic"], entry["held_out_images"]) == ("synthetic", True, 100)
    assert [len(entry["splits"][split]["fragments"]) for split in SPLITS] == [4, 5, 1]
    assert entry["splits"]["semantic"]["class_groups"] and "class_groups" not in entry["splits"]["layer"]
    for split in SPLITS:
        first, second = (load_artifact(tmp_path / run / "artifacts/FashionMNIST" / split) for run in ("a", "b"))
        assert first.artifact_hash == second.artifact_hash
    assert ("FashionMNIST: training the whole network", 2, 2) in seen
    assert torch.get_num_threads() == threads


@pytest.mark.usefixtures("quick")
def test_training_one_application_keeps_the_others(tmp_path: Path) -> None:
    train_applications(tmp_path, applications=["CIFAR100"])
    before = read(tmp_path / "apps.json")["applications"]["CIFAR100"]
    after = read(train_applications(tmp_path, applications=["FashionMNIST"]))["applications"]
    assert list(after) == ["FashionMNIST", "CIFAR100"] and after["CIFAR100"] == before


@pytest.mark.usefixtures("quick")
def test_layer_split_in_another_number_answers_the_same(tmp_path: Path) -> None:
    written = split_application("FashionMNIST", "layer", 2, tmp_path / "out")
    assert (written.structure, written.synthetic, len(written.fragments)) == ("chain", True, 2)
    shipped = load_artifact(applications.DATA_DIR / "artifacts/FashionMNIST/layer")
    images = np.random.default_rng(0).integers(0, 256, (8, 3, 28, 28), dtype=np.uint8)
    assert np.abs(load_artifact(tmp_path / "out").logits(images) - shipped.logits(images)).max() <= 1e-5


@pytest.mark.usefixtures("quick")
def test_the_compressed_network_ships_whole_and_can_be_cut(tmp_path: Path) -> None:
    shipped = split_application("CIFAR100", "compressed", None, tmp_path / "one")
    assert (shipped.split, shipped.structure, len(shipped.fragments)) == ("compressed", "chain", 1)
    cut = split_application("CIFAR100", "compressed", 2, tmp_path / "two")
    assert (cut.split, len(cut.fragments), cut.accuracy) == ("compressed", 2, shipped.accuracy)
    assert sum(one.multiply_adds for one in cut.fragments) == shipped.fragments[0].multiply_adds


@pytest.mark.usefixtures("quick")
def test_semantic_split_ships_or_trains(tmp_path: Path) -> None:
    shipped = split_application("MNIST", "semantic", 5, tmp_path / "five")
    assert shipped.class_groups == load_artifact(applications.DATA_DIR / "artifacts/MNIST/semantic").class_groups
    assert shipped.accuracy > 0.9
    trained = split_application("MNIST", "semantic", 3, tmp_path / "three")
    assert sorted(len(group) for group in trained.class_groups) == [3, 3, 4] and len(trained.fragments) == 3


@pytest.mark.usefixtures("quick")
def test_branches_may_share_a_stem_and_every_artifact_has_its_own_copy(tmp_path: Path) -> None:
    split_application("MNIST", "semantic", 5, tmp_path / "tree", options=SemanticOptions(stem_stages=1))
    first, second = (load_artifact(tmp_path / "tree").fragments[index].state_dict() for index in (0, 1))
    stem = [name for name in first if int(name.split(".")[0]) < 5]
    assert stem and all(torch.equal(first[name], second[name]) for name in stem)
    assert not torch.equal(first["5.weight"], second["5.weight"])
    split_application("MNIST", "semantic", 3, tmp_path / "apart")
    first, second = (load_artifact(tmp_path / "apart").fragments[index].state_dict() for index in (0, 1))
    assert not torch.equal(first["1.weight"], second["1.weight"])


@pytest.mark.usefixtures("quick")
def test_groups_by_likeness_at_random_and_by_index(tmp_path: Path) -> None:
    groups = {grouping: split_application("MNIST", "semantic", 5, tmp_path / grouping, seed=1,
                                          options=SemanticOptions(grouping, distill=grouping == "learned")).class_groups
              for grouping in ("learned", "random", "index")}
    assert groups["index"] == ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9))
    assert groups["learned"] == load_artifact(applications.DATA_DIR / "artifacts/MNIST/semantic").class_groups
    assert groups["random"] not in (groups["index"], groups["learned"])


@pytest.mark.usefixtures("quick")
def test_a_network_is_pruned_to_the_work_that_is_asked_for(tmp_path: Path) -> None:
    whole = split_application("MNIST", "layer", 1, tmp_path / "whole").fragments[0]
    half = split_application("MNIST", "compressed", None, tmp_path / "half", work=0.5).fragments[0]
    assert 0.45 * whole.multiply_adds < half.multiply_adds <= 0.5 * whole.multiply_adds
    assert half.weights_bytes < 0.75 * whole.weights_bytes  # tensors really shrink


@pytest.mark.usefixtures("quick")
def test_an_application_that_is_not_shipped_is_trained(tmp_path: Path) -> None:
    written = split_application("Digits", "layer", 2, tmp_path / "digits")
    assert (written.source, written.synthetic, len(written.fragments)) == ("scikit-learn", False, 2)
    with pytest.raises(ConfigurationError, match="branches must be 1 to 10"):
        split_application("Digits", "semantic", 11, tmp_path / "more")
    assert not (tmp_path / "more").exists()


@pytest.mark.parametrize(
    ("strategy", "given", "message"),
    [
        ("layer", {"options": SemanticOptions("random")}, "options of semantic, not of layer"),
        ("semantic", {"work": 0.5}, "an option of compressed, not of semantic"),
        ("semantic", {"options": SemanticOptions(stem_stages=4)}, "0 to 3 of the 4 stages"),
        ("compressed", {"work": 0.0}, "above 0 and at most 1"),
        ("compressed", {"work": 1e-9}, "pruning leaves at least"),
    ],
)
def test_impossible_options_are_refused_before_anything_is_trained(
    strategy: str, given: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        split_application("MNIST", strategy, None, tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_an_unknown_grouping_lists_the_known() -> None:
    with pytest.raises(ConfigurationError, match="unknown grouping 'alphabet'; known: index, learned, random"):
        SemanticOptions("alphabet")


@pytest.mark.parametrize(("labels", "message"), [([0, 1, 3], "none of class 2"), ([0, 1, 2, 3], "class 3")])
def test_classes_that_do_not_match_the_data_are_named(labels: list[int], message: str) -> None:
    settings = dataclasses.replace(application_settings("Digits"), n_classes=3 if len(labels) > 3 else 4,
                                   semantic_branches=3)
    pixels = np.zeros((len(labels), 1, 8, 8), np.uint8)
    images = ImageSet("Digits", "published", pixels, np.array(labels), pixels, np.array(labels), settings.n_classes)
    with pytest.raises(ConfigurationError, match=f"Digits has {settings.n_classes} classes, .* have {message}"):
        train_layer_split(settings, images, 0)


@pytest.mark.parametrize(
    ("name", "strategy", "fragments", "message"),
    [
        ("SVHN", "layer", 4, "unknown application 'SVHN'"),
        ("MNIST", "diagonal", 4, "unknown strategy 'diagonal'; known: compressed, layer, semantic"),
        ("MNIST", "layer", 0, "1 to 5 fragments .* got 0"),
        ("MNIST", "layer", 6, "1 to 5 fragments .* got 6"),
        ("MNIST", "compressed", 6, "1 to 5 fragments .* got 6"),
        ("MNIST", "semantic", 11, "1 to 10 .* got 11"),
    ],
)
def test_impossible_splits_are_refused_and_nothing_is_written(
    name: str, strategy: str, fragments: int, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        split_application(name, strategy, fragments, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_in_it_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep me")
    with pytest.raises(ResultExistsError, match="is not empty"):
        split_application("MNIST", "layer", 4, tmp_path)


def test_missing_shipped_artifacts_name_themselves(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"manifest\.json is missing; .* cosco-splitplace train applications"):
        split_application("MNIST", "layer", 4, tmp_path / "out", shipped_dir=tmp_path / "nowhere")


def test_bad_training_arguments_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="unknown application 'SVHN'"):
        train_applications(tmp_path / "out", applications=["MNIST", "SVHN"])
    with pytest.raises(ConfigurationError, match="a seed of 0 or more"):
        train_applications(tmp_path / "out", seed=-1)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("quick")
def test_a_damaged_file_is_made_again_but_not_guessed_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apps.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataFileError, match=r"apps\.json is damaged"):
        train_applications(tmp_path, applications=["FashionMNIST"])
    monkeypatch.setattr(applications, "application_names", lambda: ("FashionMNIST",))
    assert list(read(train_applications(tmp_path))["applications"]) == ["FashionMNIST"]
