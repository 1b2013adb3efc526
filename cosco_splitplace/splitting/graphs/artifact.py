"""A layer split on disk, format 2: ``manifest.json`` with the graph of each fragment, and its weights as safetensors.

A graph is a list of torch operators from a list of allowed ones (``operators``), so that an artifact is data: no code
of the model, no pickle, and nothing that a fragment could do to the machine that runs it. ``torch.export.save`` writes
a zip that holds pickled parts and needs the same torch to read; that is why it isn't used. One payload crosses a cut:
all tensors that the rest of the chain needs, by name, in one safetensors file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save as save_tensors

from ...datafiles import field, read_json
from ...errors import DataFileError
from ..artifact_folders import checked_weights, signature, storable, whole_folder
from ..names import MANIFEST, fragment_file
from .graph import Graph, graph_from_json, graph_to_json
from .module import GraphModule

__all__ = ["GRAPH_FORMAT", "GRAPH_REMEDY", "GraphArtifact", "fragment_graph", "load_graph_artifact",
           "load_graph_fragment", "save_graph_artifact"]

GRAPH_FORMAT = 2
GRAPH_REMEDY = "cosco-splitplace split MODEL --strategy layer"


@dataclass(frozen=True, eq=False)
class GraphArtifact:
    """A chain of fragments, and how it came to be."""

    model: str
    precision: str  # of the activations that cross a cut
    settings: Mapping[str, Any]  # how the cuts were chosen
    fragments: tuple[GraphModule, ...]
    parameters: tuple[int, ...]  # trained numbers of each fragment


def save_graph_artifact(artifact: GraphArtifact, folder: Path) -> None:
    """Write `artifact` to `folder`, whole or not at all; an artifact that was there is replaced.

    Raises
    ------
    DataFileError
        `folder` is there and is no artifact.
    """
    with whole_folder(Path(folder)) as temporary:
        fragments = [
            _write_fragment(temporary, index, module, parameters)
            for index, (module, parameters) in enumerate(zip(artifact.fragments, artifact.parameters))
        ]
        manifest = {"format": GRAPH_FORMAT, "split": "layer", "structure": "chain", "model": artifact.model,
                    "precision": artifact.precision, "settings": dict(artifact.settings), "fragments": fragments}
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def load_graph_artifact(folder: Path) -> GraphArtifact:
    """Read and check the artifact in `folder`.

    Raises
    ------
    DataFileError
        A file is missing or damaged, of another hash than its manifest says, or of another version.
    """
    file, manifest = _manifest(folder)
    entries = field(manifest, "fragments", list, file, GRAPH_REMEDY)
    if not entries:
        raise DataFileError(f"{file} lists no fragments; make it again with: {GRAPH_REMEDY}")
    return GraphArtifact(
        model=field(manifest, "model", str, file, GRAPH_REMEDY),
        precision=field(manifest, "precision", str, file, GRAPH_REMEDY),
        settings=field(manifest, "settings", dict, file, GRAPH_REMEDY),
        fragments=tuple(_fragment(folder, index, entry) for index, entry in enumerate(entries)),
        parameters=tuple(field(entry, "parameters", int, file, GRAPH_REMEDY) for entry in entries),
    )


def load_graph_fragment(folder: Path, index: int) -> GraphModule:
    """Fragment `index` alone; neither the others' weights nor any code of the model need be there.

    Raises
    ------
    ValueError
        There is no such fragment.
    DataFileError
        As `load_graph_artifact`.
    """
    return _fragment(folder, index, _entry(folder, index))


def fragment_graph(folder: Path, index: int) -> Graph:
    """What fragment `index` does and what goes in and out, without its weights; raises as `load_graph_fragment`."""
    return _graph(folder, index, _entry(folder, index))


def _manifest(folder: Path) -> tuple[Path, dict[str, Any]]:
    file = Path(folder) / MANIFEST
    return file, read_json(file, GRAPH_REMEDY, GRAPH_FORMAT)


def _entry(folder: Path, index: int) -> Any:
    entries = field(_manifest(folder)[1], "fragments", list, folder / MANIFEST, GRAPH_REMEDY)
    if not 0 <= index < len(entries):
        raise ValueError(f"{folder} has fragments 0 to {len(entries) - 1}, got {index}")
    return entries[index]


def _graph(folder: Path, index: int, entry: Any) -> Graph:
    file = Path(folder) / MANIFEST
    graph = field(entry, "graph", dict, file, GRAPH_REMEDY)
    with _damage_named(file):
        return graph_from_json(graph, f"fragments[{index}].graph")


def _fragment(folder: Path, index: int, entry: Any) -> GraphModule:
    graph = _graph(folder, index, entry)
    weights = checked_weights(Path(folder) / fragment_file(index), entry, GRAPH_REMEDY)
    with _damage_named(Path(folder) / MANIFEST):
        return GraphModule(graph, weights)


@contextmanager
def _damage_named(file: Path) -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        raise DataFileError(f"{file} is damaged ({error}); make it again with: {GRAPH_REMEDY}") from error


def _write_fragment(folder: Path, index: int, module: GraphModule, parameters: int) -> dict[str, Any]:
    weights = storable(module.weights)
    content = save_tensors(weights)
    (folder / fragment_file(index)).write_bytes(content)
    return {
        "graph": graph_to_json(module.graph),
        "parameters": parameters,
        "weights": fragment_file(index),
        "sha256": hashlib.sha256(content).hexdigest(),
        "tensors": {name: signature(tensor) for name, tensor in sorted(weights.items())},
    }

