"""The measured profile of every fragment of an artifact, as it stands in ``data/apps.json``."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import torch

from ..datafiles import field, read_json
from ..errors import SplitPlaceError
from .artifacts import FORMAT, REMEDY, fragment_file, input_tensors, load_fragment
from .costs import bytes_of, count_parameters, counted_forward
from .graphs.artifact import GRAPH_FORMAT, GRAPH_REMEDY
from .graphs.costs import graph_costs
from .graphs.graph import DTYPES, TensorSpec
from .graphs.module import GraphModule
from .graphs.tracing import TracedModel
from .names import MANIFEST

__all__ = ["BatchTiming", "Measure", "MeasuredFragment", "ProfiledFragment", "machine_description", "measure_artifact",
           "measured_on", "profile_artifact", "profile_entries", "read_manifest"]

_PACKAGE_PARENT = Path(__file__).resolve().parents[2]
Measure = Callable[[Path, int, Sequence[TensorSpec], Sequence[int], int], Mapping[str, Any]]
_MEASURE_TIMEOUT_S = 600  # a fragment takes 3 s; a large one on a loaded machine may take many times that


@dataclass(frozen=True)
class MeasuredFragment:
    """Costs of one fragment. Bytes and multiply-adds are for one image."""

    multiply_adds: int
    parameters: int
    weights_bytes: int  # the file that travels to a host
    input_bytes: int  # uint8 pixels for the first of a chain and for every branch, else float32 activations
    output_bytes: int  # float32
    ram_base_mb: float  # peak of a process with torch, the fragment and one image
    ram_per_image_kb: float  # growth of the peak with each image that is held at once
    seconds_per_1000_images: float  # one thread of the measuring machine; information only


@dataclass(frozen=True)
class BatchTiming:
    """One fragment on ``batch`` images at once; times are medians over ``runs`` runs after a warm-up."""

    batch: int
    latency_ms: float
    fastest_ms: float  # what the machine can do when nothing disturbs it
    latency_p90_ms: float
    images_per_s: float
    cpu_ms: float  # of all threads, mean of a run
    runs: int
    peak_rss_mb: float  # of its process, so far


@dataclass(frozen=True)
class ProfiledFragment:
    """Costs of one fragment, and its times by batch size, as its own process measured them."""

    costs: MeasuredFragment
    runtime_rss_mb: float  # the process with torch, before the fragment was loaded
    load_s: float  # NaN, as is the one before, where an agent measured
    threads: int
    batches: tuple[BatchTiming, ...]

    def at(self, batch: int) -> BatchTiming:
        """The timing of ``batch`` images; KeyError if it was not measured."""
        return {one.batch: one for one in self.batches}[batch]


def measure_artifact(
    folder: Path, on_fragment: Callable[[int, int], None] | None = None
) -> tuple[MeasuredFragment, ...]:
    """The costs of every fragment of the artifact in ``folder``; as :func:`profile_artifact` measures them."""
    return tuple(one.costs for one in profile_artifact(folder, on_fragment=on_fragment))


def profile_artifact(
    folder: Path, batches: Sequence[int] = (), threads: int = 1,
    on_fragment: Callable[[int, int], None] | None = None, measure: Measure | None = None,
) -> tuple[ProfiledFragment, ...]:
    """Measure every fragment of the artifact in ``folder``, each in a process of its own, one after another.

    ``batches``: sizes to time besides 1 and 256. ``threads``: torch's in each process, which is pinned to as many
    CPUs. ``on_fragment(done, total)`` is called after each. ``measure``: who measures a fragment, if not a child
    process of this one: it is given folder, index, inputs, batches and threads, and returns what measure.py returns.
    Raises DataFileError for a damaged artifact, SplitPlaceError, with the child's message, if a measurement fails, and
    ValueError for sizes below 1.
    """
    if threads < 1 or any(batch < 1 for batch in batches):
        raise ValueError(f"batches and threads must be 1 or more, got {list(batches)} and {threads}")
    entries = read_manifest(folder)["fragments"]
    profiled: list[ProfiledFragment] = []
    for index, entry in enumerate(entries):
        inputs = input_tensors(folder, index)
        multiply_adds, parameters, output_bytes = _counted(folder, index, entry, inputs)
        measured = (measure or _measure_in_child)(folder, index, inputs, batches, threads)
        costs = MeasuredFragment(
            multiply_adds=multiply_adds,
            parameters=parameters,
            weights_bytes=(folder / fragment_file(index)).stat().st_size,
            input_bytes=sum(one.bytes_per_image for one in inputs),
            output_bytes=output_bytes,
            ram_base_mb=measured["ram_base_mb"],
            ram_per_image_kb=measured["ram_per_image_kb"],
            seconds_per_1000_images=measured["seconds_per_1000_images"],
        )
        timings = tuple(BatchTiming(**one) for one in measured["batches"])
        profiled.append(ProfiledFragment(costs, measured["runtime_rss_mb"], measured["load_s"], measured["threads"],
                                         timings))
        if on_fragment is not None:
            on_fragment(index + 1, len(entries))
    return tuple(profiled)


def _counted(folder: Path, index: int, entry: Mapping[str, Any], inputs: Sequence[TensorSpec]) -> tuple[int, int, int]:
    """Multiply-adds and bytes out for one image, and trained numbers, of a fragment: (multiply-adds, numbers, bytes).
    """
    module = load_fragment(folder, index)
    if isinstance(module, GraphModule):
        costs = graph_costs(TracedModel(module.graph, module.weights, frozenset()), 1)
        return (int(costs.multiply_adds.sum()), int(entry["parameters"]),
                sum(one.bytes_per_image for one in module.graph.outputs))
    (given,) = inputs
    output, multiply_adds = counted_forward(module, torch.zeros((1, *given.shape), dtype=DTYPES[given.dtype]))
    return multiply_adds, count_parameters(module), bytes_of(output)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of the artifact in ``folder``, of either format, with its fragments and structure there.

    A layer split of any model (format 2) is of the application that is called as the model. Raises DataFileError if it
    is missing, damaged or of another version.
    """
    file = Path(folder) / MANIFEST
    manifest = read_json(file, REMEDY, (FORMAT, GRAPH_FORMAT))
    if manifest["format"] == GRAPH_FORMAT:
        manifest["application"] = field(manifest, "model", str, file, GRAPH_REMEDY)
    for key, kind in (("fragments", list), ("structure", str), ("application", str), ("split", str)):
        field(manifest, key, kind, file, REMEDY)
    return manifest


