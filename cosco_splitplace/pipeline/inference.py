"""How accurate was a task? Its split's fragments really run, on a sample of the task's own images.

A task's images are drawn from the application's held-out images with the task's own seed. A fragment chain's answers
to all held-out images are computed once, when it is first needed, and kept.
"""
from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Dict, Mapping, Protocol, Tuple

import numpy as np

from ..arrivals.catalogue import REMEDY, Application, SplitProfile
from ..errors import DataFileError
from ..records import BoolArray, Task
from ..splitting.artifacts import load_artifact
from ..splitting.datasets import load_images
from ..splitting.split_network import SplitNetwork
from ..threads import limited_threads

_answers: Dict[str, BoolArray] = {}


class AccuracyOf(Protocol):
    """Who tells how accurate a task was."""

    def accuracy(self, task: Task, split: str) -> float:
        """The share of right answers, in [0, 1]."""


class SampledAccuracy:
    """Accuracy p_i of a task under a split.

    Parameters
    ----------
    applications : the catalogue.
    sample_images : how many of its own images a task is measured on (a smaller batch is measured whole).
    """

    def __init__(self, applications: Mapping[str, Application], sample_images: int) -> None:
        self._applications = applications
        self._sample_images = sample_images
        self._right: Dict[Tuple[str, str], BoolArray] = {}  # by application and split

    def accuracy(self, task: Task, split: str) -> float:
        """The share of right answers, in [0, 1]."""
        key = task.application, split
        if key not in self._right:
            self._right[key] = held_out_answers(self._applications[task.application].split(split))
        right = self._right[key]
        count = min(self._sample_images, task.batch_images)
        sample = np.random.default_rng(task.image_seed).integers(len(right), size=count)
        return int(np.count_nonzero(right[sample])) / count


def held_out_answers(split: SplitProfile) -> BoolArray:
    """Which held-out images the split's fragments classify rightly, (n_images,); cached by the artifact's hash."""
    network = load_network(split.artifact)
    if network.artifact_hash not in _answers:
        images = load_images(network.application, source=network.source, train=False)
        if images.held_out_sha256() != network.held_out_sha256:
            raise DataFileError(
                f"the held-out images of {network.application} are not those that {split.artifact} was measured on; "
                f"make it again with: {REMEDY}"
            )
        with limited_threads(1):  # sums in another order could change an answer
            logits = network.logits(images.test_images)
        _answers[network.artifact_hash] = logits.argmax(axis=1) == images.test_labels
    return _answers[network.artifact_hash]


@cache
def load_network(artifact: Path) -> SplitNetwork:
    """The split network in an artifact's folder, read once."""
    return load_artifact(artifact)
