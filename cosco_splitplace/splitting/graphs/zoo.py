"""Known networks by name, at any input size: the paper's three families (pytorchcv), and two transformers of our own.

Weights are random, from a seed: nothing is downloaded, and what a split costs does not depend on them. Accuracy does;
train your own and name it ``module:factory``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ...errors import ConfigurationError, unknown_name
from .transformers import DecoderTransformer, VisionTransformer

__all__ = ["ZOO", "ZooEntry", "build"]

_SMALL = 64  # pixels; images below get a stem that keeps their resolution


@dataclass(frozen=True)
class ZooEntry:
    """A network: what it is, the shape of its input where none is given, its type, and who builds it for a shape."""

    description: str
    input_shape: tuple[int, ...]
    dtype: str
    builder: Callable[[tuple[int, ...]], nn.Module]


def build(name: str, input_shape: Sequence[int] | None = None, seed: int = 0) -> tuple[nn.Module, ZooEntry]:
    """The network `name` for inputs of that shape (default: its own), in eval mode, with weights from `seed`.

    Raises
    ------
    UnknownNameError
        No network has that name; the message lists them.
    ConfigurationError
        It can't be built for that shape.
    """
    if name not in ZOO:
        raise unknown_name("network", name, ZOO)
    entry = ZOO[name]
    shape = tuple(input_shape or entry.input_shape)
    if len(shape) != len(entry.input_shape):
        raise ConfigurationError(f"{name} takes inputs of {len(entry.input_shape)} dimensions, such as "
                                 f"{','.join(map(str, entry.input_shape))}; got {','.join(map(str, shape))}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            module = entry.builder(shape)
        except ValueError as error:
            raise ConfigurationError(f"{name}: {error}") from None
    return module.eval(), ZooEntry(entry.description, shape, entry.dtype, entry.builder)


def _residual(blocks: int) -> Callable[[tuple[int, ...]], nn.Module]:
    def build_for(shape: tuple[int, ...]) -> nn.Module:
        module = _from_pytorchcv("preresnet", f"preresnet{blocks}", shape)
        if shape[1] < _SMALL:
            module.features.init_block.conv.stride = (1, 1)
            module.features.init_block.pool = nn.Identity()
        built: nn.Module = module
        return built

    return build_for


def _mobile(shape: tuple[int, ...]) -> nn.Module:
    module = _from_pytorchcv("mobilenetv2", "mobilenetv2_w1", shape)
    if shape[1] < _SMALL:
        module.features.init_block.conv.stride = (1, 1)
    built: nn.Module = module
    return built


def _inception(shape: tuple[int, ...]) -> nn.Module:
    module = _from_pytorchcv("inceptionv3", "inceptionv3", shape)
    if shape[1] < _SMALL:
        module.features.init_block.pool1 = module.features.init_block.pool2 = nn.Identity()
    built: nn.Module = module
    return built


def _from_pytorchcv(family: str, name: str, shape: tuple[int, ...]) -> Any:
    """A network of pytorchcv for images (channels, height, width); whatever is left of them is averaged at the end."""
    try:
        from importlib import import_module

        models = import_module(f"pytorchcv.models.{family}")
    except ImportError as error:
        raise ConfigurationError(f"this network comes from pytorchcv, which can't be imported ({error}); "
                                 "pip install 'cosco-splitplace[zoo]'") from error
    module = getattr(models, name)(in_channels=shape[0], in_size=shape[1:])
    module.features.final_pool = nn.AdaptiveAvgPool2d(1)
    return module


def _vision(shape: tuple[int, ...]) -> nn.Module:
    patch = 4 if shape[1] < _SMALL else 16
    return VisionTransformer((shape[0], shape[1], shape[2]), patch, width=384, depth=12, heads=6)


ZOO = {
    "resnetv2-34": ZooEntry("ResNet-V2, 34 layers (pytorchcv preresnet34)", (3, 224, 224), "float32", _residual(34)),
    "resnetv2-50": ZooEntry("ResNet-V2, 50 layers (pytorchcv preresnet50)", (3, 224, 224), "float32", _residual(50)),
    "mobilenetv2": ZooEntry("MobileNetV2 (pytorchcv mobilenetv2_w1)", (3, 224, 224), "float32", _mobile),
    "inceptionv3": ZooEntry("InceptionV3 (pytorchcv inceptionv3)", (3, 299, 299), "float32", _inception),
    "vit-small": ZooEntry("vision transformer, ViT-S/16 in size", (3, 224, 224), "float32", _vision),
    "decoder-small": ZooEntry(
        "decoder-only transformer, 8 blocks of 256; token ids below 8,192", (128,), "int64",
        lambda shape: DecoderTransformer(shape[0], vocabulary=8192, width=256, depth=8, heads=8)),
}
