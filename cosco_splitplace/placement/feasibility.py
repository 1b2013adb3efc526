"""What fits where: greedy assignment under the hosts' memory, compiled; and the guard that every placement passes."""
from __future__ import annotations

import numpy as np
from numba import njit

from ..records import BoolArray, FloatArray, IntArray
from .port import WAIT, PlacementProblem


@njit(cache=True)  # type: ignore[untyped-decorator]
def assign_by_score(scores: FloatArray, ram_mb: FloatArray, free_ram_mb: FloatArray) -> IntArray:
    """Give each fragment, in order, the best-scored host that still has room.

    Parameters
    ----------
    scores : (n_fragments, n_hosts), higher is better; of equal ones the first host wins.
    ram_mb : (n_fragments,) what each needs.
    free_ram_mb : (n_hosts,) what is left; not changed.

    Returns
    -------
    (n_fragments,) host, or WAIT where none has room.
    """
    free = free_ram_mb.copy()
    hosts = np.full(len(ram_mb), WAIT)
    for i in range(len(ram_mb)):
        best = WAIT
        for host in range(len(free)):
            if free[host] >= ram_mb[i] and (best == WAIT or scores[i, host] > scores[i, best]):
                best = host
        hosts[i] = best
        if best != WAIT:
            free[best] -= ram_mb[i]
    return hosts


@njit(cache=True)  # type: ignore[untyped-decorator]
def assign_apart(scores: FloatArray, ram_mb: FloatArray, free_ram_mb: FloatArray) -> IntArray:
    """As `assign_by_score`, but a host is given twice only where no other has room.

    `free_ram_mb` is brought up to date.
    """
    hosts = np.full(len(ram_mb), WAIT)
    taken = np.zeros(len(free_ram_mb), dtype=np.bool_)
    for i in range(len(ram_mb)):
        best = WAIT
        for host in range(len(free_ram_mb)):
            if free_ram_mb[host] < ram_mb[i]:
                continue
            first = best == WAIT
            if first or (taken[best] and not taken[host]) or (
                taken[best] == taken[host] and scores[i, host] > scores[i, best]
            ):
                best = host
        hosts[i] = best
        if best != WAIT:
            free_ram_mb[best] -= ram_mb[i]
            taken[best] = True
    return hosts


@njit(cache=True)  # type: ignore[untyped-decorator]
def assign_least_loaded(
    running: IntArray, demand: FloatArray, ram_mb: FloatArray, free_ram_mb: FloatArray
) -> IntArray:
    """Give each fragment, in order, the host whose CPU is asked for least once the fragment is there.

    Parameters
    ----------
    running : (n_hosts,) fragments placed there.
    demand : (n_hosts,) share of the host's CPU that one fragment asks for.
    ram_mb, free_ram_mb : as in `assign_by_score`.
    """
    free = free_ram_mb.copy()
    load = (running + 1) * demand
    hosts = np.full(len(ram_mb), WAIT)
    for i in range(len(ram_mb)):
        best = WAIT
        for host in range(len(free)):
            if free[host] >= ram_mb[i] and (best == WAIT or load[host] < load[best]):
                best = host
        hosts[i] = best
        if best != WAIT:
            free[best] -= ram_mb[i]
            load[best] += demand[best]
    return hosts


@njit(cache=True)  # type: ignore[untyped-decorator]
def _enforce(
    wanted: IntArray, current: IntArray, movable: BoolArray, ram_mb: FloatArray, free_ram_mb: FloatArray
) -> IntArray:
    free = free_ram_mb.copy()
    hosts = current.copy()
    for i in range(len(wanted)):
        host = wanted[i]
        allowed = current[i] == WAIT or movable[i]
        if allowed and 0 <= host < len(free) and host != current[i] and free[host] >= ram_mb[i]:
            hosts[i] = host
            free[host] -= ram_mb[i]
    return hosts


def enforce(problem: PlacementProblem, wanted: IntArray) -> IntArray:
    """What of `wanted` can be carried out: moves of movable fragments and placements of queued ones that fit.

    In order of the fragments, each takes the memory it needs; the memory that a moving fragment leaves is free only
    after it has moved. What does not fit stays where it is, or waits.

    Returns
    -------
    (n_fragments,) host, or WAIT.

    Raises
    ------
    ValueError
        `wanted` has not one host for each fragment.
    """
    wanted = np.asarray(wanted, dtype=np.int64)
    if wanted.shape != problem.current.shape:
        raise ValueError(f"a placement must have shape {problem.current.shape}, not {wanted.shape}")
    hosts: IntArray = _enforce(wanted, problem.current, problem.movable, problem.ram_mb, problem.free_ram_mb)
    return hosts
