"""How many threads torch uses: sums in another order give other last bits, so that results name their number."""
from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

import torch


@contextmanager
def limited_threads(count: int) -> Iterator[None]:
    """Torch on `count` threads; the number that was set before comes back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
