"""Where to cut a chain of nodes into K fragments of balanced work, exactly, by dynamic programming.

A table of what every possible fragment, nodes i to j - 1, costs is all that is needed: the best K fragments up to j
are the best K - 1 up to some i, and the fragment from i to j. So every one of the n^(K - 1) ways to cut is considered
in K * n^2 steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np
from numpy.typing import NDArray

from ...errors import ConfigurationError
from .costs import GraphCosts

__all__ = ["TOLERANCE", "FragmentTable", "balanced_cuts", "equal_layers", "fewest_fragments"]

FloatArray = NDArray[np.float64]
TOLERANCE = 0.05  # of balance that is given for fewer crossing bytes; our choice
MEGABYTE = 2**20


class FragmentTable:
    """What every possible fragment costs; matrices (n + 1, n + 1), infinite where no fragment may be.

    Attributes
    ----------
    work : multiply-adds for one image.
    peak_bytes : memory for the batch, torch itself included.
    crossing_bytes : (n + 1,) for one image, at each position.
    before : (n + 1,) multiply-adds before each position.
    images : in a batch.
    """

    def __init__(self, costs: GraphCosts, runtime_bytes: float) -> None:
        self.images = costs.images
        self.before = total = np.concatenate([[0.0], np.cumsum(costs.multiply_adds, dtype=np.float64)])
        count = len(costs.multiply_adds)
        edge = costs.possible.copy()
        edge[[0, count]] = True
        work = total[None, :] - total[:, None]
        allowed = edge[:, None] & edge[None, :] & (work > 0) & (np.arange(count + 1)[:, None] < np.arange(count + 1))
        self.work: FloatArray = np.where(allowed, work, np.inf)
        self.peak_bytes: FloatArray = np.where(allowed, costs.peak_bytes() + runtime_bytes, np.inf)
        self.crossing_bytes: FloatArray = costs.crossing_bytes.astype(np.float64)
        self.runtime_bytes = runtime_bytes

    @property
    def most(self) -> int:
        """The largest number of fragments, each with some work, that the possible cuts allow; 0 if there is none."""
        longest = np.full(len(self.work), -np.inf)
        longest[0] = 0
        for end in range(1, len(self.work)):
            before = longest[np.isfinite(self.work[:, end])]
            longest[end] = before.max(initial=-np.inf) + 1
        return max(0, int(longest[-1])) if np.isfinite(longest[-1]) else 0

    def smallest_ram_mb(self, fragments: int) -> float:
        """The smallest limit that `fragments` fragments can keep, each in a process of its own."""
        return float(smallest_maximum(self.peak_bytes, fragments)[-1]) / MEGABYTE

    def require(self, fragments: int) -> None:
        """Raise ConfigurationError, with the possible range, if there can't be so many."""
        if not 1 <= fragments <= self.most:
            raise ConfigurationError(f"this model can be cut into 1 to {self.most} fragments (each has some "
                                     f"multiply-adds, and only whole tensors with the batch first cross), "
                                     f"got {fragments}")

    def at(self, positions: NDArray[np.int64]) -> FragmentTable:
        """The same for cuts at these positions only, the first and the last among them."""
        fewer = copy(self)
        fewer.before, fewer.crossing_bytes = self.before[positions], self.crossing_bytes[positions]
        square = np.ix_(positions, positions)
        fewer.work, fewer.peak_bytes = self.work[square], self.peak_bytes[square]
        return fewer

    def undominated(self, limits_mb: Sequence[float]) -> NDArray[np.int64]:
        """The positions that a best plan needs, whatever its hosts.

        Between two weighted layers there are several positions with the same work before them. One is as good as
        another where no more bytes cross it, and whatever fits into a RAM limit with the other fits with it.
        """
        fits = [self.peak_bytes <= limit * MEGABYTE for limit in limits_mb]
        kept: list[int] = []
        inner = np.flatnonzero(np.isfinite(self.work).any(axis=0) & np.isfinite(self.work).any(axis=1))

        def as_good(one: int, other: int) -> bool:
            return (self.before[one] == self.before[other] and self.crossing_bytes[one] <= self.crossing_bytes[other]
                    and all((fit[:, one] | ~fit[:, other]).all() and (fit[one] | ~fit[other]).all() for fit in fits))

        for position in sorted(inner.tolist(), key=lambda one: (self.before[one], self.crossing_bytes[one], one)):
            if not any(as_good(one, position) for one in kept if self.before[one] == self.before[position]):
                kept.append(position)
        return np.array([0, *sorted(kept), len(self.work) - 1])

    def within(self, ram_mb: float | None) -> FloatArray:
        """`work`, infinite where a fragment takes more than `ram_mb`."""
        limit = np.inf if ram_mb is None else ram_mb * MEGABYTE
        return np.where(self.peak_bytes <= limit, self.work, np.inf)


