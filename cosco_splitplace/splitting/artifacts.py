"""Split networks on disk: a folder with ``manifest.json`` and one safetensors file a fragment.

The manifest (format 1) describes every fragment's operators and names the SHA-256, shapes and types of its weights,
so that an artifact needs none of the code that made it, and a damaged one is noticed before it runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as save_tensors

from ..datafiles import field, read_json
from ..errors import DataFileError
from ..pipeline.payload import TENSOR
from .artifact_folders import checked_weights, signature, whole_folder
from .graphs.artifact import GRAPH_FORMAT, fragment_graph, load_graph_fragment
from .graphs.graph import TensorSpec
from .names import MANIFEST, fragment_file
from .network import build_network, operators_from_json, operators_to_json
from .split_network import BRANCHES, SplitNetwork

__all__ = ["FORMAT", "REMEDY", "fragment_file", "input_tensors", "load_artifact", "load_fragment", "save_artifact"]

FORMAT = 1
REMEDY = "cosco-splitplace train applications"


def save_artifact(network: SplitNetwork, folder: Path) -> str:
    """Write ``network`` to ``folder`` and return the artifact's hash.

    All files are written into a temporary folder beside it, which is then renamed: a folder of this name is whole
    or not there. An artifact that was there is replaced; a folder that is none is refused with DataFileError.
    Raises ValueError if a module's weights are not those that its operators have.
    """
    with whole_folder(Path(folder)) as temporary:
        manifest = json.dumps(_manifest(network, temporary), indent=1) + "\n"
        (temporary / MANIFEST).write_text(manifest, encoding="utf-8")
    return hashlib.sha256(manifest.encode("utf-8")).hexdigest()


def load_artifact(folder: Path) -> SplitNetwork:
    """Read and check the artifact in ``folder``.

    Raises DataFileError, naming the file and the command that makes it again, if a file is missing or damaged, its
    hash, shapes or types are not the manifest's, or the manifest is of another version.
    """
    folder = Path(folder)
    file = folder / MANIFEST
    manifest = read_json(file, REMEDY, FORMAT)
    entries = field(manifest, "fragments", list, file, REMEDY)
    try:
        operators = tuple(operators_from_json(entry.get("operators"), f"fragments[{index}].operators")
                          for index, entry in enumerate(entries))
        return SplitNetwork(
            application=field(manifest, "application", str, file, REMEDY),
            split=field(manifest, "split", str, file, REMEDY),
            structure=field(manifest, "structure", str, file, REMEDY),
            source=field(manifest, "source", str, file, REMEDY),
            image_shape=_image_shape(field(manifest, "image_shape", list, file, REMEDY)),
            n_classes=field(manifest, "n_classes", int, file, REMEDY),
            operators=operators,
            fragments=tuple(load_fragment(folder, index, entry) for index, entry in enumerate(entries)),
            class_groups=tuple(tuple(group) for group in field(manifest, "class_groups", list, file, REMEDY)),
            held_out_sha256=field(manifest, "held_out_sha256", str, file, REMEDY),
            artifact_hash=hashlib.sha256(file.read_bytes()).hexdigest(),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise DataFileError(f"{file} is damaged ({error}); make it again with: {REMEDY}") from error


def load_fragment(folder: Path, index: int, entry: Mapping[str, Any] | None = None) -> torch.nn.Module:
    """The module of fragment ``index`` in eval mode, from its manifest ``entry`` (read here if not given)."""
    if entry is None:
        if format_of(folder) == GRAPH_FORMAT:
            return load_graph_fragment(folder, index)
        fragments = field(read_json(folder / MANIFEST, REMEDY, FORMAT), "fragments", list, folder / MANIFEST, REMEDY)
        if not 0 <= index < len(fragments):
            raise ValueError(f"{folder} has fragments 0 to {len(fragments) - 1}, got {index}")
        entry = dict(fragments[index])
    module = build_network(operators_from_json(entry.get("operators"), f"fragments[{index}].operators"))
    weights = checked_weights(folder / fragment_file(index), entry, REMEDY)
    try:
        module.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise DataFileError(f"{folder / fragment_file(index)} does not fit its operators ({error}); "
                            f"make it again with: {REMEDY}") from None
    return module.eval().requires_grad_(False)


def input_tensors(folder: Path, index: int) -> tuple[TensorSpec, ...]:
    """What goes into fragment ``index``: uint8 pixels or float32 activations; whatever its graph says in format 2.

    A chain's shapes are found by sending one image through the fragments before, with weights that do not matter.
    """
    if format_of(folder) == GRAPH_FORMAT:
        return fragment_graph(folder, index).inputs
    manifest = read_json(folder / MANIFEST, REMEDY, FORMAT)
    image = tuple(field(manifest, "image_shape", list, folder / MANIFEST, REMEDY))
    if index == 0 or manifest.get("structure") == BRANCHES:
        return (TensorSpec(TENSOR, image, "uint8"),)
    activation = torch.zeros((1, *image), dtype=torch.uint8)
    with torch.no_grad():
        for before in field(manifest, "fragments", list, folder / MANIFEST, REMEDY)[:index]:
            activation = build_network(operators_from_json(before["operators"], "operators")).eval()(activation)
    return (TensorSpec(TENSOR, tuple(activation.shape[1:]), "float32"),)


def format_of(folder: Path) -> int:
    """1: operators in a chain; 2: a graph of torch operators. Raises DataFileError for what is neither."""
    version: int = read_json(folder / MANIFEST, REMEDY, (FORMAT, GRAPH_FORMAT))["format"]
    return version


def _manifest(network: SplitNetwork, folder: Path) -> dict[str, Any]:
    """The manifest's content; the weights that it describes are written to ``folder``."""
    fragments = []
    for index, (operators, module) in enumerate(zip(network.operators, network.fragments)):
        weights = {name: tensor.detach().contiguous() for name, tensor in module.state_dict().items()}
        if list(weights) != list(build_network(operators).state_dict()):
            raise ValueError(f"the weights of fragment {index} are not those of its operators")
        content = save_tensors(weights)
        (folder / fragment_file(index)).write_bytes(content)
        fragments.append({
            "operators": operators_to_json(operators),
            "weights": fragment_file(index),
            "sha256": hashlib.sha256(content).hexdigest(),
            "tensors": {name: signature(tensor) for name, tensor in sorted(weights.items())},
        })
    return {
        "format": FORMAT, "application": network.application, "split": network.split,
        "structure": network.structure, "source": network.source, "held_out_sha256": network.held_out_sha256,
        "image_shape": list(network.image_shape), "n_classes": network.n_classes,
        "class_groups": [list(group) for group in network.class_groups], "fragments": fragments,
    }


def _image_shape(numbers: list[Any]) -> tuple[int, int, int]:
    if len(numbers) != 3 or not all(isinstance(number, int) and number > 0 for number in numbers):
        raise ValueError(f"image_shape must be three whole numbers, got {numbers}")
    return numbers[0], numbers[1], numbers[2]
