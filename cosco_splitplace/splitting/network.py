"""A network as data: a chain of operator descriptions that goes through JSON and builds a torch module.

A fragment on disk is this description plus its weights. Whoever runs it needs torch and this file, and none
of the Python code that the network was first written in.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import nn

__all__ = [
    "AveragePool", "BatchNorm", "Conv2d", "Flatten", "Linear", "MaxPool", "Operator", "Relu", "Residual",
    "ScalePixels", "build_network", "initialise_weights", "operators_from_json", "operators_to_json",
]


class Operator(ABC):
    """One step of a network: a frozen description with a ``kind`` and the settings that its module needs."""

    kind: ClassVar[str]

    @abstractmethod
    def build(self) -> nn.Module:
        """The torch module of this step, with weights that are still to be set."""


@dataclasses.dataclass(frozen=True)
class ScalePixels(Operator):
    """uint8 pixels (n, c, h, w) to float32: ``(pixel / 255 - mean) / std`` for each channel."""

    kind: ClassVar[str] = "scale_pixels"
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.mean or len(self.mean) != len(self.std):
            raise ValueError(f"scale_pixels: mean has {len(self.mean)} channels and std {len(self.std)}; "
                             "give one of each for every channel")
        if any(value <= 0 for value in self.std):
            raise ValueError(f"scale_pixels: every std must be above 0, got {self.std}")

    def build(self) -> nn.Module:
        return _ScalePixels(self.mean, self.std)


@dataclasses.dataclass(frozen=True)
class Conv2d(Operator):
    """A 2-D convolution with a square kernel."""

    kind: ClassVar[str] = "conv2d"
    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    bias: bool = False

    def __post_init__(self) -> None:
        _require_positive(self, "in_channels", "out_channels", "kernel", "stride", "groups")
        if self.padding < 0:
            raise ValueError(f"conv2d: padding must be 0 or more, got {self.padding}")
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(f"conv2d: {self.groups} groups do not divide the channels "
                             f"{self.in_channels} and {self.out_channels}")

    def build(self) -> nn.Module:
        return nn.Conv2d(self.in_channels, self.out_channels, self.kernel, self.stride, self.padding,
                         groups=self.groups, bias=self.bias)


@dataclasses.dataclass(frozen=True)
class BatchNorm(Operator):
    """Batch normalisation of an image-shaped activation."""

    kind: ClassVar[str] = "batch_norm"
    channels: int

    def __post_init__(self) -> None:
        _require_positive(self, "channels")

    def build(self) -> nn.Module:
        return nn.BatchNorm2d(self.channels)


@dataclasses.dataclass(frozen=True)
class Relu(Operator):
    """The positive part."""

    kind: ClassVar[str] = "relu"

    def build(self) -> nn.Module:
        return nn.ReLU()


@dataclasses.dataclass(frozen=True)
class MaxPool(Operator):
    """The largest value of each square window; the stride is the window."""

    kind: ClassVar[str] = "max_pool"
    kernel: int

    def __post_init__(self) -> None:
        _require_positive(self, "kernel")

    def build(self) -> nn.Module:
        return nn.MaxPool2d(self.kernel)


@dataclasses.dataclass(frozen=True)
class AveragePool(Operator):
    """The mean of each square window (stride = window); ``kernel`` 0 takes the whole image."""

    kind: ClassVar[str] = "average_pool"
    kernel: int = 0

    def __post_init__(self) -> None:
        if self.kernel < 0:
            raise ValueError(f"average_pool: kernel must be 0 (whole image) or more, got {self.kernel}")

    def build(self) -> nn.Module:
        return nn.AvgPool2d(self.kernel) if self.kernel else nn.AdaptiveAvgPool2d(1)


@dataclasses.dataclass(frozen=True)
class Flatten(Operator):
    """(n, c, h, w) to (n, c * h * w)."""

    kind: ClassVar[str] = "flatten"

    def build(self) -> nn.Module:
        return nn.Flatten()


@dataclasses.dataclass(frozen=True)
class Linear(Operator):
    """A fully connected layer."""

    kind: ClassVar[str] = "linear"
    in_features: int
    out_features: int
    bias: bool = True

    def __post_init__(self) -> None:
        _require_positive(self, "in_features", "out_features")

    def build(self) -> nn.Module:
        return nn.Linear(self.in_features, self.out_features, bias=self.bias)


@dataclasses.dataclass(frozen=True)
class Residual(Operator):
    """``relu(body(x) + shortcut(x))``; an empty shortcut passes x on. Never cut inside: both paths need x."""

    kind: ClassVar[str] = "residual"
    body: tuple[Operator, ...]
    shortcut: tuple[Operator, ...] = ()

    def __post_init__(self) -> None:
        if not self.body:
            raise ValueError("residual: the body needs at least one operator")

    def build(self) -> nn.Module:
        return _Residual(self.body, self.shortcut)


_KINDS: dict[str, type[Operator]] = {
    cls.kind: cls
    for cls in (ScalePixels, Conv2d, BatchNorm, Relu, MaxPool, AveragePool, Flatten, Linear, Residual)
}


def build_network(operators: Sequence[Operator]) -> nn.Sequential:
    """Modules of a chain, in order; the weights are not meaningful until they are set or loaded.

    torch draws first weights from its global stream while a layer is made; the stream is put back, so that
    building a network changes no one else's numbers.
    """
    with torch.random.fork_rng(devices=[]):
        return nn.Sequential(*(operator.build() for operator in operators))


def initialise_weights(module: nn.Module, generator: torch.Generator) -> None:
    """Set every weight of ``module`` from ``generator``: He's normal for weights, 0 for biases, 1 for scales."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            fan_in = layer.weight[0].numel()
            with torch.no_grad():
                layer.weight.normal_(0.0, math.sqrt(2.0 / fan_in), generator=generator)
                if layer.bias is not None:
                    layer.bias.zero_()
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()  # type: ignore[no-untyped-call]