def balanced_cuts(
    table: FragmentTable, fragments: int, ram_mb: float | None = None, tolerance: float = TOLERANCE
) -> tuple[int, ...]:
    """The K - 1 cuts: the position of the first node of each fragment but the first.

    Among all cuts under the RAM limit whose largest fragment has at most ``1 + tolerance`` times the work that it must
    have (the smallest possible maximum), those over which the fewest bytes go.

    Raises
    ------
    ConfigurationError
        There are not so many possible cuts, or no cut keeps the RAM limit: the message says the smallest that can.
    """
    table.require(fragments)
    work = table.within(ram_mb)
    largest = smallest_maximum(work, fragments)[-1]
    if not np.isfinite(largest):
        raise ConfigurationError(no_room(table, fragments, ram_mb))
    good = np.isfinite(work) & (work <= largest * (1 + tolerance))
    best = np.where(np.arange(len(work)) == 0, 0.0, np.inf)
    choices = []
    for _ in range(fragments):
        sums = np.where(good, (best + table.crossing_bytes)[:, None], np.inf)
        choices.append(sums.argmin(axis=0))
        best = sums.min(axis=0)
    return traced_back(choices)


def fewest_fragments(table: FragmentTable, ram_mb: float) -> int:
    """The fewest fragments that keep the RAM limit; raises ConfigurationError with the smallest limit that can be kept.
    """
    best = np.where(np.arange(len(table.work)) == 0, 0.0, np.inf)
    lowest = np.inf
    for fragments in range(1, table.most + 1):
        best = _extended(best, table.peak_bytes)
        lowest = min(lowest, best[-1])
        if best[-1] <= ram_mb * MEGABYTE:
            return fragments
    raise ConfigurationError(f"no cut of this model keeps {ram_mb:g} MB a fragment; the smallest limit that one can "
                             f"keep is {np.ceil(lowest / MEGABYTE):.0f} MB, of which torch itself takes "
                             f"{table.runtime_bytes / MEGABYTE:.0f}; smaller batches (--batch) take less")


def equal_layers(costs: GraphCosts, fragments: int) -> tuple[int, ...]:
    """The naive way, for comparison: the same number of weighted layers in each fragment, whatever they cost."""
    layers = np.flatnonzero(costs.multiply_adds)
    return tuple(int(layers[round(len(layers) * part / fragments)]) for part in range(1, fragments))


def no_room(table: FragmentTable, fragments: int, ram_mb: float | None) -> str:
    """What to say where no cut keeps the limit."""
    return (f"no cut into {fragments} fragments keeps {ram_mb:g} MB a fragment; the smallest limit that one can keep "
            f"is {np.ceil(table.smallest_ram_mb(fragments)):.0f} MB, of which torch itself takes "
            f"{table.runtime_bytes / MEGABYTE:.0f}; more fragments (--fragments auto) or smaller batches (--batch) "
            "take less")


def smallest_maximum(cost: FloatArray, fragments: int) -> FloatArray:
    """For each end, (n + 1,): the smallest possible maximum of `cost` over `fragments` fragments up to there."""
    best: FloatArray = np.where(np.arange(len(cost)) == 0, 0.0, np.inf)
    for _ in range(fragments):
        best = _extended(best, cost)
    return best


def traced_back(choices: Sequence[NDArray[np.int64]]) -> tuple[int, ...]:
    """The cuts that a table of best starts, one array (n + 1,) a fragment, led to."""
    ends = [len(choices[0]) - 1]
    for best_start in reversed(choices):
        ends.append(int(best_start[ends[-1]]))
    return tuple(reversed(ends[1:-1]))


def _extended(best: FloatArray, cost: FloatArray) -> FloatArray:
    longer: FloatArray = np.maximum(best[:, None], cost).min(axis=0)
    return longer
