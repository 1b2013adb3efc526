"""Running a graph: torch's operators one after another, nothing of the model's code.

A value is let go after its last use, and an operator that may overwrites an input that nobody needs any more: a
fragment takes less memory than the model that it was cut from.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .graph import DTYPES, Batch, Graph, Node, TensorSpec, Value, Weight, payload_names, references
from .operators import FACTORIES, VIEWS, in_place, resolve

__all__ = ["GraphModule", "meta_run"]


@dataclass(frozen=True)
class _Slot:
    """Where a value is kept while it is needed."""

    index: int


@dataclass(frozen=True)
class _Step:
    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    target: int
    release: tuple[int, ...]  # slots that nothing uses any more


class GraphModule(nn.Module):
    """A graph with its weights, as a module that takes and gives tensors with a free batch dimension.

    Parameters
    ----------
    graph : what runs.
    weights : by name; those that the graph uses.

    Raises
    ------
    ValueError
        A weight is missing.
    """

    def __init__(self, graph: Graph, weights: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        missing = [name for name in graph.weight_names() if name not in weights]
        if missing:
            raise ValueError(f"the weight {missing[0]!r} is missing")
        self.graph = graph
        self.weights = {name: weights[name] for name in graph.weight_names()}
        self.input_names, self.output_names = payload_names(graph.inputs), payload_names(graph.outputs)
        self._slots = {name: index for index, name in enumerate(
            [one.name for one in graph.inputs] + [node.name for node in graph.nodes])}
        self._steps = tuple(self._compiled(_overwritable(graph)))

    def check(self) -> None:
        """Run the graph without data; raises ValueError if operators, weights and outputs do not fit each other."""
        meta_run(self, 2, lambda _name, _made: None)

    def forward(self, *tensors: torch.Tensor) -> Any:
        """The output for one tensor an input, in order: a tensor, or a tuple where there are several."""
        outputs = self.run(list(tensors))
        return outputs[0] if len(outputs) == 1 else outputs

    def run(
        self, tensors: list[torch.Tensor], watch: Callable[[str, Any], None] | None = None
    ) -> tuple[torch.Tensor, ...]:
        """As ``forward``; empties the list, so that an input is let go once it was used.

        ``watch`` is told what each node has made.
        """
        return self._execute(self._steps, tensors, watch)

    def _execute(
        self, steps: Sequence[_Step], tensors: list[torch.Tensor], watch: Callable[[str, Any], None] | None
    ) -> tuple[torch.Tensor, ...]:
        _require(self.graph.inputs, tensors, "input")
        images = tensors[0].shape[0]
        kept: list[Any] = [None] * len(self._slots)
        kept[: len(tensors)] = tensors
        tensors.clear()
        with torch.no_grad():
            for step, node in zip(steps, self.graph.nodes):
                kwargs = {key: _filled((one,), kept, images)[0] for key, one in step.kwargs.items()}
                try:
                    made = step.function(*_filled(step.args, kept, images), **kwargs)
                except RuntimeError as error:
                    raise ValueError(f"the operator {node.operator} ({node.name}) does not take its input: "
                                     f"{str(error).splitlines()[0]}") from error
                kept[step.target] = made
                if watch is not None:
                    watch(node.name, made)
                del made
                for index in step.release:
                    kept[index] = None
        outputs = tuple(kept[self._slots[one.name]] for one in self.graph.outputs)
        _require(self.graph.outputs, outputs, "output")
        return outputs

    def _compiled(self, overwritable: frozenset[str]) -> list[_Step]:
        last_use = _last_uses(self.graph)
        steps = []
        for position, node in enumerate(self.graph.nodes):
            function = in_place(node.operator) if node.name in overwritable else resolve(node.operator)
            assert function is not None  # noqa: S101  (only what has such a form is overwritable)
            used = {one.name for one in references(node) if isinstance(one, Value)} | {node.name}
            release = tuple(self._slots[name] for name in sorted(used) if last_use[name] == position)
            steps.append(_Step(node.name, function, self._bound(node.args),
                               {key: self._bound((one,))[0] for key, one in node.kwargs.items()},
                               self._slots[node.name], release))
        return steps

    def _bound(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Weights in place of their names, slots in place of values."""
        return tuple(
            self.weights[one.name] if isinstance(one, Weight)
            else _Slot(self._slots[one.name]) if isinstance(one, Value)
            else self._bound(one) if isinstance(one, tuple)
            else one for one in arguments)


