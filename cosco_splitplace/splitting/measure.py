"""Child process that measures one fragment alone.

``python -m cosco_splitplace.splitting.measure FOLDER INDEX SHAPE TYPE`` writes one JSON object to standard output.
A process of its own, because peak memory can only be read for a whole process and never goes down again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch

from .artifacts import load_fragment

__all__ = ["main", "measure_fragment", "peak_rss_kb"]

# Made up: large enough to stand far above the allocator's noise, small enough for a machine of 2 GB.
BATCHES_HELD = (512, 2048)
_TIMED_IMAGES = 256
_TIMED_RUNS = 5


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


def measure_fragment(folder: Path, index: int, input_shape: tuple[int, ...], input_type: str) -> dict[str, float]:
    """Peak memory for one image, its growth with the images held at once, and time, on one thread.

    Returns ``ram_base_mb``, ``ram_per_image_kb`` (resident input, activations and output) and
    ``seconds_per_1000_images`` (median of five runs of 256 images).
    """
    torch.set_num_threads(1)
    module = load_fragment(folder, index)
    with torch.no_grad():
        module(_inputs(1, input_shape, input_type))
        base_kb = peak_rss_kb()
        images = _inputs(_TIMED_IMAGES, input_shape, input_type)
        module(images)  # warm-up
        seconds = []
        for _ in range(_TIMED_RUNS):
            start = time.perf_counter()
            module(images)
            seconds.append(time.perf_counter() - start)
        peaks_kb = []
        for batch in BATCHES_HELD:
            images = _inputs(batch, input_shape, input_type)
            module(images)
            peaks_kb.append(peak_rss_kb())
    slope_kb = (peaks_kb[1] - peaks_kb[0]) / (BATCHES_HELD[1] - BATCHES_HELD[0])
    return {"ram_base_mb": round(base_kb / 1024, 1), "ram_per_image_kb": round(slope_kb, 2),
            "seconds_per_1000_images": round(statistics.median(seconds) * 1000 / _TIMED_IMAGES, 4)}


def _inputs(batch: int, shape: tuple[int, ...], input_type: str) -> torch.Tensor:
    # ones, not zeros: zeroed memory is not resident until it is written
    return torch.ones((batch, *shape), dtype=torch.uint8 if input_type == "uint8" else torch.float32)


def main(arguments: list[str] | None = None) -> int:
    """Measure the fragment that the arguments name and write the numbers as JSON."""
    parser = argparse.ArgumentParser(prog="python -m cosco_splitplace.splitting.measure", description=__doc__)
    parser.add_argument("folder", type=Path, help="artifact folder")
    parser.add_argument("index", type=int, help="fragment, from 0")
    parser.add_argument("shape", help="input shape of one image, such as 3,32,32")
    parser.add_argument("type", choices=("uint8", "float32"), help="input type")
    given: Any = parser.parse_args(arguments)
    shape = tuple(int(number) for number in given.shape.split(","))
    sys.stdout.write(json.dumps(measure_fragment(given.folder, given.index, shape, given.type)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
