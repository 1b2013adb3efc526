"""Groups of similar classes, and branches whose logits come back in class order."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cosco_splitplace.splitting.application_settings import application_names, application_settings
from cosco_splitplace.splitting.architectures import branch_network, branch_stages, stem_length, whole_network
from cosco_splitplace.splitting.costs import network_cost
from cosco_splitplace.splitting.semantic_split import (
    BranchedNetwork,
    class_order,
    class_similarity,
    group_classes,
    grouped_by_index,
    grouped_randomly,
)


class Constant(nn.Module):
    """A branch that always gives the same logits."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(images), -1)


def test_logits_come_back_in_class_order() -> None:
    # The logit of class c is c: whatever the groups, the answer must be 0 1 2 3 4.
    network = BranchedNetwork([Constant(3, 0), Constant(4, 1, 2)], [(3, 0), (4, 1, 2)])
    assert network(torch.zeros(2, 1)).tolist() == [[0, 1, 2, 3, 4]] * 2


def test_class_order_by_hand() -> None:
    assert class_order([(3, 0), (1, 2)]) == [1, 2, 3, 0]


@pytest.mark.parametrize("groups", [[(0, 1), (1, 2)], [(0, 2)], [(0,), ()], []])
def test_groups_that_miss_or_repeat_a_class_are_refused(groups: list[tuple[int, ...]]) -> None:
    if groups:
        with pytest.raises(ValueError, match="every class"):
            class_order(groups)
    else:
        assert class_order(groups) == []


def test_groups_follow_likeness_not_index() -> None:
    similarity = np.zeros((6, 6))
    for first, second in ((0, 5), (1, 3), (2, 4)):
        similarity[first, second] = similarity[second, first] = 0.9 - first / 10
    assert group_classes(similarity, 3) == ((0, 5), (1, 3), (2, 4))


def test_a_group_takes_the_class_closest_on_average() -> None:
    similarity = np.array([[1.0, 0.9, 0.5, 0.0], [0.9, 1.0, 0.0, 0.4], [0.5, 0.0, 1.0, 0.0], [0.0, 0.4, 0.0, 1.0]])
    # pair 0 1; then class 2 with (0.5 + 0.0) / 2 before class 3 with (0.0 + 0.4) / 2
    assert group_classes(similarity[:4, :4], 1) == ((0, 1, 2, 3),)
    padded = np.full((6, 6), -1.0)
    padded[:4, :4] = similarity
    assert group_classes(padded, 2)[0] == (0, 1, 2)


@pytest.mark.parametrize(("n_groups", "sizes"), [(1, [10]), (3, [4, 3, 3]), (5, [2] * 5), (10, [1] * 10)])
def test_groups_are_balanced_and_hold_every_class_once(n_groups: int, sizes: list[int]) -> None:
    draws = np.random.default_rng(n_groups).normal(size=(10, 10))
    groups = group_classes(draws + draws.T, n_groups)
    assert [len(group) for group in groups] == sizes
    assert sorted(label for group in groups for label in group) == list(range(10))


@pytest.mark.parametrize("n_groups", [0, 4])
def test_impossible_group_counts_name_the_range(n_groups: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 3 .* got {n_groups}"):
        group_classes(np.eye(3), n_groups)


def test_classes_that_a_network_confuses_are_similar() -> None:
    logits = np.array([[5, 4, 0, 0], [4, 5, 0, 0], [0, 0, 5, 4], [0, 0, 4, 5]], dtype=np.float32)
    likeness = class_similarity(np.repeat(logits, 2, axis=0), np.repeat(np.arange(4), 2))
    assert likeness[0, 1] > 0.9 and likeness[2, 3] > 0.9 and likeness[0, 2] < 0
    assert np.allclose(np.diag(likeness), 1.0)


def test_a_class_without_images_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one image"):
        class_similarity(np.zeros((2, 3), np.float32), np.array([0, 1]))


def test_index_groups_are_consecutive() -> None:
    assert grouped_by_index(7, 3) == ((0, 1, 2), (3, 4), (5, 6))


def test_random_groups_follow_the_generator() -> None:
    first, again, other = (grouped_randomly(10, 3, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert [len(group) for group in first] == [4, 3, 3]
    assert sorted(label for group in first for label in group) == list(range(10))
    with pytest.raises(ValueError, match=r"1 to 10 .* got 11"):
        grouped_randomly(10, 11, torch.Generator())


def test_a_shared_stem_runs_once_and_changes_no_answer() -> None:
    stem = nn.Linear(3, 3)
    calls = []
    stem.register_forward_hook(lambda *_: calls.append(1))
    branches = [nn.Sequential(stem, nn.Linear(3, 1)), nn.Sequential(stem, nn.Linear(3, 2))]
    images = torch.arange(6.0).view(2, 3)
    apart = BranchedNetwork(branches, [(1,), (0, 2)])(images)
    assert len(calls) == 2
    together = BranchedNetwork(branches, [(1,), (0, 2)], stem_length=1)(images)
    assert len(calls) == 3 and torch.equal(apart, together)


def test_the_length_of_a_stem_by_hand() -> None:
    settings = application_settings("MNIST")  # pixels; then convolution, batch norm, relu, and a pool or none a stage
    assert [stem_length(settings, stages) for stages in range(4)] == [0, 5, 9, 12]
    for stages in (-1, 4):
        with pytest.raises(ValueError, match=f"0 to 3 of the 4 stages .* got {stages}"):
            stem_length(settings, stages)


@pytest.mark.parametrize("name", application_names(shipped=False))
@pytest.mark.parametrize("n_branches", [2, 5, 10])
def test_branches_together_are_no_larger_than_the_whole(name: str, n_branches: int) -> None:
    settings = application_settings(name)
    whole = network_cost(whole_network(settings), settings.image_shape)
    stages = branch_stages(settings, n_branches)
    branch = network_cost(branch_network(settings, stages, settings.n_classes // n_branches), settings.image_shape)
    assert n_branches * branch.parameters <= whole.parameters
    share = n_branches * branch.multiply_adds / whole.multiply_adds
    assert share <= 1.2
    if n_branches == settings.semantic_branches:
        assert share >= 0.8


def test_impossible_branch_counts_name_the_range() -> None:
    with pytest.raises(ValueError, match=r"1 to 10 .* got 11"):
        branch_stages(application_settings("MNIST"), 11)