def meta_run(module: GraphModule, images: int, watch: Callable[[str, Any], None]) -> None:
    """Run the graph on so many images without data; `watch` is told the name of each input and node, and its tensor."""
    inputs = [torch.empty((images, *one.shape), dtype=DTYPES[one.dtype], device="meta") for one in module.graph.inputs]
    for spec, tensor in zip(module.graph.inputs, inputs):
        watch(spec.name, tensor)
    on_meta = {id(one): one.to("meta") for one in module.weights.values()}
    steps = [dataclasses.replace(step, args=_swapped(step.args, on_meta),
                                 kwargs={**{key: _swapped((one,), on_meta)[0] for key, one in step.kwargs.items()},
                                         **({"device": "meta"} if node.operator in FACTORIES else {})})
             for step, node in zip(module._steps, module.graph.nodes)]
    module._execute(steps, inputs, watch)


def _filled(arguments: tuple[Any, ...], kept: Sequence[Any], images: int) -> tuple[Any, ...]:
    return tuple(
        kept[one.index] if isinstance(one, _Slot)
        else one.times * images if isinstance(one, Batch)
        else _filled(one, kept, images) if isinstance(one, tuple)
        else one for one in arguments)


def _swapped(arguments: tuple[Any, ...], by_id: Mapping[int, torch.Tensor]) -> tuple[Any, ...]:
    return tuple(by_id[id(one)] if isinstance(one, torch.Tensor)
                 else _swapped(one, by_id) if isinstance(one, tuple) else one for one in arguments)


def _require(specs: Sequence[TensorSpec], tensors: Sequence[Any], what: str) -> None:
    """Raise ValueError if the tensors are not those of the specs, all for the same number of images."""
    if len(tensors) != len(specs):
        raise ValueError(f"it has {len(specs)} {what}s ({', '.join(one.name for one in specs)}), got {len(tensors)}")
    for spec, tensor in zip(specs, tensors):
        shape = tuple(getattr(tensor, "shape", ()))
        dtype = str(getattr(tensor, "dtype", type(tensor).__name__)).replace("torch.", "")
        if shape[1:] != spec.shape or dtype != spec.dtype or shape[:1] != tuple(tensors[0].shape[:1]):
            raise ValueError(f"the {what} {spec.name!r} is {spec.dtype} of shape (n, "
                             f"{', '.join(map(str, spec.shape))}), got {dtype} {shape}")


def _last_uses(graph: Graph) -> dict[str, int]:
    """The position of the last node that uses each value; its own if none does, beyond the end if it leaves."""
    last = {node.name: position for position, node in enumerate(graph.nodes)}
    last.update({one.name: -1 for one in graph.inputs})
    for position, node in enumerate(graph.nodes):
        last.update({one.name: position for one in references(node) if isinstance(one, Value)})
    last.update({one.name: len(graph.nodes) for one in graph.outputs})
    return last


def _overwritable(graph: Graph) -> frozenset[str]:
    """Nodes that may write over their first argument, where it has the output's shape and type.

    It must be memory that an operator of this graph has made, that nothing uses later, and that no other value can be a
    view of.
    """
    last_use = _last_uses(graph)
    viewed = {one.name for node in graph.nodes if node.operator in VIEWS
              for one in references(node) if isinstance(one, Value)}
    own = {node.name for node in graph.nodes if node.operator not in VIEWS} - viewed
    found = set()
    for position, node in enumerate(graph.nodes):
        first = node.args[0] if node.args else None
        if in_place(node.operator) is not None and isinstance(first, Value) and first.name in own:
            if last_use[first.name] == position:
                if not (node.operator == "batch_norm.default" and _no_in_place_batch_norm(node)):
                    found.add(node.name)
    return frozenset(found)


def _no_in_place_batch_norm(node: Node) -> bool:
    """Only the plain case: eight positional arguments at least, running statistics, scale and shift."""
    return len(node.args) < 8 or any(one is None for one in node.args[:5])


