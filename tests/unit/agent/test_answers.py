"""The payload of a batch that was worked on in parts is the one that safetensors writes of the whole batch."""

from __future__ import annotations

from typing import Tuple

import graph_networks as made
import pytest
import torch
from safetensors.torch import save

from cosco_splitplace.agent.answers import _TYPES, _laid_out, answer
from cosco_splitplace.splitting.graphs.costs import graph_costs
from cosco_splitplace.splitting.graphs.split import fragment_modules
from cosco_splitplace.splitting.graphs.tracing import trace_module


class HalfOfIt(torch.nn.Module):
    output_names: Tuple[str, ...] = ("half.int8",)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return given[:, ::2]  # not contiguous


@pytest.mark.parametrize("at_once", [1, 3, 7, 100])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_it_is_what_safetensors_writes(at_once: int, precision: str) -> None:
    model = trace_module(made.skipping(), (3, 8, 8))
    first, _ = fragment_modules(model, graph_costs(model, 2), (2,), precision)  # several tensors, of two types in int8
    given = torch.randn(7, 3, 8, 8)
    parts = zip(*(first.run([part]) for part in given.split(at_once)))  # other sizes give other last bits
    inputs = [given]
    assert bytes(answer(first, inputs, at_once)) == save(dict(zip(first.output_names, map(torch.cat, parts))))
    assert inputs == []


@pytest.mark.parametrize("dtype", _TYPES)
def test_any_type_and_a_view_and_nothing(dtype: torch.dtype) -> None:
    given = torch.ones(5, 6).to(dtype)
    assert bytes(answer(HalfOfIt(), [given], 2)) == save({"half.int8": given[:, ::2].contiguous()})
    assert bytes(answer(HalfOfIt(), [given[:, :0]], 2)) == save({"half.int8": given[:, :0]})


def test_types_are_in_the_order_of_the_format() -> None:
    tensors = {name: torch.ones(4, 3).to(dtype) for name, dtype in zip("dcbajihgfe", _TYPES)}
    content, places = _laid_out(list(tensors), list(tensors.values()), 4)
    for place, tensor in zip(places, tensors.values()):
        place[:] = tensor
    assert bytes(content) == save(tensors)
