"""A traced network as data: torch operators in the order in which they run, through JSON and back.

Values are named, every one is made once and before it is used. The number of images is free: where an operator needs
it (a reshape), the graph says ``Batch``.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ...pipeline.payload import TENSOR
from .operators import OPERATORS, draws_random_numbers

__all__ = ["DTYPES", "Batch", "Graph", "Node", "TensorSpec", "Value", "Weight", "graph_from_json", "graph_to_json",
           "payload_names", "references"]

DTYPES = {name: getattr(torch, name) for name in (
    "float32", "float16", "bfloat16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool")}
_FORMATS = {"contiguous": torch.contiguous_format, "preserve": torch.preserve_format,
            "channels_last": torch.channels_last}
_NAME = re.compile(r"[A-Za-z0-9_.]{1,200}", re.ASCII)
_DEEPEST = 4  # nested lists in an argument; torch's operators have two at most


@dataclass(frozen=True)
class Value:
    """What a node or an input is called where it is used."""

    name: str


@dataclass(frozen=True)
class Weight:
    """A weight, by its name in the safetensors file."""

    name: str


@dataclass(frozen=True)
class Batch:
    """``times`` the number of images."""

    times: int


@dataclass(frozen=True)
class Node:
    """One operator, and the name of what it makes."""

    name: str
    operator: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class TensorSpec:
    """A tensor that goes in or out: its shape for one image, without the batch dimension, and its type."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def bytes_per_image(self) -> int:
        """Of its content."""
        size: int = DTYPES[self.dtype].itemsize
        return math.prod(self.shape) * size

    def random(self, images: int, generator: torch.Generator) -> torch.Tensor:
        """Pixels from 0 to 255, activations from 0 to 1; other whole numbers (token ids, scaled activations): 0 or 1.

        Not all the same: pooling constant images is a third faster than it ever will be, for a processor guesses every
        comparison right; and zeroed memory is not resident until it is written.
        """
        shape, dtype = (images, *self.shape), DTYPES[self.dtype]
        if dtype.is_floating_point:
            return torch.rand(shape, generator=generator).to(dtype)
        return torch.randint(0, 256 if dtype == torch.uint8 else 2, shape, generator=generator, dtype=dtype)


