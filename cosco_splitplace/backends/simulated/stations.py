"""Who is served next: stations and the fragments in them, compiled.

A station is what fragments share: a host's CPU, one direction of a link, or the line in which delays pass. It serves
all of its fragments at one rate, so that one number, its `clock`, tells how much each has been given so far (MI, MB or
seconds): a fragment that enters with an amount to go leaves when the clock has reached its `mark`, clock + amount,
however the rate changes in between. A change of rate therefore concerns the station, not the fragments in it.

The fragment that leaves a station first is the root of a pairing heap by mark (Fredman, Sedgewick, Sleator, Tarjan
1986); the station at which that happens first is the winner of a tournament. An event costs O(log n).
"""
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

Rows = Any  # a structured array; numba knows its fields, mypy does not
NOBODY = -1

PLACE_IN_STATION = [
    ("station", np.int64),
    ("mark", np.float64),
    ("child", np.int64),
    ("sibling", np.int64),
    ("parent", np.int64),  # or the sibling before it
    ("remaining", np.float64),  # when it entered the station
]
STATION = np.dtype(
    [
        ("sharers", np.int64),
        ("rate", np.float64),
        ("clock", np.float64),
        ("settled", np.float64),  # the time at which the clock was brought up to date
        ("root", np.int64),
    ]
)


def empty_tournament(count: int) -> Any:
    """A tournament between `count` stations: times by station in the second half, each one before it the earlier of
    the two below it."""
    return np.full(2 << max(0, count - 1).bit_length(), np.inf)


@njit(cache=True)  # type: ignore[untyped-decorator]
def meld(f: Rows, a: int, b: int) -> int:
    """One heap out of two; returns its root. Of equal marks the lower id comes first."""
    if a == NOBODY:
        return b
    if b == NOBODY:
        return a
    if f[b].mark < f[a].mark or (f[b].mark == f[a].mark and b < a):
        a, b = b, a
    eldest = f[a].child
    f[b].sibling = eldest
    f[b].parent = a
    if eldest != NOBODY:
        f[eldest].parent = b
    f[a].child = b
    return a


@njit(cache=True)  # type: ignore[untyped-decorator]
def meld_siblings(f: Rows, first: int) -> int:
    """One heap out of `first` and its siblings, in pairs and then from the last pair to the first."""
    pairs = NOBODY  # linked by sibling, the last one first
    while first != NOBODY:
        a, b = first, f[first].sibling
        first = f[b].sibling if b != NOBODY else NOBODY
        pair = meld(f, a, b)
        f[pair].sibling = pairs
        pairs = pair
    root = NOBODY
    while pairs != NOBODY:
        pair, pairs = pairs, f[pairs].sibling
        root = meld(f, root, pair)
    return root


@njit(cache=True)  # type: ignore[untyped-decorator]
def settle(s: Rows, k: int, now: float) -> None:
    """Bring the clock of station `k` up to `now`; to be called before its rate changes."""
    s[k].clock += s[k].rate * (now - s[k].settled)
    s[k].settled = now


@njit(cache=True)  # type: ignore[untyped-decorator]
def enter(f: Rows, s: Rows, i: int, k: int, now: float) -> None:
    """Fragment `i` enters station `k` with what it has ``remaining``."""
    settle(s, k, now)
    f[i].station = k
    f[i].mark = s[k].clock + f[i].remaining
    f[i].child = NOBODY
    s[k].root = meld(f, s[k].root, i)


@njit(cache=True)  # type: ignore[untyped-decorator]
def serve(f: Rows, s: Rows, i: int, now: float) -> float:
    """Bring what fragment `i` has ``remaining`` up to `now`; returns what it was given since it was last told."""
    settle(s, f[i].station, now)
    before = f[i].remaining
    f[i].remaining = min(before, max(0.0, f[i].mark - s[f[i].station].clock))
    served: float = before - f[i].remaining
    return served


@njit(cache=True)  # type: ignore[untyped-decorator]
def leave(f: Rows, s: Rows, i: int, now: float) -> float:
    """Fragment `i` leaves its station; returns what it was given there since it was last told."""
    served: float = serve(f, s, i, now)
    k = f[i].station
    rest = meld_siblings(f, f[i].child)
    if s[k].root == i:
        s[k].root = rest
    else:
        before, after = f[i].parent, f[i].sibling
        if f[before].child == i:
            f[before].child = after
        else:
            f[before].sibling = after
        if after != NOBODY:
            f[after].parent = before
        s[k].root = meld(f, s[k].root, rest)
    f[i].station = NOBODY
    return served


@njit(cache=True)  # type: ignore[untyped-decorator]
def announce(f: Rows, s: Rows, tournament: Any, k: int) -> None:
    """Say when the first fragment leaves station `k`, after anything about the station has changed; at rate 0 never."""
    root, due = s[k].root, np.inf
    if root != NOBODY and s[k].rate > 0:
        due = s[k].settled + max(0.0, f[root].mark - s[k].clock) / s[k].rate
    node = len(tournament) // 2 + k
    tournament[node] = due
    while node > 1:
        node //= 2
        earlier = min(tournament[2 * node], tournament[2 * node + 1])
        if tournament[node] == earlier:
            break
        tournament[node] = earlier


@njit(cache=True)  # type: ignore[untyped-decorator]
def first_station(tournament: Any) -> int:
    """The station that a fragment leaves first; of equal ones the first."""
    node, stations = 1, len(tournament) // 2
    while node < stations:
        node *= 2
        if tournament[node] > tournament[node + 1]:
            node += 1
    return node - stations
