"""Pruning: fewer channels, and the same answers as the network in which they are only masked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cosco_splitplace.datafiles import DATA_DIR
from cosco_splitplace.splitting.application_settings import application_names, application_settings
from cosco_splitplace.splitting.architectures import whole_network
from cosco_splitplace.splitting.artifacts import load_artifact
from cosco_splitplace.splitting.compression import kept_channels, pruned_network, share_for_work
from cosco_splitplace.splitting.costs import network_cost
from cosco_splitplace.splitting.datasets import load_images
from cosco_splitplace.splitting.network import (
    AveragePool,
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    Operator,
    Relu,
    Residual,
    build_network,
    initialise_weights,
)
from cosco_splitplace.splitting.split_network import SplitNetwork
from cosco_splitplace.splitting.split_training import train_compressed


def lived_in(operators: tuple[Operator, ...], seed: int = 0) -> nn.Sequential:
    """A module whose batch norms have other statistics, scales and shifts than a fresh one's."""
    module = build_network(operators)
    draws = torch.Generator().manual_seed(seed)
    initialise_weights(module, draws)
    for tensor in module.state_dict().values():
        if tensor.dim() == 1:
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=draws))
    return module.eval()


def mask(chain: nn.Sequential, share: float) -> None:
    """Zeros for what `pruned_network` cuts out, found in another way: convolutions and batch norms come in pairs.

    Every pair is masked by its own filters' norms, except the second of a residual block (`last`), which is masked like
    the pair whose output the block's shortcut carries.
    """
    stream = torch.zeros(0)
    for index, layer in enumerate(chain):
        body = getattr(layer, "body", None)
        if body is not None:
            mask_pair(body[0], body[1], weakest(body[0].weight, share))
            mask_pair(body[3], body[4], stream)
        elif isinstance(layer, nn.Conv2d):
            stream = weakest(layer.weight, share)
            mask_pair(layer, chain[index + 1], stream)


def weakest(weight: torch.Tensor, share: float) -> torch.Tensor:
    norms = weight.flatten(1).norm(dim=1)
    return norms.argsort()[: min(round(share * len(norms)), len(norms) - 1)]


def mask_pair(conv: nn.Module, norm: nn.Module, lost: torch.Tensor) -> None:
    with torch.no_grad():
        for tensor in (conv.weight, norm.weight, norm.bias):
            tensor[lost] = 0.0  # type: ignore[index,operator]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.99])
@pytest.mark.parametrize("name", application_names())
def test_it_answers_as_the_masked_network(name: str, share: float) -> None:
    settings = application_settings(name)
    operators = whole_network(settings)
    network = lived_in(operators)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    _, narrower = pruned_network(operators, network, settings.image_shape[0], share)
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())
    mask(network, share)
    pixels = torch.randint(0, 256, (8, *settings.image_shape), dtype=torch.uint8,
                           generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = network(pixels)
        assert torch.allclose(narrower.eval()(pixels), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("name", application_names())
def test_every_convolution_is_narrower_by_the_share(name: str) -> None:
    settings = application_settings(name)
    operators = whole_network(settings)
    narrower, module = pruned_network(operators, lived_in(operators), settings.image_shape[0], 0.25)
    widths = [[one.out_channels for one in module.modules() if isinstance(one, nn.Conv2d)]
              for module in (lived_in(operators), module)]
    assert widths[1] == [round(0.75 * width) for width in widths[0]]
    whole, part = (network_cost(one, settings.image_shape) for one in (operators, narrower))
    assert part.output_shape == whole.output_shape
    assert 0.5 * whole.multiply_adds < part.multiply_adds < 0.7 * whole.multiply_adds
    assert part.parameters < 0.75 * whole.parameters  # the linear layer loses a quarter, convolutions more


def test_the_filters_with_the_smallest_norm_go_and_one_stays() -> None:
    weight = torch.tensor([3.0, -1.0, 2.0, -4.0]).view(4, 1, 1, 1)
    assert kept_channels(weight, 0.5).tolist() == [0, 3]
    assert kept_channels(weight, 0.99).tolist() == [3]
    assert kept_channels(weight, 0.0).tolist() == [0, 1, 2, 3]


def test_convolutions_with_biases_and_a_pooled_end_are_cut_too() -> None:
    operators = (Conv2d(2, 4, 3, padding=1, bias=True), BatchNorm(4), Relu(), AveragePool(), Flatten(), Linear(4, 5),
                 Linear(5, 3))
    narrower, module = pruned_network(operators, lived_in(operators), 2, 0.5)
    assert narrower[0] == Conv2d(2, 2, 3, padding=1, bias=True) and narrower[5:] == (Linear(2, 5), Linear(5, 3))
    assert module(torch.zeros(1, 2, 6, 6)).shape == (1, 3)


@pytest.mark.parametrize(
    ("operators", "share", "message"),
    [
        ((Conv2d(4, 4, 3, groups=2),), 0.5, "in 2 groups can't be cut"),
        ((Residual((Conv2d(4, 4, 1),), (Conv2d(4, 4, 1),)),), 0.5, "only if its shortcut is the identity"),
        ((Conv2d(4, 4, 3),), 1.0, "0 to below 1, got 1.0"),
        ((Conv2d(4, 4, 3),), -0.1, "0 to below 1, got -0.1"),
    ],
)
def test_what_cannot_be_cut_is_refused(operators: tuple[Operator, ...], share: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pruned_network(operators, build_network(operators), 4, share)


@pytest.mark.parametrize("work", [1.0, 0.5, 0.2])
def test_the_smallest_share_that_leaves_so_little_work(work: float) -> None:
    operators = whole_network(application_settings("MNIST"))
    shape, network = (1, 28, 28), lived_in(operators)
    share = share_for_work(operators, shape, work)
    whole = network_cost(operators, shape).multiply_adds
    assert network_cost(pruned_network(operators, network, 1, share)[0], shape).multiply_adds <= work * whole
    if work < 1:
        more, _ = pruned_network(operators, network, 1, share - 1 / 256)
        assert network_cost(more, shape).multiply_adds > work * whole


@pytest.mark.parametrize(("work", "message"), [(0.0, "above 0"), (1.5, "at most 1"), (1e-6, "leaves at least 0.0")])
def test_work_that_pruning_cannot_leave(work: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        share_for_work(whole_network(application_settings("MNIST")), (1, 28, 28), work)


@pytest.fixture(scope="module")
def compressed_twice() -> list[SplitNetwork]:
    images = load_images("MNIST")
    whole = load_artifact(DATA_DIR / "artifacts/MNIST/layer")
    settings = application_settings("MNIST")
    return [train_compressed(settings, images, whole, seed=5) for _ in range(2)]


def test_a_compressed_network_is_one_fragment_that_has_learned(compressed_twice: list[SplitNetwork]) -> None:
    network, images = compressed_twice[0], load_images("MNIST", train=False)
    assert (network.split, network.structure, len(network.fragments)) == ("compressed", "chain", 1)
    answers = network.logits(images.test_images).argmax(axis=1)
    assert np.mean(answers == images.test_labels) > 0.9  # chance: 0.1; right after pruning: 0.2


def test_the_same_seed_gives_the_same_weights(compressed_twice: list[SplitNetwork]) -> None:
    first, second = (one.fragments[0].state_dict() for one in compressed_twice)
    assert all(torch.equal(first[name], second[name]) for name in first)
