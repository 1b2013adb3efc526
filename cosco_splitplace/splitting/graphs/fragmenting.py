"""Cutting a traced graph into the graphs of its fragments, and what crosses a cut in fewer bits."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from ...errors import unknown_name
from .costs import GraphCosts
from .graph import Graph, Node, TensorSpec, Value

__all__ = ["PRECISIONS", "cut_graph", "with_precision"]

PRECISIONS = ("float32", "float16", "int8")
_LARGEST = 127  # of int8, both ways
_SMALLEST_SCALE = 1e-12  # of a channel that is all zeros; our choice


def cut_graph(costs: GraphCosts, cuts: Sequence[int]) -> tuple[Graph, ...]:
    """The graphs of the fragments between cuts: each takes what crosses into it and gives what crosses out of it.

    A tensor that skips a fragment goes through it unchanged.
    """
    graph = costs.graph
    edges = (0, *cuts, len(graph.nodes))

    def specs(position: int) -> tuple[TensorSpec, ...]:
        if position == 0:
            return graph.inputs
        if position == len(graph.nodes):
            return graph.outputs
        return tuple(TensorSpec(name, *costs.shapes[name]) for name in costs.crossing[position])

    return tuple(Graph(specs(start), graph.nodes[start:end], specs(end)) for start, end in zip(edges, edges[1:]))


def with_precision(graphs: Sequence[Graph], precision: str) -> tuple[Graph, ...]:
    """The same chain, with float32 activations crossing its cuts as float16, or as int8 with a scale.

    int8 has one scale for each image and channel (for each image, where there are no channels): its largest value is
    127. Scales cross with the numbers, and encoding and decoding are operators of the fragments. What only passes
    through a fragment is not encoded twice.

    Raises
    ------
    UnknownNameError
        `precision` is none of PRECISIONS.
    """
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    if precision == "float32":
        return tuple(graphs)
    changed = list(graphs)
    for index in range(len(graphs) - 1):
        for spec in graphs[index].outputs:
            if spec.dtype == "float32":
                encoding, carried, decoding = _half(spec) if precision == "float16" else _int8(spec)
                changed[index] = _sender(changed[index], spec, encoding, carried)
                changed[index + 1] = _receiver(changed[index + 1], spec, decoding, carried)
    return tuple(changed)


def _sender(graph: Graph, spec: TensorSpec, encoding: tuple[Node, ...], carried: tuple[TensorSpec, ...]) -> Graph:
    passes = any(one.name == carried[0].name for one in graph.inputs)
    return dataclasses.replace(graph, nodes=graph.nodes if passes else graph.nodes + encoding,
                               outputs=_replaced(graph.outputs, spec, carried))


def _receiver(graph: Graph, spec: TensorSpec, decoding: tuple[Node, ...], carried: tuple[TensorSpec, ...]) -> Graph:
    return dataclasses.replace(graph, nodes=decoding + graph.nodes, inputs=_replaced(graph.inputs, spec, carried))


def _replaced(specs: tuple[TensorSpec, ...], old: TensorSpec, new: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    return tuple(found for one in specs for found in (new if one.name == old.name else (one,)))


def _half(spec: TensorSpec) -> tuple[tuple[Node, ...], tuple[TensorSpec, ...], tuple[Node, ...]]:
    name = f"{spec.name}.float16"
    return ((Node(name, "to.dtype", (Value(spec.name), torch.float16)),),
            (TensorSpec(name, spec.shape, "float16"),),
            (Node(spec.name, "to.dtype", (Value(name), torch.float32)),))


def _int8(spec: TensorSpec) -> tuple[tuple[Node, ...], tuple[TensorSpec, ...], tuple[Node, ...]]:
    def part(what: str) -> str:
        return f"{spec.name}.{what}"

    within = tuple(range(2 if len(spec.shape) > 1 else 1, len(spec.shape) + 1))  # dimensions that share a scale
    scale_shape = tuple(1 if at + 1 in within else length for at, length in enumerate(spec.shape))
    encoding = (
        Node(part("abs"), "abs.default", (Value(spec.name),)),
        Node(part("largest"), "amax.default", (Value(part("abs")), within, True)),
        Node(part("step"), "mul.Scalar", (Value(part("largest")), 1 / _LARGEST)),
        Node(part("scale"), "clamp_min.default", (Value(part("step")), _SMALLEST_SCALE)),
        Node(part("steps"), "div.Tensor", (Value(spec.name), Value(part("scale")))),
        Node(part("rounded"), "round.default", (Value(part("steps")),)),
        Node(part("int8"), "to.dtype", (Value(part("rounded")), torch.int8)),
    )
    decoding = (
        Node(part("wide"), "to.dtype", (Value(part("int8")), torch.float32)),
        Node(spec.name, "mul.Tensor", (Value(part("wide")), Value(part("scale")))),
    )
    carried = (TensorSpec(part("int8"), spec.shape, "int8"), TensorSpec(part("scale"), scale_shape, "float32"))
    return encoding, carried, decoding