@dataclass(frozen=True)
class Graph:
    """Nodes in the order in which they run, the tensors that they start from, and those that leave."""

    inputs: tuple[TensorSpec, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[TensorSpec, ...]

    def weight_names(self) -> tuple[str, ...]:
        """Of all weights that some node uses, in the order of first use."""
        found = (one.name for node in self.nodes for one in references(node) if isinstance(one, Weight))
        return tuple(dict.fromkeys(found))


def payload_names(specs: Sequence[TensorSpec]) -> tuple[str, ...]:
    """What tensors are called in a payload: one alone is ``activation``, several keep the names of their values."""
    return (TENSOR,) if len(specs) == 1 else tuple(one.name for one in specs)


def references(node: Node) -> Iterator[Any]:
    """Every Value, Weight and Batch among the node's arguments."""

    def within(argument: Any) -> Iterator[Any]:
        if isinstance(argument, (Value, Weight, Batch)):
            yield argument
        elif isinstance(argument, tuple):
            for one in argument:
                yield from within(one)

    yield from within((*node.args, *node.kwargs.values()))


def graph_to_json(graph: Graph) -> dict[str, Any]:
    """The graph as JSON objects; read back by :func:`graph_from_json`."""
    return {
        "inputs": [_spec_to_json(one) for one in graph.inputs],
        "nodes": [{"name": node.name, "operator": node.operator, "args": [_argument_to_json(one) for one in node.args],
                   **({"kwargs": {key: _argument_to_json(one) for key, one in node.kwargs.items()}}
                      if node.kwargs else {})} for node in graph.nodes],
        "outputs": [_spec_to_json(one) for one in graph.outputs],
    }


def graph_from_json(content: object, where: str = "graph") -> Graph:
    """Read a graph that was written by :func:`graph_to_json`; nothing in it is trusted.

    Raises ValueError, naming the place, for an operator that is not in the list of allowed ones, a value that is used
    before it is made or made twice, and whatever else is not a graph.
    """
    table = _table(content, where, {"inputs", "nodes", "outputs"})
    inputs = tuple(_spec_from_json(one, f"{where}.inputs") for one in _list(table["inputs"], f"{where}.inputs"))
    nodes = tuple(_node_from_json(one, f"{where}.nodes[{index}]")
                  for index, one in enumerate(_list(table["nodes"], f"{where}.nodes")))
    outputs = tuple(_spec_from_json(one, f"{where}.outputs") for one in _list(table["outputs"], f"{where}.outputs"))
    if not inputs or not outputs:
        raise ValueError(f"{where}: a graph has at least one input and one output")
    made = set()
    for name in (one.name for one in inputs):
        if name in made:
            raise ValueError(f"{where}: the input {name!r} is there twice")
        made.add(name)
    for node in nodes:
        for one in references(node):
            if isinstance(one, Value) and one.name not in made:
                raise ValueError(f"{where}: {node.name!r} uses {one.name!r}, which nothing before it makes")
        if node.name in made:
            raise ValueError(f"{where}: {node.name!r} is made twice")
        made.add(node.name)
    missing = [one.name for one in outputs if one.name not in made]
    if missing:
        raise ValueError(f"{where}: nothing makes the output {missing[0]!r}")
    return Graph(inputs, nodes, outputs)


def _node_from_json(content: object, where: str) -> Node:
    table = _table(content, where, {"name", "operator", "args"}, {"kwargs"})
    operator = table["operator"]
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise ValueError(f"{where}: the operator {operator!r} is not among the {len(OPERATORS)} allowed ones")
    kwargs = table.get("kwargs", {})
    if not isinstance(kwargs, Mapping):
        raise ValueError(f"{where}: kwargs must be an object")
    node = Node(_name(table["name"], where), operator,
                tuple(_argument_from_json(one, where) for one in _list(table["args"], where)),
                {_name(key, where): _argument_from_json(one, where) for key, one in kwargs.items()})
    if draws_random_numbers(operator, node.args, node.kwargs):
        raise ValueError(f"{where}: a fragment draws no random numbers, this one has a dropout of attention")
    return node


def _spec_to_json(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "shape": list(spec.shape), "dtype": spec.dtype}


def _spec_from_json(content: object, where: str) -> TensorSpec:
    table = _table(content, where, {"name", "shape", "dtype"})
    shape = tuple(_list(table["shape"], where))
    if not all(type(one) is int and one >= 0 for one in shape):
        raise ValueError(f"{where}: a shape holds whole numbers, got {list(shape)}")
    if table["dtype"] not in DTYPES:
        raise ValueError(f"{where}: unknown type {table['dtype']!r}; known: {', '.join(DTYPES)}")
    return TensorSpec(_name(table["name"], where), shape, table["dtype"])


def _argument_to_json(argument: Any) -> Any:
    if isinstance(argument, Value):
        return {"value": argument.name}
    if isinstance(argument, Weight):
        return {"weight": argument.name}
    if isinstance(argument, Batch):
        return {"batch": argument.times}
    if isinstance(argument, torch.dtype):
        return {"dtype": str(argument).replace("torch.", "")}
    if isinstance(argument, torch.memory_format):
        return {"memory_format": next(key for key, one in _FORMATS.items() if one == argument)}
    if isinstance(argument, tuple):
        return [_argument_to_json(one) for one in argument]
    if isinstance(argument, float) and not math.isfinite(argument):
        return {"float": str(argument)}  # JSON has no infinity
    return argument


def _argument_from_json(content: Any, where: str, depth: int = 0) -> Any:
    if content is None or isinstance(content, (bool, int, float, str)):
        return content
    if isinstance(content, list) and depth < _DEEPEST:
        return tuple(_argument_from_json(one, where, depth + 1) for one in content)
    if isinstance(content, Mapping) and len(content) == 1:
        (key, given), = content.items()
        if key in ("value", "weight"):
            return (Value if key == "value" else Weight)(_name(given, where))
        if key == "batch" and type(given) is int and given >= 1:
            return Batch(given)
        if key == "dtype" and given in DTYPES:
            return DTYPES[given]
        if key == "memory_format" and given in _FORMATS:
            return _FORMATS[given]
        if key == "float" and given in ("inf", "-inf", "nan"):
            return float(given)
    raise ValueError(f"{where}: {str(content)[:80]} is no argument of an operator")


def _table(content: object, where: str, needed: set[str], allowed: set[str] = frozenset()) -> Mapping[str, Any]:  # type: ignore[assignment]
    if not isinstance(content, Mapping) or not needed <= set(content) <= needed | allowed:
        raise ValueError(f"{where}: expected an object with {', '.join(sorted(needed))}, got {str(content)[:80]}")
    return content


def _list(content: object, where: str) -> list[Any]:
    if not isinstance(content, list):
        raise ValueError(f"{where}: expected a list, got {str(content)[:80]}")
    return content


def _name(content: object, where: str) -> str:
    if not isinstance(content, str) or not _NAME.fullmatch(content):
        raise ValueError(f"{where}: {str(content)[:80]!r} is no name; letters, digits, '_' and '.' are allowed")
    return content
