"""A split network that can be run: the chain or the branches of an artifact, and how their parts make one answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from .network import Operator
from .semantic_split import class_order

__all__ = ["BRANCHES", "CHAIN", "SplitNetwork"]

CHAIN = "chain"
BRANCHES = "branches"


@dataclass(frozen=True, eq=False)
class SplitNetwork:
    """Trained fragments with what is needed to run them. The modules are in eval mode and want no gradients."""

    application: str
    split: str  # "layer", "semantic", "compressed"; the format leaves room for more
    structure: str  # CHAIN: one after another; BRANCHES: side by side
    source: str  # where the images came from that it was trained on
    image_shape: tuple[int, int, int]
    n_classes: int
    operators: tuple[tuple[Operator, ...], ...]  # of each fragment
    fragments: tuple[nn.Module, ...]
    class_groups: tuple[tuple[int, ...], ...]  # of each branch; empty for a chain
    held_out_sha256: str = ""  # of the images that its accuracy was measured on
    artifact_hash: str = ""  # of the artifact's manifest, which holds the hashes of the weights; empty before saving

    def __post_init__(self) -> None:
        if self.structure not in (CHAIN, BRANCHES):
            raise ValueError(f"unknown structure {self.structure!r}; known: {CHAIN}, {BRANCHES}")
        if not self.fragments or len(self.fragments) != len(self.operators):
            raise ValueError(f"{len(self.fragments)} fragments, but operators of {len(self.operators)}")
        if self.structure == CHAIN and self.class_groups:
            raise ValueError("a chain has no groups of classes")
        if self.structure == BRANCHES:
            if len(self.class_groups) != len(self.fragments):
                raise ValueError(f"{len(self.fragments)} branches, but {len(self.class_groups)} groups of classes")
            if len(class_order(self.class_groups)) != self.n_classes:
                raise ValueError(f"the groups hold {len(class_order(self.class_groups))} classes of {self.n_classes}")
        for fragment in self.fragments:
            fragment.eval().requires_grad_(False)

    def logits(self, images: NDArray[np.uint8], batch: int = 256) -> NDArray[np.float32]:
        """Run every fragment on uint8 images (n, c, h, w): float32 logits (n, n_classes), columns in class order.

        Raises ValueError for images of another type or shape, or a batch below 1.
        """
        if images.dtype != np.uint8 or images.shape[1:] != self.image_shape:
            raise ValueError(f"{self.application} takes uint8 images (n, {', '.join(map(str, self.image_shape))}), "
                             f"got {images.dtype} {images.shape}")
        if batch < 1:
            raise ValueError(f"batch must be 1 or more, got {batch}")
        answers = np.empty((len(images), self.n_classes), dtype=np.float32)
        with torch.no_grad():
            for start in range(0, len(images), batch):
                # a copy: torch wants writable memory, and the caller's images may be read-only
                pixels = torch.from_numpy(images[start : start + batch].copy())
                answers[start : start + batch] = self._answer(pixels).numpy()
        return answers

    def _answer(self, pixels: torch.Tensor) -> torch.Tensor:
        if self.structure == CHAIN:
            activation = pixels
            for fragment in self.fragments:
                activation = fragment(activation)
            return activation
        side_by_side = torch.cat([fragment(pixels) for fragment in self.fragments], dim=1)
        return side_by_side[:, class_order(self.class_groups)]
