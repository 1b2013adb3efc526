"""The measured profile of every fragment of an artifact, as it stands in ``data/apps.json``."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil
import torch

from ..errors import SplitPlaceError
from .artifacts import fragment_file, load_artifact
from .costs import bytes_of, count_parameters, counted_forward
from .split_network import CHAIN

__all__ = ["MeasuredFragment", "machine_description", "measure_artifact"]

_PACKAGE_PARENT = Path(__file__).resolve().parents[2]
_MEASURE_TIMEOUT_S = 180  # a fragment takes 3 s; a loaded machine may take many times that


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


def measure_artifact(
    folder: Path, on_fragment: Callable[[int, int], None] | None = None
) -> tuple[MeasuredFragment, ...]:
    """Measure every fragment of the artifact in ``folder``, each in a process of its own, one after another.

    ``on_fragment(done, total)`` is called after each. Raises DataFileError for a damaged artifact and
    SplitPlaceError, with the child's message, if a measurement fails.
    """
    network = load_artifact(folder)
    pixels = torch.zeros((1, *network.image_shape), dtype=torch.uint8)
    measured: list[MeasuredFragment] = []
    activation = pixels
    for index, module in enumerate(network.fragments):
        given = activation if network.structure == CHAIN else pixels
        activation, multiply_adds = counted_forward(module, given)
        memory_and_time = _measure_in_child(folder, index, given)
        measured.append(MeasuredFragment(
            multiply_adds=multiply_adds,
            parameters=count_parameters(module),
            weights_bytes=(folder / fragment_file(index)).stat().st_size,
            input_bytes=bytes_of(given),
            output_bytes=bytes_of(activation),
            **memory_and_time,
        ))
        if on_fragment is not None:
            on_fragment(index + 1, len(network.fragments))
    return tuple(measured)


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


def _measure_in_child(folder: Path, index: int, given: torch.Tensor) -> dict[str, float]:
    shape = ",".join(str(length) for length in given.shape[1:])
    command = [sys.executable, "-m", "cosco_splitplace.splitting.measure", str(folder), str(index), shape,
               str(given.dtype).replace("torch.", "")]
    # The child must find this very package, whether it is installed or run from its sources.
    path = os.pathsep.join(filter(None, [str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True,  # noqa: S603
                              timeout=_MEASURE_TIMEOUT_S)
        numbers: dict[str, float] = json.loads(done.stdout)
        return numbers
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()[-1:] or [f"exit status {error.returncode}"]
        raise SplitPlaceError(f"measuring fragment {index} of {folder} failed: {reason[0]}") from None
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        raise SplitPlaceError(f"measuring fragment {index} of {folder} failed: {error}") from None
