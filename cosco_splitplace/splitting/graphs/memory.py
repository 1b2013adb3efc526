"""Child process that measures the memory of one fragment of format 2.

``python -m cosco_splitplace.splitting.graphs.memory FOLDER INDEX IMAGES AT_ONCE [--operators]`` writes one JSON object.
A process of its own, because peak memory can only be read for a whole process. With ``--operators`` the peak is reset
before each operator, which shows what torch takes beyond inputs and outputs (oneDNN reorders activations, for one).
"""

from __future__ import annotations

import argparse
import ctypes
import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...agent import runtime  # noqa: F401  (its memory belongs to that of a fragment's process)
from ...agent.allocation import reuse_freed_memory
from ...agent.answers import answer
from ...errors import SplitPlaceError
from ..measure import peak_rss_kb
from .artifact import load_graph_fragment
from .graph import DTYPES

__all__ = ["MeasuredMemory", "measured_memory"]

_PACKAGE_PARENT = Path(__file__).resolve().parents[3]
_TIMEOUT_S = 900  # a batch of a large network takes seconds; a loaded machine may take many times that
_MMAP_THRESHOLD, _THRESHOLD_BYTES = -3, 65536  # glibc's M_MMAP_THRESHOLD: what is freed goes back to the system at once


@dataclasses.dataclass(frozen=True)
class MeasuredMemory:
    """Of one fragment in a process of its own, on one thread."""

    runtime_mb: float  # torch and the agent's runtime, before the fragment is loaded
    loaded_mb: float  # with the fragment's weights, all read
    used_mb: float  # torch after the batch, without weights: it loads code when it runs an operator for the first time
    peak_mb: float  # after one batch, its outputs written as a payload
    load_s: float
    batch_s: float
    workspace_bytes: NDArray[np.int64]  # (n,) of each operator; empty if not asked for


def measured_memory(folder: Path, index: int, images: int, at_once: int, operators: bool = False) -> MeasuredMemory:
    """Run fragment `index` of the artifact in `folder` on a batch of `images`, `at_once` at a time, in a child process.

    Raises
    ------
    SplitPlaceError
        It failed: with the child's message.
    """
    command = [sys.executable, "-m", "cosco_splitplace.splitting.graphs.memory",
               str(folder), str(index), str(images), str(at_once)]
    path = os.pathsep.join(filter(None, [str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run([*command, *(["--operators"] if operators else [])], env=environment,  # noqa: S603
                              capture_output=True, text=True, check=True, timeout=_TIMEOUT_S)
        found: dict[str, Any] = json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()[-1:] or [f"exit status {error.returncode}"]
        raise SplitPlaceError(f"measuring fragment {index} of {folder} failed: {reason[0]}") from None
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        raise SplitPlaceError(f"measuring fragment {index} of {folder} failed: {error}") from None
    return MeasuredMemory(**{**found, "workspace_bytes": np.array(found["workspace_bytes"], dtype=np.int64)})


def _measure(folder: Path, index: int, images: int, at_once: int, operators: bool) -> MeasuredMemory:
    reuse_freed_memory()
    torch.set_num_threads(1)
    at_first = peak_rss_kb()
    began = time.perf_counter()
    module = load_graph_fragment(folder, index)
    load_s = time.perf_counter() - began
    for weight in module.weights.values():
        weight.sum()  # they are mapped: what was not read is not there
    loaded = peak_rss_kb()
    workspaces: list[int] = []
    if operators:
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _THRESHOLD_BYTES)
        module._steps = tuple(dataclasses.replace(step, function=_watched(step.function, workspaces))
                              for step in module._steps)
    inputs = [_ones(images, one.shape, DTYPES[one.dtype]) for one in module.graph.inputs]
    began = time.perf_counter()
    with torch.inference_mode():
        content = answer(module, inputs, at_once)
    batch_s, peak = time.perf_counter() - began, peak_rss_kb()
    del content
    weights_kb = sum(one.nbytes for one in module.weights.values()) / 1024
    return MeasuredMemory(at_first / 1024, loaded / 1024, (_resident_kb() - weights_kb) / 1024, peak / 1024, load_s,
                          batch_s, np.array(workspaces, dtype=np.int64))


def _watched(function: Callable[..., Any], workspaces: list[int]) -> Callable[..., Any]:
    """`function`, with what it takes at most beyond what it leaves added to `workspaces`, in bytes."""

    def watched(*args: Any, **kwargs: Any) -> Any:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is the present size from now on
        made = function(*args, **kwargs)
        workspaces.append(max(0, peak_rss_kb() - _resident_kb()) * 1024)
        return made

    return watched


def _resident_kb() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return peak_rss_kb()


def _ones(images: int, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    # not zeros: zeroed memory is not resident until it is written
    return torch.ones((images, *shape), dtype=dtype)


def main(arguments: list[str] | None = None) -> int:
    """Measure the fragment that the arguments name and write the numbers as JSON."""
    parser = argparse.ArgumentParser(prog="python -m cosco_splitplace.splitting.graphs.memory", description=__doc__)
    parser.add_argument("folder", type=Path, help="artifact folder")
    parser.add_argument("index", type=int, help="fragment, from 0")
    parser.add_argument("images", type=int, help="images in the batch")
    parser.add_argument("at_once", type=int, help="images that torch is given at once")
    parser.add_argument("--operators", action="store_true", help="measure each operator's workspace, too")
    given: Any = parser.parse_args(arguments)
    found = _measure(given.folder, given.index, given.images, given.at_once, given.operators)
    sys.stdout.write(json.dumps({**vars(found), "workspace_bytes": found.workspace_bytes.tolist()}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
