"""Child process that measures one fragment alone.

``python -m cosco_splitplace.splitting.measure FOLDER INDEX INPUTS`` writes one JSON object to standard output. INPUTS
says what goes in, as JSON: finding it out here could take memory that is none of the fragment's.
A process of its own, because peak memory can only be read for a whole process and never goes down again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..agent.allocation import reuse_freed_memory
from .artifacts import load_fragment
from .graphs.graph import TensorSpec

__all__ = ["TIMED_BATCH", "main", "measure_fragment", "peak_rss_kb", "pin", "timing"]

TIMED_BATCH = 256  # images at once, where memory allows
# Made up: large enough to stand far above the allocator's noise, and no more memory than a machine of 2 GB has.
_MOST_HELD = 2048
_MOST_HELD_KB = 500_000
_PROBE = 16  # images that tell how many may be held
_FEWEST_RUNS, _MOST_RUNS, _TIMED_S = 5, 50, 0.5  # a batch is run again until it took _TIMED_S; our choice
_LONG_S = 10.0  # of a batch that takes so long, fewer runs than _FEWEST_RUNS are enough, but two


def peak_rss_kb() -> int:
    """Largest resident memory of this process since it started, in kB.

    From VmHWM, not from ``ru_maxrss``: the kernel carries the latter over from the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    import resource  # not on Windows, where there is no /proc either

    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage // 1024 if sys.platform == "darwin" else usage


def pin(threads: int) -> None:
    """Give torch ``threads`` threads, and this process as many CPUs, the last of those that it may use."""
    torch.set_num_threads(threads)
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[-threads:])


def measure_fragment(
    folder: Path, index: int, inputs: Sequence[TensorSpec], batches: Sequence[int] = (), threads: int = 1,
) -> dict[str, Any]:
    """Peak memory for one image, its growth with the images held at once, and times by batch size.

    Sizes are run in ascending order, so that the peak after each is its own; each is warmed up by a run that is not
    counted. Returns ``runtime_rss_mb`` (the process with torch, before the fragment is loaded), ``load_s``,
    ``ram_base_mb``, ``ram_per_image_kb`` (resident input, activations and output), ``seconds_per_1000_images`` and
    ``batches``: for 1, TIMED_BATCH and those asked for ``batch``, ``latency_ms`` (median), ``fastest_ms``,
    ``latency_p90_ms``, ``images_per_s``, ``cpu_ms`` (of one run), ``runs`` and ``peak_rss_mb``.
    """
    pin(threads)
    runtime_kb, began = peak_rss_kb(), time.perf_counter()
    module = load_fragment(folder, index)
    load_s = time.perf_counter() - began
    with torch.inference_mode():
        _run(module, 1, inputs)
        base_kb = peak_rss_kb()
        timed = {1: _timed(module, 1, inputs)}
        _run(module, _PROBE, inputs)
        image_kb = max(1.0, (peak_rss_kb() - base_kb) / (_PROBE - 1))
        most = max(_PROBE, min(_MOST_HELD, int(_MOST_HELD_KB / image_kb)))
        held = (most // 4, most)
        usual = min(TIMED_BATCH, most)
        peaks_kb = {}
        for batch in sorted({*batches, usual, *held} - {1}):
            if batch in batches or batch == usual:
                timed[batch] = _timed(module, batch, inputs)
            else:
                _run(module, batch, inputs)
            peaks_kb[batch] = peak_rss_kb()
    slope_kb = (peaks_kb[held[1]] - peaks_kb[held[0]]) / (held[1] - held[0])
    return {"runtime_rss_mb": round(runtime_kb / 1024, 1), "load_s": round(load_s, 4), "threads": threads,
            "ram_base_mb": round(base_kb / 1024, 1), "ram_per_image_kb": round(slope_kb, 2),
            "seconds_per_1000_images": round(timed[usual]["latency_ms"] / usual, 4),
            "batches": [timed[batch] for batch in sorted(timed)]}


def _timed(module: torch.nn.Module, batch: int, inputs: Sequence[TensorSpec]) -> dict[str, Any]:
    tensors = _random(batch, inputs)
    module(*tensors)  # warm-up
    seconds: list[float] = []
    cpu_began = time.process_time()
    while len(seconds) < 2 or (sum(seconds) < (_TIMED_S if len(seconds) >= _FEWEST_RUNS else _LONG_S)
                               and len(seconds) < _MOST_RUNS):
        began = time.perf_counter()
        module(*tensors)
        seconds.append(time.perf_counter() - began)
    return timing(batch, seconds, (time.process_time() - cpu_began) / len(seconds))


def timing(batch: int, seconds: Sequence[float], cpu_s: float) -> dict[str, Any]:
    """What is told of runs that took ``seconds`` each and ``cpu_s`` of all threads in the mean; the peak is so far."""
    median = statistics.median(seconds)
    return {"batch": batch, "latency_ms": round(median * 1e3, 4), "fastest_ms": round(min(seconds) * 1e3, 4),
            "latency_p90_ms": round(statistics.quantiles(seconds, n=10, method="inclusive")[-1] * 1e3, 4),
            "images_per_s": round(batch / median, 1), "cpu_ms": round(cpu_s * 1e3, 4), "runs": len(seconds),
            "peak_rss_mb": round(peak_rss_kb() / 1024, 1)}


def _run(module: torch.nn.Module, batch: int, inputs: Sequence[TensorSpec]) -> None:
    module(*_random(batch, inputs))


def _random(batch: int, inputs: Sequence[TensorSpec]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [one.random(batch, generator) for one in inputs]


def main(arguments: list[str] | None = None) -> int:
    """Measure the fragment that the arguments name and write the numbers as JSON."""
    parser = argparse.ArgumentParser(prog="python -m cosco_splitplace.splitting.measure", description=__doc__)
    parser.add_argument("folder", type=Path, help="artifact folder")
    parser.add_argument("index", type=int, help="fragment, from 0")
    parser.add_argument("inputs", type=json.loads, help="name, shape of one image and type of each input, as JSON")
    parser.add_argument("--batches", default="", help="more batch sizes to time, such as 1,8,64")
    parser.add_argument("--threads", type=int, default=1)
    given: Any = parser.parse_args(arguments)
    reuse_freed_memory()  # as an agent's fragments do; else a run maps its activations anew or not, as chance has it
    inputs = [TensorSpec(one["name"], tuple(one["shape"]), one["dtype"]) for one in given.inputs]
    measured = measure_fragment(given.folder, given.index, inputs, _numbers(given.batches), given.threads)
    sys.stdout.write(json.dumps(measured) + "\n")
    return 0


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(",") if number)


if __name__ == "__main__":
    sys.exit(main())
