"""Accuracies come from really running the fragments on the task's own images."""
from __future__ import annotations

import numpy as np
import pytest

from cosco_splitplace.arrivals.catalogue import load_catalogue
from cosco_splitplace.contract.made_parts import made_task
from cosco_splitplace.pipeline import inference
from cosco_splitplace.pipeline.inference import SampledAccuracy, held_out_answers


@pytest.fixture()
def right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers of an imagined network: right on every fourth image."""
    monkeypatch.setattr(inference, "held_out_answers", lambda split: np.arange(1000) % 4 == 0)


def task(seed: int, batch: int = 40_000):  # type: ignore[no-untyped-def]
    return made_task(application="MNIST", image_seed=seed, batch_images=batch)


def test_the_mean_over_many_tasks_is_the_networks_accuracy(right: None) -> None:
    accuracy = SampledAccuracy(load_catalogue("", ["MNIST"]), 500)
    found = [accuracy.accuracy(task(seed), "layer") for seed in range(200)]
    assert np.mean(found) == pytest.approx(0.25, abs=0.005)
    assert np.std(found) == pytest.approx(np.sqrt(0.25 * 0.75 / 500), rel=0.2)  # of a sample of 500
    assert accuracy.accuracy(task(3), "layer") == found[3]


@pytest.mark.parametrize(("images", "batch", "count"), [(7, 40_000, 7), (500, 3, 3)])
def test_a_sample_is_never_larger_than_the_batch(right: None, images: int, batch: int, count: int) -> None:
    found = SampledAccuracy(load_catalogue("", ["MNIST"]), images).accuracy(task(1, batch), "layer")
    assert found * count == pytest.approx(round(found * count))


def test_the_shipped_networks_really_reach_what_the_catalogue_says() -> None:
    applications = load_catalogue("", ["MNIST"])
    for name in ("layer", "semantic"):
        split = applications["MNIST"].split(name)
        right_answers = held_out_answers(split)
        assert right_answers.dtype == bool
        assert right_answers.mean() == pytest.approx(split.accuracy, abs=1e-9)