def operators_to_json(operators: Sequence[Operator]) -> list[dict[str, Any]]:
    """The chain as JSON objects, each with its ``kind``; read back by :func:`operators_from_json`."""
    return [_operator_to_json(operator) for operator in operators]


def operators_from_json(entries: object, where: str = "network") -> tuple[Operator, ...]:
    """Read a chain that was written by :func:`operators_to_json`.

    Raises ValueError, naming the place, for what is not a list of objects, an unknown kind (with the known
    ones), and a setting that is missing, unknown, of the wrong type or out of range.
    """
    if not isinstance(entries, list):
        raise ValueError(f"{where}: expected a list of operators, got {type(entries).__name__}")
    return tuple(_operator_from_json(entry, f"{where}[{index}]") for index, entry in enumerate(entries))


def _operator_to_json(operator: Operator) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": operator.kind}
    for field in dataclasses.fields(operator):  # type: ignore[arg-type]  # every operator is a dataclass
        value = getattr(operator, field.name)
        if isinstance(value, tuple):
            value = [_operator_to_json(part) if isinstance(part, Operator) else part for part in value]
        entry[field.name] = value
    return entry


def _operator_from_json(entry: object, where: str) -> Operator:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: expected an object, got {type(entry).__name__}")
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"{where}: unknown operator {kind!r}; known: {', '.join(sorted(_KINDS))}")
    fields = {field.name: field for field in dataclasses.fields(_KINDS[kind])}  # type: ignore[arg-type]
    unknown = sorted(set(entry) - set(fields) - {"kind"})
    if unknown:
        raise ValueError(f"{where}: {kind} has no setting {', '.join(map(repr, unknown))}; "
                         f"known: {', '.join(fields) or 'none'}")
    settings: dict[str, Any] = {}
    for name, field in fields.items():
        if name in entry:
            # With postponed evaluation a field's type is its source text, the key of the readers below.
            settings[name] = _READERS[str(field.type)](entry[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING:
            raise ValueError(f"{where}: {kind} needs the setting {name!r}")
    try:
        return _KINDS[kind](**settings)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _read_int(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{where}: expected a whole number, got {value!r}")
    return value


def _read_bool(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{where}: expected true or false, got {value!r}")
    return value


def _read_floats(value: object, where: str) -> tuple[float, ...]:
    if not isinstance(value, list) or any(
        isinstance(part, bool) or not isinstance(part, (int, float)) or not math.isfinite(part) for part in value
    ):
        raise ValueError(f"{where}: expected a list of finite numbers, got {value!r}")
    return tuple(float(part) for part in value)


_READERS: dict[str, Callable[[object, str], Any]] = {
    "int": _read_int,
    "bool": _read_bool,
    "tuple[float, ...]": _read_floats,
    "tuple[Operator, ...]": operators_from_json,
}


def _require_positive(operator: Operator, *names: str) -> None:
    for name in names:
        if getattr(operator, name) < 1:
            raise ValueError(f"{operator.kind}: {name} must be 1 or more, got {getattr(operator, name)}")


class _ScalePixels(nn.Module):
    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        # One multiplication and one addition a pixel; not persistent, for the description holds the numbers.
        scale = torch.tensor([1.0 / (255.0 * value) for value in std], dtype=torch.float32)
        shift = torch.tensor([-m / s for m, s in zip(mean, std)], dtype=torch.float32)
        self.register_buffer("scale", scale.view(1, -1, 1, 1), persistent=False)
        self.register_buffer("shift", shift.view(1, -1, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scale, shift = self.get_buffer("scale"), self.get_buffer("shift")
        if images.shape[1] != scale.shape[1]:
            raise ValueError(f"the images have {images.shape[1]} channels, the network takes {scale.shape[1]}")
        return images.to(scale.dtype) * scale + shift


class _Residual(nn.Module):
    def __init__(self, body: Sequence[Operator], shortcut: Sequence[Operator]) -> None:
        super().__init__()
        self.body = build_network(body)
        self.shortcut = build_network(shortcut)

    def forward(self, activation: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(activation) + self.shortcut(activation))
