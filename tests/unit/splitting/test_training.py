"""Training learns, repeats itself, and leaves the world's random stream and threads alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cosco_splitplace.splitting.application_settings import TrainingSettings
from cosco_splitplace.splitting.network import Flatten, Linear, ScalePixels, build_network
from cosco_splitplace.splitting.training import accuracy_of, train_classifier
from cosco_splitplace.threads import limited_threads

SETTINGS = TrainingSettings(steps=60, batch=16, learning_rate=0.05, weight_decay=0.0)


def bright_or_dark() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images of 4 x 4 pixels: class 1 is bright on the left, class 0 on the right."""
    draws = np.random.default_rng(0)
    images = draws.integers(0, 100, (80, 1, 4, 4), dtype=np.uint8)
    labels = np.arange(80, dtype=np.int64) % 2
    images[labels == 1, :, :, :2] += 120
    images[labels == 0, :, :, 2:] += 120
    return images, labels


def trained(seed: int, settings: TrainingSettings = SETTINGS) -> torch.nn.Sequential:
    module = build_network([ScalePixels((0.5,), (0.25,)), Flatten(), Linear(16, 2)])
    train_classifier(module, *bright_or_dark(), settings, torch.Generator().manual_seed(seed))
    return module


def test_it_learns() -> None:
    images, labels = bright_or_dark()
    logits = trained(0)(torch.from_numpy(images)).detach().numpy()
    assert accuracy_of(logits, labels) == 1.0


def test_the_same_seed_gives_the_same_weights_and_the_global_stream_is_not_used() -> None:
    torch.manual_seed(1)
    first = trained(5)[2].weight
    torch.manual_seed(2)
    assert torch.equal(trained(5)[2].weight, first)
    assert not torch.equal(trained(6)[2].weight, first)


def test_moved_images_change_the_training() -> None:
    moved = trained(5, dataclasses.replace(SETTINGS, shift_pixels=1))
    assert not torch.equal(moved[2].weight, trained(5)[2].weight)


def test_progress_counts_every_step() -> None:
    seen: list[tuple[int, int]] = []
    module = build_network([ScalePixels((0.5,), (0.25,)), Flatten(), Linear(16, 2)])
    train_classifier(module, *bright_or_dark(), dataclasses.replace(SETTINGS, steps=3), torch.Generator(),
                     lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_accuracy_by_hand() -> None:
    logits = np.array([[1, 2], [5, 0], [0, 1], [1, 0]], dtype=np.float32)
    assert accuracy_of(logits, np.array([1, 0, 0, 0])) == 0.75


def test_nothing_to_train_or_measure_on_is_refused() -> None:
    module = build_network([Flatten(), Linear(16, 2)])
    images, labels = bright_or_dark()
    with pytest.raises(ValueError, match="80 images and 79 labels"):
        train_classifier(module, images, labels[1:], SETTINGS, torch.Generator())
    with pytest.raises(ValueError, match="no images"):
        accuracy_of(np.zeros((0, 2), np.float32), np.zeros(0, np.int64))


def test_divergence_is_named() -> None:
    with pytest.raises(ValueError, match="training diverged at step"):
        trained(0, dataclasses.replace(SETTINGS, learning_rate=1e38))


def test_threads_come_back() -> None:
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError), limited_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise RuntimeError
    assert torch.get_num_threads() == before
