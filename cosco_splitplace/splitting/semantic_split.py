"""Semantic split: classes that look alike share a branch, and the branches share nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

__all__ = ["GROUPINGS", "INDEX", "LEARNED", "RANDOM", "BranchedNetwork", "class_order", "class_similarity",
           "group_classes", "grouped_by_index", "grouped_randomly"]

LEARNED, RANDOM, INDEX = "learned", "random", "index"
GROUPINGS = (LEARNED, RANDOM, INDEX)  # by likeness; the others are what it is compared with


class BranchedNetwork(nn.Module):
    """Independent branches on the same images; their logits side by side, put back into class order.

    ``class_groups[b]`` lists the classes of branch b in the order of its outputs. The first ``stem_length`` layers of
    all branches are one and the same (the tree form): here they run once; a branch alone has them as well.
    """

    def __init__(
        self, branches: Sequence[nn.Module], class_groups: Sequence[Sequence[int]], stem_length: int = 0
    ) -> None:
        super().__init__()
        if len(branches) != len(class_groups):
            raise ValueError(f"{len(branches)} branches, but {len(class_groups)} groups of classes")
        self.branches = nn.ModuleList(branches)
        self._stem_length = stem_length
        self._order = torch.tensor(class_order(class_groups))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images (n, c, h, w) to logits (n, classes)."""
        if self._stem_length:
            shared = list(self.branches[0].children())[: self._stem_length]
            for layer in shared:
                images = layer(images)
            answers = [_rest(branch, self._stem_length, images) for branch in self.branches]
        else:
            answers = [branch(images) for branch in self.branches]
        return torch.cat(answers, dim=1)[:, self._order]


def class_order(class_groups: Sequence[Sequence[int]]) -> list[int]:
    """For each class the column that holds its logit when the groups' logits stand side by side.

    Raises ValueError unless the groups hold every class from 0 on exactly once, and none is empty.
    """
    columns = [label for group in class_groups for label in group]
    if sorted(columns) != list(range(len(columns))) or any(len(group) == 0 for group in class_groups):
        raise ValueError(f"the groups must hold every class from 0 to {max(len(columns) - 1, 0)} once and none may be "
                         f"empty, got {[list(group) for group in class_groups]}")
    return [int(column) for column in np.argsort(columns)]


def class_similarity(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Likeness of classes (classes, classes) in -1..1: how a trained network's mean logits correlate.

    ``logits`` (n, classes) of a trained whole network on images with ``labels`` (n,). Raises ValueError if a class
    has no image.
    """
    n_classes = logits.shape[1]
    counts = np.bincount(labels, minlength=n_classes)
    if len(counts) != n_classes or (counts == 0).any():
        raise ValueError(f"every one of the {n_classes} classes needs at least one image, got counts {counts.tolist()}")
    sums = np.zeros((n_classes, n_classes))
    np.add.at(sums, labels, logits.astype(np.float64))
    means = sums / counts[:, None]  # row: true class, column: logit
    means -= means.mean(axis=0)  # what all classes have in common says nothing about likeness
    length = np.linalg.norm(means, axis=1, keepdims=True)
    directions = means / np.maximum(length, 1e-12)
    return np.asarray(directions @ directions.T)


def group_classes(similarity: NDArray[np.float64], n_groups: int) -> tuple[tuple[int, ...], ...]:
    """Balanced groups of similar classes: sizes differ by one at most, larger groups first.

    Greedy: each group starts with the most similar pair of classes that are left and takes the class with the
    largest mean similarity to it until it is full. Ties go to the lower class, so the result is fixed.
    Raises ValueError if ``n_groups`` is not 1 to the number of classes.
    """
    left = list(range(len(similarity)))
    groups: list[tuple[int, ...]] = []
    for size in _group_sizes(len(similarity), n_groups):
        group: list[int] = []
        while len(group) < size:
            chosen = _closest_pair(similarity, left) if not group and size > 1 else _closest_to(similarity, left, group)
            group += chosen
            left = [label for label in left if label not in chosen]
        groups.append(tuple(sorted(group)))
    return tuple(groups)


def grouped_by_index(n_classes: int, n_groups: int) -> tuple[tuple[int, ...], ...]:
    """Groups of consecutive classes, of the same sizes as those of :func:`group_classes`."""
    return _cut_into_groups(range(n_classes), n_groups)


def grouped_randomly(n_classes: int, n_groups: int, generator: torch.Generator) -> tuple[tuple[int, ...], ...]:
    """Random groups of the same sizes as those of :func:`group_classes`."""
    return _cut_into_groups(torch.randperm(n_classes, generator=generator).tolist(), n_groups)


def _cut_into_groups(classes: Sequence[int], n_groups: int) -> tuple[tuple[int, ...], ...]:
    sizes = _group_sizes(len(classes), n_groups)
    ends = np.cumsum(sizes).tolist()
    return tuple(tuple(sorted(classes[end - size : end])) for size, end in zip(sizes, ends))


def _group_sizes(n_classes: int, n_groups: int) -> list[int]:
    if not 1 <= n_groups <= n_classes:
        raise ValueError(f"groups must be 1 to {n_classes} (the number of classes), got {n_groups}")
    return [n_classes // n_groups + (index < n_classes % n_groups) for index in range(n_groups)]


def _rest(branch: nn.Module, start: int, activation: torch.Tensor) -> torch.Tensor:
    for layer in list(branch.children())[start:]:
        activation = layer(activation)
    return activation


def _closest_pair(similarity: NDArray[np.float64], left: list[int]) -> list[int]:
    table = similarity[np.ix_(left, left)].copy()
    np.fill_diagonal(table, -np.inf)
    first, second = divmod(int(table.argmax()), len(left))
    return [left[first], left[second]]


def _closest_to(similarity: NDArray[np.float64], left: list[int], group: list[int]) -> list[int]:
    if not group:  # a group of one: nothing to be close to
        return [left[0]]
    return [left[int(similarity[np.ix_(left, group)].mean(axis=1).argmax())]]
