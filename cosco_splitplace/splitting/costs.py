"""What a network costs: multiply-adds, parameters and bytes of an image, seen on the real module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .network import Operator, build_network

__all__ = ["NetworkCost", "network_cost", "operator_costs"]


@dataclass(frozen=True)
class NetworkCost:
    """Costs of a run of operators, for one image."""

    multiply_adds: int  # of convolutions and linear layers; additions and comparisons alone are not counted
    parameters: int  # trained numbers, without the running statistics of batch norm
    output_shape: tuple[int, ...]  # without the batch dimension
    output_bytes: int


def operator_costs(operators: Sequence[Operator], image_shape: Sequence[int]) -> tuple[NetworkCost, ...]:
    """The cost of each operator of a chain that is given uint8 images of ``image_shape`` (c, h, w).

    One image really goes through the modules; hooks count each convolution and linear layer from the output that
    it gave. Raises ValueError, naming the operator, where shapes do not fit.
    """
    activation = torch.zeros((1, *image_shape), dtype=torch.uint8)
    costs: list[NetworkCost] = []
    for index, (operator, module) in enumerate(zip(operators, build_network(operators))):
        try:
            activation, multiply_adds = counted_forward(module, activation)
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"operator {index} ({operator.kind}) does not take an input of shape "
                             f"{tuple(activation.shape[1:])}: {error}") from None
        costs.append(NetworkCost(multiply_adds, count_parameters(module), tuple(activation.shape[1:]),
                                 bytes_of(activation)))
    return tuple(costs)


def network_cost(operators: Sequence[Operator], image_shape: Sequence[int]) -> NetworkCost:
    """The cost of the whole chain: sums, and the last operator's output."""
    costs = operator_costs(operators, image_shape)
    return NetworkCost(sum(cost.multiply_adds for cost in costs), sum(cost.parameters for cost in costs),
                       costs[-1].output_shape, costs[-1].output_bytes)


def counted_forward(module: nn.Module, activation: torch.Tensor) -> tuple[torch.Tensor, int]:
    """The output of ``module`` (eval mode) and the multiply-adds of the run, counted by forward hooks."""
    counted = 0

    def count(layer: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        nonlocal counted
        # Each output number of a convolution or linear layer is one dot product with one filter.
        counted += output.numel() * int(layer.weight[0].numel())  # type: ignore[operator,index]

    hooks = [layer.register_forward_hook(count) for layer in module.modules()
             if isinstance(layer, (nn.Conv2d, nn.Linear))]
    was_training = module.training
    try:
        with torch.no_grad():
            return module.eval()(activation), counted
    finally:
        module.train(was_training)
        for hook in hooks:
            hook.remove()


def count_parameters(module: nn.Module) -> int:
    """Trained numbers of ``module``."""
    return sum(parameter.numel() for parameter in module.parameters())


def bytes_of(activation: torch.Tensor) -> int:
    """Bytes of ``activation`` in memory."""
    return activation.numel() * activation.element_size()
