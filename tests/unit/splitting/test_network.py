"""Networks as data: JSON round trip, strict reading, the modules that are built."""

from __future__ import annotations

import json

import pytest
import torch

from cosco_splitplace.splitting.costs import network_cost, operator_costs
from cosco_splitplace.splitting.network import (
    AveragePool,
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    MaxPool,
    Relu,
    Residual,
    ScalePixels,
    build_network,
    initialise_weights,
    operators_from_json,
    operators_to_json,
)

EVERY_KIND = (
    ScalePixels((0.5,), (0.25,)),
    Conv2d(1, 4, 3, padding=1),
    BatchNorm(4),
    Relu(),
    MaxPool(2),
    Residual((Conv2d(4, 4, 3, padding=1), BatchNorm(4)), (Conv2d(4, 4, 1),)),
    AveragePool(),
    Flatten(),
    Linear(4, 3),
)


def test_every_operator_survives_json() -> None:
    text = json.dumps(operators_to_json(EVERY_KIND))
    assert operators_from_json(json.loads(text)) == EVERY_KIND


def test_a_network_of_every_operator_runs() -> None:
    module = build_network(EVERY_KIND).eval()
    assert module(torch.zeros((2, 1, 8, 8), dtype=torch.uint8)).shape == (2, 3)


def test_pixels_are_scaled_by_hand() -> None:
    module = build_network([ScalePixels((0.5,), (0.25,))])
    pixels = torch.tensor([0, 255, 51], dtype=torch.uint8).view(1, 1, 1, 3)
    # 0 -> -0.5/0.25, 255 -> 0.5/0.25, 51/255 = 0.2 -> -0.3/0.25
    assert torch.allclose(module(pixels).flatten(), torch.tensor([-2.0, 2.0, -1.2]), atol=1e-6)


def test_residual_adds_the_shortcut_by_hand() -> None:
    module = build_network([Residual((Conv2d(1, 1, 1),))])
    with torch.no_grad():
        module[0].body[0].weight.fill_(-3.0)
    given = torch.tensor([[[[2.0, -1.0]]]])
    assert module(given).flatten().tolist() == [0.0, 2.0]  # relu(-6 + 2), relu(3 - 1)


def test_multiply_adds_by_hand() -> None:
    operators = [
        ScalePixels((0.5,) * 3, (0.25,) * 3),
        Conv2d(3, 8, 5, stride=2, padding=2),  # 14 x 14 x 8 outputs, each 3 x 5 x 5 products
        MaxPool(2),
        Flatten(),
        Linear(7 * 7 * 8, 10),  # 392 x 10, and 10 biases
    ]
    costs = operator_costs(operators, (3, 28, 28))
    assert [cost.multiply_adds for cost in costs] == [0, 14 * 14 * 8 * 75, 0, 0, 3920]
    assert [cost.parameters for cost in costs] == [0, 8 * 75, 0, 0, 3930]
    assert [cost.output_bytes for cost in costs] == [3 * 784 * 4, 14 * 14 * 8 * 4, 392 * 4, 392 * 4, 40]
    assert network_cost(operators, (3, 28, 28)).multiply_adds == 14 * 14 * 8 * 75 + 3920


def test_grouped_convolution_counts_its_own_channels_only() -> None:
    operators = [ScalePixels((0.5,) * 4, (0.25,) * 4), Conv2d(4, 4, 3, padding=1, groups=4)]
    assert operator_costs(operators, (4, 2, 2))[1].multiply_adds == 2 * 2 * 4 * 9


def test_building_leaves_the_global_random_stream_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    initialise_weights(build_network(EVERY_KIND), torch.Generator().manual_seed(0))
    assert torch.equal(torch.rand(1), expected)


def test_the_same_generator_seed_gives_the_same_weights() -> None:
    first, second, other = (build_network(EVERY_KIND) for _ in range(3))
    for module, seed in ((first, 1), (second, 1), (other, 2)):
        initialise_weights(module, torch.Generator().manual_seed(seed))
    assert torch.equal(first[1].weight, second[1].weight)
    assert not torch.equal(first[1].weight, other[1].weight)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"kind": "relu"}, "expected a list"),
        (["relu"], "expected an object"),
        ([{"kind": "attention"}], "unknown operator 'attention'; known: average_pool, batch_norm, conv2d"),
        ([{"no": "kind"}], "unknown operator None"),
        ([{"kind": "linear", "in_features": 4}], "needs the setting 'out_features'"),
        ([{"kind": "relu", "slope": 1}], "no setting 'slope'"),
        ([{"kind": "max_pool", "kernel": 2.0}], "expected a whole number"),
        ([{"kind": "max_pool", "kernel": True}], "expected a whole number"),
        ([{"kind": "max_pool", "kernel": 0}], "1 or more"),
        ([{"kind": "linear", "in_features": 1, "out_features": 1, "bias": 1}], "true or false"),
        ([{"kind": "scale_pixels", "mean": [0.5], "std": [0]}], "above 0"),
        ([{"kind": "scale_pixels", "mean": [float("nan")], "std": [1]}], "finite"),
        ([{"kind": "scale_pixels", "mean": [0.5, 0.5], "std": [1]}], "every channel"),
        ([{"kind": "conv2d", "in_channels": 3, "out_channels": 4, "kernel": 3, "groups": 2}], "do not divide"),
        ([{"kind": "residual", "body": []}], "at least one"),
        ([{"kind": "residual", "body": [{"kind": "what"}]}], r"network\[0\].body\[0\]: unknown operator"),
    ],
)
def test_bad_descriptions_are_refused(entries: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        operators_from_json(entries)


def test_shapes_that_do_not_fit_name_the_operator() -> None:
    with pytest.raises(ValueError, match=r"operator 2 \(linear\)"):
        operator_costs([ScalePixels((0.5,), (0.25,)), Flatten(), Linear(5, 2)], (1, 2, 2))
