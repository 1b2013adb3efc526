"""How this process's memory is allocated: micro-batches of megabytes come and go, and their memory is used again.

By default the C library gives large blocks back to the system when they are freed, so that every page of every
micro-batch is made, zeroed and mapped anew, several times on its way; and each thread has memory of its own, which
grows to the largest micro-batch it has seen. Measured on an agent that takes in 80 payloads of 3 MB: 119,000 page
faults and 0.69 s of CPU become 600 and 0.35 s, and 119 MB of resident memory 40 MB.
"""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -2, -3, -8  # of glibc's malloc.h
LARGEST_KEPT = 32 * 2**20  # blocks above are mapped anew each time; glibc takes no more
KEPT, STEP = 32 * 2**20, 4 * 2**20  # freed memory that is kept, and how much is asked for at once; our choice


def reuse_freed_memory() -> None:
    """Do so from now on, where the C library is glibc; call it before threads start."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for what, value in (
        (M_ARENA_MAX, 1), (M_MMAP_THRESHOLD, LARGEST_KEPT), (M_TRIM_THRESHOLD, KEPT), (M_TOP_PAD, STEP),
    ):
        mallopt(what, value)
