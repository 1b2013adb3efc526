"""A chain of fragments run in one process: its outputs, how they differ from the whole model's, its accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ...threads import limited_threads
from ..datasets import ImageSet
from .graph import DTYPES, TensorSpec
from .module import GraphModule

__all__ = ["chain_accuracy", "chain_difference", "random_input", "run_chain"]

_CHECKED_IMAGES = 2
_BATCH = 500


def run_chain(fragments: Sequence[GraphModule], given: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """All fragments one after another in this process."""
    tensors: tuple[torch.Tensor, ...] = (given,)
    for fragment in fragments:
        tensors = fragment.run(list(tensors))
    return tensors


def chain_accuracy(fragments: Sequence[GraphModule], images: ImageSet) -> float:
    """Share of the held-out images that a chain with one output, really run, classifies rightly; on one thread."""
    right = 0
    with limited_threads(1):  # sums in another order could change an answer
        for start in range(0, len(images.test_labels), _BATCH):
            given = torch.from_numpy(images.test_images[start : start + _BATCH].copy())  # torch wants writable memory
            (answers,) = run_chain(fragments, given)
            right += int((answers.argmax(dim=1).numpy() == images.test_labels[start : start + _BATCH]).sum())
    return right / len(images.test_labels)


def chain_difference(whole: GraphModule, fragments: Sequence[GraphModule], seed: int = 0) -> float:
    """Largest difference of the chain's output from the whole's on random inputs, as a share of the largest output."""
    given = random_input(whole.graph.inputs[0], _CHECKED_IMAGES, seed)
    pairs = zip(whole.run([given]), run_chain(fragments, given))
    shares = []
    for expected, found in pairs:
        largest = float(expected.abs().max()) or 1.0
        shares.append(float((expected - found).abs().max()) / largest)
    return max(shares)


def random_input(spec: TensorSpec, images: int, seed: int = 0) -> torch.Tensor:
    """Normal numbers; whole numbers from 0 to 255 (pixels, or token ids)."""
    generator = torch.Generator().manual_seed(seed)
    dtype = DTYPES[spec.dtype]
    if dtype.is_floating_point:
        return torch.randn((images, *spec.shape), generator=generator).to(dtype)
    return torch.randint(0, 256, (images, *spec.shape), generator=generator).to(dtype)
