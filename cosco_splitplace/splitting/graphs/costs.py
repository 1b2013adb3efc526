"""What a graph costs, node by node: seen on runs without data (shapes, memory) and on one with (torch's workspaces).

Multiply-adds are counted by torch's own flop counter; memory follows who shares whose. All of it is for a number of
images at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from .graph import Graph, Value, Weight, references
from .module import GraphModule, meta_run
from .tracing import TracedModel, is_batched, values_made

__all__ = ["GraphCosts", "graph_costs"]

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class GraphCosts:
    """Costs of a graph of n nodes for batches of ``images``. A cut at position p has nodes 0 to p - 1 before it.

    Attributes
    ----------
    multiply_adds : (n,) for one image.
    live_bytes : (n,) activations in memory while the node runs, with its output.
    workspace_bytes : (n,) what torch takes beyond that; 0 where it was not measured.
    crossing : for each position 0 to n, the values that cross it: made before, used after.
    crossing_bytes : (n + 1,) their bytes for one image.
    possible : (n + 1,) whether a cut may be there: every value that crosses is one tensor, with the batch first.
    weight_bytes, trained : by weight, its bytes and how many trained numbers it holds.
    """

    graph: Graph
    images: int
    multiply_adds: IntArray
    live_bytes: IntArray
    workspace_bytes: IntArray
    crossing: tuple[tuple[str, ...], ...]
    crossing_bytes: IntArray
    possible: NDArray[np.bool_]
    weight_bytes: Mapping[str, int]
    trained: Mapping[str, int]
    shapes: Mapping[str, tuple[tuple[int, ...], str]]  # of each value that may cross, for one image; and its type

    def weights_between(self, start: int, end: int) -> set[str]:
        """Names of the weights that nodes ``start`` to ``end - 1`` use."""
        return {one.name for node in self.graph.nodes[start:end] for one in references(node) if isinstance(one, Weight)}

    def peak_bytes(self) -> NDArray[np.float64]:
        """Peak memory of a fragment of nodes i to j - 1 beyond torch itself, (n + 1, n + 1); infinite unless i < j.

        Its weights, and the largest of: what lives while a node runs; the inputs; the outputs beside their payload.
        """
        count = len(self.graph.nodes)
        held = self.live_bytes + self.workspace_bytes
        payload = self.crossing_bytes * self.images
        peaks = np.full((count + 1, count + 1), np.inf)
        uses = [{one.name for one in references(node) if isinstance(one, Weight)} for node in self.graph.nodes]
        for start in range(count):
            known: set[str] = set()
            weights = np.zeros(count - start)
            total = 0
            for end in range(start, count):
                total += sum(self.weight_bytes[name] for name in uses[end] - known)
                known |= uses[end]
                weights[end - start] = total
            activations = np.maximum(np.maximum.accumulate(held[start:]), payload[start])
            peaks[start, start + 1 :] = weights + np.maximum(activations, 2 * payload[start + 1 :])
        return peaks


def graph_costs(model: TracedModel, images: int, workspaces: IntArray | None = None) -> GraphCosts:
    """The costs of `model` for batches of `images`; `workspaces` (n,) as `workspace.measured_workspaces` gives them."""
    graph = model.graph
    module = GraphModule(graph, model.weights)
    two, three = values_made(module, 2), values_made(module, 3)
    batched = {name: is_batched(two[name], three[name]) for name in two}
    shapes = {name: (tuple(two[name].shape[1:]), str(two[name].dtype).replace("torch.", ""))
              for name, good in batched.items() if good}
    crossing = _crossing(graph)
    possible = np.array([0 < at < len(graph.nodes) and all(batched[name] for name in names)
                         for at, names in enumerate(crossing)])
    per_image = {name: two[name][:1].numel() * two[name].element_size() for name in shapes}
    counts = [_multiply_adds(module, count) for count in (2, 3)]
    return GraphCosts(
        graph=graph,
        images=images,
        multiply_adds=counts[1] - counts[0],
        live_bytes=_live_bytes(module, images),
        workspace_bytes=np.zeros(len(graph.nodes), dtype=np.int64) if workspaces is None else workspaces,
        crossing=crossing,
        crossing_bytes=np.array([sum(per_image.get(name, 0) for name in names) for names in crossing], dtype=np.int64),
        possible=possible,
        weight_bytes={name: one.numel() * one.element_size() for name, one in model.weights.items()},
        trained={name: one.numel() if name in model.parameters else 0 for name, one in model.weights.items()},
        shapes=shapes,
    )


def _crossing(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """The values that cross each position, in the order in which they were made."""
    made = {one.name: 0 for one in graph.inputs}
    made.update({node.name: at + 1 for at, node in enumerate(graph.nodes)})
    needed = {one.name: len(graph.nodes) for one in graph.outputs}
    for at, node in enumerate(graph.nodes):
        for one in references(node):
            if isinstance(one, Value):
                needed[one.name] = max(needed.get(one.name, 0), at)
    return tuple(tuple(name for name, first in made.items() if first <= at <= needed.get(name, -1))
                 for at in range(len(graph.nodes) + 1))


def _multiply_adds(module: GraphModule, images: int) -> IntArray:
    """Of each node, (n,): half of what torch counts as floating point operations."""
    totals: list[int] = []
    with FlopCounterMode(display=False) as counter:
        meta_run(module, images, lambda _node, _made: totals.append(counter.get_total_flops()))
    running = np.array(totals[len(module.graph.inputs) - 1 :], dtype=np.int64)
    counts: IntArray = (running[1:] - running[:-1]) // 2
    return counts


def _live_bytes(module: GraphModule, images: int) -> IntArray:
    """Bytes of all memory that values share while each node runs, (n,); from who shares whose in a run without data."""
    graph = module.graph
    made = values_made(module, images)  # kept alive, so that no memory is mistaken for another that had its place
    memory = {name: [(one.untyped_storage()._cdata, one.untyped_storage().nbytes())
                     for one in (found if isinstance(found, (tuple, list)) else (found,))]
              for name, found in made.items()}
    crossing = _crossing(graph)
    live = []
    for at, node in enumerate(graph.nodes):
        sizes = {key: size for name in (*crossing[at], node.name) for key, size in memory[name]}
        live.append(sum(sizes.values()))
    return np.array(live, dtype=np.int64)

