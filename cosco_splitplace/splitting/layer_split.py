"""Layer split: a chain of operators cut into consecutive fragments, as even in work as the chain allows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from .costs import operator_costs
from .network import Operator

__all__ = ["balanced_cuts", "split_layers"]


def split_layers(
    operators: Sequence[Operator], image_shape: Sequence[int], fragments: int
) -> tuple[tuple[Operator, ...], ...]:
    """Cut ``operators`` into ``fragments`` consecutive fragments that are run one after another.

    The largest fragment's multiply-adds are as few as any cut allows; among such cuts the fewest bytes cross.
    Every fragment has some work. Raises ValueError, with the possible range, if there are not enough operators
    that have work.
    """
    costs = operator_costs(operators, image_shape)
    cuts = balanced_cuts([cost.multiply_adds for cost in costs], [cost.output_bytes for cost in costs], fragments)
    edges = [0, *cuts, len(operators)]
    return tuple(tuple(operators[start:end]) for start, end in zip(edges, edges[1:]))


def balanced_cuts(work: Sequence[int], crossing_bytes: Sequence[int], fragments: int) -> tuple[int, ...]:
    """Where to cut a chain: the index of the first operator of each fragment but the first.

    ``work[i]`` is what operator i costs, ``crossing_bytes[i]`` what goes over a cut right after it. Minimises the
    largest fragment's work first and the sum of crossing bytes second, exactly, by dynamic programming over the
    number of fragments: first the smallest possible maximum, then the cheapest cuts under it (both in one table
    would be wrong, for a prefix with a smaller maximum may cost bytes that the rest makes pointless).
    """
    most = sum(amount > 0 for amount in work)
    if not 1 <= fragments <= most:
        raise ValueError(f"this network can be cut into 1 to {most} fragments (one for each operator that has work), "
                         f"got {fragments}")
    totals = [0]
    for amount in work:
        totals.append(totals[-1] + amount)
    largest = _smallest_maximum(totals, fragments)

    @cache
    def cheapest(start: int, left: int) -> tuple[float, tuple[int, ...]]:
        """Fewest bytes, and the cuts, for operators from ``start`` in ``left`` fragments of at most ``largest``."""
        if left == 1:
            return (0.0, ()) if 0 < totals[-1] - totals[start] <= largest else (float("inf"), ())
        best: tuple[float, tuple[int, ...]] = (float("inf"), ())
        for cut in range(start + 1, len(work)):
            if 0 < totals[cut] - totals[start] <= largest:
                crossing, cuts = cheapest(cut, left - 1)
                best = min(best, (crossing + crossing_bytes[cut - 1], (cut, *cuts)))
        return best

    return cheapest(0, fragments)[1]


def _smallest_maximum(totals: Sequence[int], fragments: int) -> int:
    """The smallest possible work of the largest fragment, every fragment having some work."""

    @cache
    def smallest(start: int, left: int) -> float:
        if left == 1:
            rest = totals[-1] - totals[start]
            return rest if rest > 0 else float("inf")
        options = [max(totals[cut] - totals[start], smallest(cut, left - 1))
                   for cut in range(start + 1, len(totals) - 1) if totals[cut] > totals[start]]
        return min(options, default=float("inf"))

    return int(smallest(0, fragments))
