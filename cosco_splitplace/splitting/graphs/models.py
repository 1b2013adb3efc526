"""What a user names as MODEL: a network of the zoo, ``module:factory``, a ``.pt2`` file, or a shipped application."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from ...datafiles import DATA_DIR
from ...errors import ConfigurationError, unknown_name
from ...records import LAYER
from ...registry import Registry
from ..application_settings import application_names
from ..artifacts import load_artifact
from .tracing import TracedModel, load_exported, trace_module, trace_program
from .zoo import ZOO, build

__all__ = ["traced"]


def traced(
    model: str, input_shape: Sequence[int] | None, dtype: str | None = None, seed: int = 0
) -> TracedModel:
    """The graph of `model`.

    Parameters
    ----------
    model : a name of the zoo, an application's name (its trained network), ``module:factory`` (a function without
        arguments that makes a module; the current directory is searched, too), or the path of a ``.pt2`` file.
    input_shape : of one input, without the batch; needed for ``module:factory`` only.
    dtype : of the input; default: float32, what the zoo says, what the file says.
    seed : of the zoo's random weights, and of torch's generator while a factory runs.

    Raises
    ------
    ConfigurationError
        There is no such model, it takes another input, or it can't be traced.
    """
    if model.endswith(".pt2"):
        program = trace_program(load_exported(Path(model)))
        found = program.graph.inputs[0].shape
        if input_shape is not None and tuple(input_shape) != found:
            raise ConfigurationError(f"{model} was exported for inputs of shape {_shown(found)}, got "
                                     f"{_shown(input_shape)}; leave --input-shape out")
        return program
    if model in ZOO:
        module, entry = build(model, input_shape, seed)
        return trace_module(module, entry.input_shape, dtype or entry.dtype)
    if model in application_names():
        network = load_artifact(DATA_DIR / "artifacts" / model / LAYER)
        if input_shape is not None and tuple(input_shape) != network.image_shape:
            raise ConfigurationError(f"{model} takes images of shape {_shown(network.image_shape)}, got "
                                     f"{_shown(input_shape)}; leave --input-shape out")
        return trace_module(nn.Sequential(*network.fragments), network.image_shape, "uint8")
    if ":" not in model:
        raise unknown_name("model", model, [*application_names(), *ZOO, "module:factory", "FILE.pt2"])
    if input_shape is None:
        raise ConfigurationError(f"{model} needs --input-shape, the shape of one input without the batch, "
                                 "such as 3,224,224")
    return trace_module(_made(model, seed), input_shape, dtype or "float32")


def _made(reference: str, seed: int) -> nn.Module:
    """What the factory gives; or the module itself, if the reference is to one."""
    factories: Registry[object] = Registry("model")
    sys.path.insert(0, str(Path.cwd()))
    try:
        factory = factories.get(reference)
    finally:
        sys.path.remove(str(Path.cwd()))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = factory if isinstance(factory, nn.Module) else factory()
    if not isinstance(module, nn.Module):
        raise ConfigurationError(f"{reference} gave a {type(module).__name__}, not a torch.nn.Module")
    return module


def _shown(shape: Sequence[int]) -> str:
    return ",".join(map(str, shape))