def machine_description() -> dict[str, object]:
    """Processor model, cores and memory of this machine, without its name."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"processor": model, "cores": os.cpu_count() or 1,
            "memory_gb": round(psutil.virtual_memory().total / 2**30, 1)}


def measured_on(command: str) -> dict[str, object]:
    """The ``measured`` entry of ``apps.json``: when, where, with what and by which command."""
    return {"date": date.today().isoformat(), "machine": machine_description(),
            "python": platform.python_version(), "torch": str(torch.__version__), "command": command}


def profile_entries(measured: tuple[MeasuredFragment, ...]) -> list[dict[str, object]]:
    """The fragments as JSON objects."""
    return [dataclasses.asdict(fragment) for fragment in measured]


def _measure_in_child(
    folder: Path, index: int, inputs: Sequence[TensorSpec], batches: Sequence[int], threads: int
) -> dict[str, Any]:
    command = [sys.executable, "-m", "cosco_splitplace.splitting.measure", str(folder), str(index),
               json.dumps([vars(one) for one in inputs]), "--batches", ",".join(map(str, batches)),
               "--threads", str(threads)]
    # The child must find this very package, whether it is installed or run from its sources.
    path = os.pathsep.join(filter(None, [str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(threads)}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True,  # noqa: S603
                              timeout=_MEASURE_TIMEOUT_S)
        numbers: dict[str, Any] = json.loads(done.stdout)
        return numbers
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()[-1:] or [f"exit status {error.returncode}"]
        raise SplitPlaceError(f"measuring fragment {index} of {folder} failed: {reason[0]}") from None
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        raise SplitPlaceError(f"measuring fragment {index} of {folder} failed: {error}") from None
