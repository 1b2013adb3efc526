"""What a fragment's process takes at its peak, as a row of a study."""

from __future__ import annotations

from typing import Any, Mapping

from ...splitting.profiles import ProfiledFragment
from .units import Row

MEMORY_BATCH = 256  # images; the micro-batch of simulated fragments (fragments.micro_batch_images)


def memory_row(profiled: ProfiledFragment, what: Mapping[str, Any]) -> Row:
    """`what` it is, its size, its process's peak with MEMORY_BATCH images, and that without the torch runtime."""
    peak_mb = profiled.at(MEMORY_BATCH).peak_rss_mb
    return {
        **what, "multiply_adds": profiled.costs.multiply_adds, "parameters": profiled.costs.parameters,
        "peak_rss_mb": peak_mb, "network_rss_mb": round(peak_mb - profiled.runtime_rss_mb, 1),
    }
