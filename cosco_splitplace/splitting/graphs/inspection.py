"""What each fragment of an artifact is: counted from its graph, and, where asked for, measured in processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import ConfigurationError
from ..artifacts import format_of, input_tensors, load_artifact
from ..costs import count_parameters
from .artifact import GRAPH_FORMAT, GraphArtifact, load_graph_artifact
from .costs import graph_costs
from .memory import MeasuredMemory, measured_memory
from .module import GraphModule
from .tracing import TracedModel, trace_module

__all__ = ["FragmentRow", "inspect_artifact"]


@dataclass(frozen=True)
class FragmentRow:
    """One fragment. Bytes in and out are for one image; memory is for the batch."""

    operators: int
    operator_multiply_adds: tuple[int, ...]  # of each operator
    multiply_adds: int  # for one image
    parameters: int
    weights_bytes: int
    tensors_in: int
    tensors_out: int
    input_bytes: int
    output_bytes: int
    peak_bytes: int  # weights and activations, from the graph: without torch itself and its workspaces
    measured_peak_mb: float | None  # of a process of its own; None: not measured
    measured_runtime_mb: float | None  # of it: torch and the agent's runtime
    measured_batch_s: float | None


def inspect_artifact(
    folder: Path, images: int, measure: bool = False, on_fragment: Callable[[int, int], None] | None = None
) -> tuple[GraphArtifact, tuple[FragmentRow, ...]]:
    """The artifact in `folder` and a row for each fragment, for batches of `images`.

    Raises
    ------
    DataFileError
        The artifact is missing or damaged.
    """
    counted_only = format_of(folder) != GRAPH_FORMAT
    if counted_only and measure:
        raise ConfigurationError(f"{folder} is of format 1, the application's own; its fragments were measured when it "
                                 "was written: leave --measure out")
    artifact = _traced_artifact(folder) if counted_only else load_graph_artifact(folder)
    rows = []
    for index, module in enumerate(artifact.fragments):
        costs = graph_costs(TracedModel(module.graph, module.weights, frozenset()), images)
        memory: MeasuredMemory | None = measured_memory(folder, index, images, images) if measure else None
        rows.append(FragmentRow(
            operators=len(module.graph.nodes),
            operator_multiply_adds=tuple(costs.multiply_adds.tolist()),
            multiply_adds=int(costs.multiply_adds.sum()),
            parameters=artifact.parameters[index],
            weights_bytes=sum(costs.weight_bytes.values()),
            tensors_in=len(module.graph.inputs),
            tensors_out=len(module.graph.outputs),
            input_bytes=sum(one.bytes_per_image for one in module.graph.inputs),
            output_bytes=sum(one.bytes_per_image for one in module.graph.outputs),
            peak_bytes=int(costs.peak_bytes()[0, -1]),
            measured_peak_mb=None if memory is None else round(memory.peak_mb, 1),
            measured_runtime_mb=None if memory is None else round(memory.runtime_mb, 1),
            measured_batch_s=None if memory is None else round(memory.batch_s, 4),
        ))
        if on_fragment is not None:
            on_fragment(index + 1, len(artifact.fragments))
    return artifact, tuple(rows)


def _traced_artifact(folder: Path) -> GraphArtifact:
    """An artifact of format 1 (operators in a chain, or branches) as graphs, to be looked at."""
    network = load_artifact(folder)
    models = []
    for index, fragment in enumerate(network.fragments):
        (given,) = input_tensors(folder, index)
        models.append(trace_module(fragment, given.shape, given.dtype))
    return GraphArtifact(
        model=f"{network.application} ({network.structure})",
        precision="float32",
        settings={},
        fragments=tuple(GraphModule(one.graph, one.weights) for one in models),
        parameters=tuple(count_parameters(fragment) for fragment in network.fragments),
    )
