"""Model compression: a trained network loses its weakest channels and becomes a smaller network without them.

The paper's MC prunes with PyTorch's ``ln_structured`` (section 6.5, footnote 9). That only masks channels with zeros
and saves no work, so here the masked channels are cut out: narrower layers with the weights that are left.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn.utils import prune

from .costs import network_cost
from .network import BatchNorm, Conv2d, Linear, Operator, Residual, build_network

__all__ = ["kept_channels", "pruned_network", "share_for_work"]

Weights = dict[str, torch.Tensor]
_SHARE_STEPS = 256


def pruned_network(
    operators: Sequence[Operator], network: nn.Module, image_channels: int, share: float
) -> tuple[tuple[Operator, ...], nn.Sequential]:
    """Operators and module of ``network`` (built from ``operators``) without its weakest channels.

    Every convolution loses ``share`` (0 to below 1) of its channels and keeps at least one; one that writes onto the
    shortcut of a residual block keeps what the shortcut carries. The smaller network answers as ``network`` would with
    the lost channels' filters and batch norms masked by zeros. ``network`` itself is not touched. Raises ValueError
    for a share out of range, and where channels can't be cut: grouped convolutions, shortcuts that are no identity.
    """
    if not 0 <= share < 1:
        raise ValueError(f"the share of channels to prune must be 0 to below 1, got {share}")
    weights = {name: tensor.detach() for name, tensor in network.state_dict().items()}
    narrower, left = _cut(operators, weights, torch.arange(image_channels), image_channels, share)
    module = build_network(narrower)
    module.load_state_dict(left)
    return narrower, module


def kept_channels(weight: torch.Tensor, share: float) -> torch.Tensor:
    """Indices of the filters in ``weight`` (n, ...) that ``ln_structured`` with the L2 norm leaves, ascending."""
    filters = nn.Module()
    filters.register_parameter("weight", nn.Parameter(weight.clone()))
    lost = min(round(share * len(weight)), len(weight) - 1)
    prune.ln_structured(filters, "weight", amount=lost, n=2, dim=0)  # type: ignore[no-untyped-call]
    return filters.get_buffer("weight_mask").flatten(1).any(dim=1).nonzero().flatten()


def share_for_work(operators: Sequence[Operator], image_shape: Sequence[int], work: float) -> float:
    """The smallest share of channels, in steps of 1/256, that leaves at most ``work`` of the multiply-adds.

    ``work`` is above 0 and at most 1. Raises ValueError, naming the least that can be left, where not even one channel
    a convolution is little enough.
    """
    if not 0 < work <= 1:
        raise ValueError(f"the work that is left must be above 0 and at most 1, got {work}")
    network = build_network(operators)  # which channels go makes no difference to how many
    total = network_cost(operators, image_shape).multiply_adds

    def left(steps: int) -> float:
        narrower, _ = pruned_network(operators, network, image_shape[0], steps / _SHARE_STEPS)
        return network_cost(narrower, image_shape).multiply_adds / total

    if left(_SHARE_STEPS - 1) > work:
        raise ValueError(f"pruning leaves at least {left(_SHARE_STEPS - 1):.4f} of this network's work, asked {work}")
    low, high = -1, _SHARE_STEPS - 1  # more is left at low than asked, at high it is little enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if left(middle) <= work else (middle, high)
    return high / _SHARE_STEPS


def _cut(
    operators: Sequence[Operator], weights: Mapping[str, torch.Tensor], kept: torch.Tensor, width: int, share: float,
    written: torch.Tensor | None = None,
) -> tuple[tuple[Operator, ...], Weights]:
    """A chain that is given the channels ``kept`` of ``width``, and its weights, as narrow as ``share`` makes it.

    ``written``: the channels that its last convolution has to write, whatever their norms.
    """
    last = max((index for index, one in enumerate(operators) if isinstance(one, Conv2d)), default=-1)
    narrower: list[Operator] = []
    left: Weights = {}
    for index, operator in enumerate(operators):
        own = _under(weights, f"{index}.")
        if isinstance(operator, Conv2d):
            if operator.groups > 1:
                raise ValueError(f"the channels of a convolution in {operator.groups} groups can't be cut")
            given, width = kept, operator.out_channels
            kept = kept_channels(own["weight"], share) if written is None or index != last else written
            own = {name: tensor[kept] for name, tensor in own.items()}
            own["weight"] = own["weight"][:, given]
            operator = dataclasses.replace(operator, in_channels=len(given), out_channels=len(kept))
        elif isinstance(operator, BatchNorm):
            own = {name: tensor[kept] if tensor.dim() else tensor for name, tensor in own.items()}
            operator = BatchNorm(len(kept))
        elif isinstance(operator, Linear):
            pixels = operator.in_features // width  # of each channel, next to each other after Flatten
            features = (kept[:, None] * pixels + torch.arange(pixels)).flatten()
            own["weight"] = own["weight"][:, features]
            width, kept = operator.out_features, torch.arange(operator.out_features)
            operator = dataclasses.replace(operator, in_features=len(features))
        elif isinstance(operator, Residual):
            if operator.shortcut:
                raise ValueError("the channels of a residual block can be cut only if its shortcut is the identity")
            body, inner = _cut(operator.body, _under(own, "body."), kept, width, share, written=kept)
            own = {f"body.{name}": tensor for name, tensor in inner.items()}
            operator = Residual(body)
        narrower.append(operator)
        left.update({f"{index}.{name}": tensor for name, tensor in own.items()})
    return tuple(narrower), left


def _under(weights: Mapping[str, torch.Tensor], prefix: str) -> Weights:
    return {name[len(prefix):]: tensor for name, tensor in weights.items() if name.startswith(prefix)}
