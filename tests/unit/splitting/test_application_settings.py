"""The file of applications: what it says, and how mistakes in it are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosco_splitplace.errors import ConfigurationError, DataFileError
from cosco_splitplace.splitting.application_settings import (
    APPLICATIONS_FILE,
    application_names,
    application_settings,
    read_application_settings,
)
from cosco_splitplace.splitting.architectures import whole_network
from cosco_splitplace.splitting.costs import network_cost
from cosco_splitplace.splitting.layer_split import split_layers


def test_the_papers_applications() -> None:
    assert application_names() == ("MNIST", "FashionMNIST", "CIFAR100")
    settings = [application_settings(name) for name in application_names()]
    assert [one.image_shape for one in settings] == [(1, 28, 28), (3, 28, 28), (3, 32, 32)]
    assert [one.n_classes for one in settings] == [10, 10, 100]
    assert [one.deadline_scale_intervals for one in settings] == [7, 9, 14]


def test_work_stands_as_the_deadlines() -> None:
    work = [network_cost(whole_network(application_settings(name)), application_settings(name).image_shape)
            .multiply_adds for name in application_names()]
    assert work[1] / work[0] == pytest.approx(9 / 7, rel=0.1)
    assert work[2] / work[0] == pytest.approx(14 / 7, rel=0.1)


@pytest.mark.parametrize("name", application_names())
def test_layer_fragments_are_balanced_and_little_crosses(name: str) -> None:
    settings = application_settings(name)
    operators = whole_network(settings)
    parts = split_layers(operators, settings.image_shape, settings.layer_fragments)
    total = network_cost(operators, settings.image_shape).multiply_adds
    done = 0
    for end in range(1, len(parts) + 1):
        so_far = network_cost(sum(parts[:end], ()), settings.image_shape)
        assert 0.15 <= (so_far.multiply_adds - done) / total <= 0.40
        done = so_far.multiply_adds
        assert so_far.output_bytes <= 13_000


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("n_classes = 10\n", "n_classes = 10\ncolour = 3\n", "MNIST: unknown colour; known: name, data_set"),
        ("n_classes = 10\n", "", "MNIST: n_classes missing"),
        ("n_classes = 10\n", "n_classes = 1\n", "n_classes must be 2 or more"),
        ("n_classes = 10\n", 'n_classes = "ten"\n', "MNIST.n_classes: expected int, got 'ten'"),
        ("n_classes = 10\n", "n_classes = true\n", "MNIST.n_classes: expected int, got True"),
        ("semantic_branches = 5", "semantic_branches = 11", "semantic_branches 1 to 10"),
        ("image_shape = [1, 28, 28]", "image_shape = [28, 28]", "channels, height, width"),
        ("kernel = 5", "kernel = 4", r"whole\[0\]: kernel must be odd"),
        ("channels = 16, kernel = 5", "chanels = 16", r"whole\[0\]: unknown chanels"),
        ("training.layer =", "training.lair =", "training needs the tables layer, semantic, compressed; got"),
        ("pruned_share = 0.5", "pruned_share = 1.0", "pruned_share must be 0 to below 1, got 1.0"),
        ("batch = 64", "batch = 1", "batch 2 or more"),
        ("learning_rate = 0.004", "learning_rate = 0", "learning_rate must be above 0"),
        ("styles = 6", "styles = 0", r"FashionMNIST\.synthetic: .*styles must be 1 to 100"),
    ],
)
def test_mistakes_are_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    text = APPLICATIONS_FILE.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "applications.toml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        read_application_settings(file)


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "applications.toml"
    with pytest.raises(DataFileError, match=r"applications\.toml is missing"):
        read_application_settings(file)
    file.write_text("[MNIST", encoding="utf-8")
    with pytest.raises(DataFileError, match=r"applications\.toml cannot be read"):
        read_application_settings(file)
