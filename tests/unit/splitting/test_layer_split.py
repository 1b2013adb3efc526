"""Cutting a chain: even work first, few bytes second, and the same answer as the whole network."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from cosco_splitplace.splitting.application_settings import application_names, application_settings
from cosco_splitplace.splitting.architectures import whole_network
from cosco_splitplace.splitting.layer_split import balanced_cuts, split_layers
from cosco_splitplace.splitting.network import Conv2d, Residual, build_network, initialise_weights


def test_cuts_by_hand() -> None:
    # 9 | 4 4 | 8 is the only cut in three with a maximum of 9
    assert balanced_cuts([9, 4, 4, 8], [1, 1, 1, 1], 3) == (1, 3)


def test_of_equal_cuts_the_one_with_fewer_bytes_is_taken() -> None:
    # Operators without work may go to either side: the cut goes where 2 bytes cross, not 50 or 10.
    assert balanced_cuts([5, 0, 0, 5], [50, 10, 2, 0], 2) == (3,)
    assert balanced_cuts([5, 0, 0, 5], [50, 2, 10, 0], 2) == (2,)


def test_bytes_count_under_the_smallest_maximum_only() -> None:
    # The last operator is the maximum whatever happens before, so the first cut is free to save bytes:
    # 1 | 1 1 crosses 100 bytes and 1 1 | 1 crosses 1, both under the maximum of 10.
    assert balanced_cuts([1, 1, 1, 10], [100, 1, 7, 0], 3) == (2, 3)


@pytest.mark.parametrize("seed", range(20))
def test_no_other_cut_is_better(seed: int) -> None:
    draws = np.random.default_rng(seed)
    work = [int(amount) for amount in draws.integers(0, 30, 8)]
    crossing = [int(amount) for amount in draws.integers(1, 30, 8)]
    fragments = int(draws.integers(1, 1 + sum(amount > 0 for amount in work)))

    def price(cuts: tuple[int, ...]) -> tuple[int, int]:
        edges = [0, *cuts, 8]
        parts = [sum(work[start:end]) for start, end in zip(edges, edges[1:])]
        return (max(parts) if min(parts) > 0 else 10**9, sum(crossing[cut - 1] for cut in cuts))

    best = min(price(cuts) for cuts in itertools.combinations(range(1, 8), fragments - 1))
    assert price(balanced_cuts(work, crossing, fragments)) == best


@pytest.mark.parametrize("fragments", [0, 3, 99])
def test_an_impossible_number_names_the_range(fragments: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 2 fragments .* got {fragments}"):
        balanced_cuts([0, 3, 0, 4, 0], [1] * 5, fragments)


def test_a_residual_block_is_never_cut() -> None:
    block = Residual((Conv2d(3, 3, 3, padding=1), Conv2d(3, 3, 3, padding=1)))
    operators = (*whole_network(application_settings("CIFAR100"))[:1], block)
    with pytest.raises(ValueError, match="1 to 1"):
        split_layers(operators, (3, 8, 8), 2)


@pytest.mark.parametrize("name", application_names())
@pytest.mark.parametrize("fragments", [1, 2, 4, 5])
def test_the_chain_answers_as_the_whole(name: str, fragments: int) -> None:
    settings = application_settings(name)
    operators = whole_network(settings)
    whole = build_network(operators)
    initialise_weights(whole, torch.Generator().manual_seed(1))
    parts = split_layers(operators, settings.image_shape, fragments)
    assert len(parts) == fragments and sum(parts, ()) == operators
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, *settings.image_shape), dtype=np.uint8))
    weights = iter(whole)
    activation = images
    with torch.no_grad():
        expected = whole.eval()(images)
        for part in parts:
            module = build_network(part)
            for own in module:
                own.load_state_dict(next(weights).state_dict())
            activation = module.eval()(activation)
    assert torch.allclose(activation, expected, atol=1e-5, rtol=1e-5)
