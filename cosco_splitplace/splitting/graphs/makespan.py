"""Where to cut, and which host gets which fragment, so that a task is done as soon as possible; exactly.

A task is ``batches`` batches that stream through the chain. A batch takes the sum of all stages (computing on each
host, and crossing each link), and every further one follows after the slowest stage::

    makespan = sum of the stages + (batches - 1) * slowest stage

The least sum under a bound on the slowest stage is found by dynamic programming over (position, hosts used, last host);
hosts of one type are alike, so that only how many of each type are used matters. Which bound is best is found by
branch and bound.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...cluster import Cluster
from ...errors import ConfigurationError
from .cuts import MEGABYTE, FragmentTable

__all__ = ["HostTypes", "Plan", "best_plan", "host_types", "stages_s"]

FloatArray = NDArray[np.float64]
_PRECISION = 1e-9  # relative, of the makespan


@dataclass(frozen=True, eq=False)
class HostTypes:
    """Types of hosts, arrays (n_types,); the broker sends the input and gets the output."""

    names: tuple[str, ...]
    counts: NDArray[np.int64]
    multiply_adds_s: FloatArray
    ram_bytes: FloatArray
    link_bytes_s: FloatArray
    ping_s: FloatArray
    broker_link_bytes_s: float


@dataclass(frozen=True)
class Plan:
    """Cuts, the type of each fragment's host, and the time that a task takes."""

    cuts: tuple[int, ...]
    hosts: tuple[str, ...]
    makespan_s: float
    slowest_stage_s: float


@dataclass(frozen=True, eq=False)
class _Chains:
    """The best chain over the same hosts that ends at each position, with the same last host."""

    used: tuple[int, ...]  # hosts of each type
    last: int  # type of the last host
    sum_s: FloatArray  # (n + 1,)
    starts: NDArray[np.int64]  # (n + 1,) where its last fragment begins
    before: tuple[_Chains, ...]  # (n + 1,) what it continues


def host_types(cluster: Cluster, instructions_per_multiply_add: float) -> HostTypes:
    """The types of a cluster's hosts, with how many there are of each. One fragment has a host to itself."""
    names = tuple(dict.fromkeys(cluster.host_types))
    first = np.array([cluster.host_types.index(name) for name in names])
    return HostTypes(
        names=names,
        counts=np.array([cluster.host_types.count(name) for name in names]),
        multiply_adds_s=cluster.mips[first] * 1e6 / instructions_per_multiply_add,
        ram_bytes=cluster.ram_mb[first] * MEGABYTE,
        link_bytes_s=cluster.link_mb_s[first] * 1e6,
        ping_s=cluster.ping_s[first],
        broker_link_bytes_s=cluster.broker_link_mb_s * 1e6,
    )


def best_plan(
    table: FragmentTable,
    hosts: HostTypes,
    fragments: int | None,
    most: int,
    batches: int = 1,
    ram_mb: float | None = None,
) -> Plan:
    """The plan of the least makespan with `fragments` fragments (None: from 1 to `most`, fewest among equals).

    Raises
    ------
    ConfigurationError
        There are fewer hosts or possible cuts, or no plan fits into their RAM: the message says the smallest that can.
    """
    available = int(hosts.counts.sum())
    if fragments is not None:
        table.require(fragments)
        if fragments > available:
            raise ConfigurationError(f"{fragments} fragments need as many hosts; the file lists {available}")
    numbers = [fragments] if fragments is not None else list(range(1, min(most, table.most, available) + 1))
    limits_mb = [min(float(one) / MEGABYTE, np.inf if ram_mb is None else ram_mb) for one in hosts.ram_bytes]
    positions = table.undominated(limits_mb)
    fewer = table.at(positions)
    best: Plan | None = None
    for number in numbers:
        best = _best_of(fewer, hosts, number, batches, limits_mb, best)
    if best is None:
        smallest = min(table.smallest_ram_mb(number) for number in numbers)
        raise ConfigurationError(
            f"no cut into {' or '.join(map(str, numbers))} fragments fits into the hosts' RAM "
            f"({', '.join(f'{name} {ram:.0f} MB' for name, ram in zip(hosts.names, limits_mb))}); the smallest limit "
            f"that one can keep is {np.ceil(smallest):.0f} MB a fragment, of which torch itself takes "
            f"{table.runtime_bytes / MEGABYTE:.0f}")
    return dataclasses.replace(best, cuts=tuple(int(positions[one]) for one in best.cuts))


def _best_of(
    table: FragmentTable, hosts: HostTypes, number: int, batches: int, limits_mb: list[float], best: Plan | None
) -> Plan | None:
    """The better one of `best` and the best plan of so many fragments.

    Open ranges of the slowest stage are halved. All plans within a range have at least the least sum under its upper
    end and the slowest stage of its lower end, so that a range that can't win is dropped.
    """
    ranges = [(0.0, np.inf)]
    while ranges:
        lowest, bound = ranges.pop()
        ceiling = np.inf if best is None else best.makespan_s - (batches - 1) * lowest
        found = _least_sum(table, hosts, number, bound, ceiling, limits_mb)
        if found is None:
            continue
        sum_s, cuts, order = found
        slowest = max(stages_s(table, hosts, cuts, order))
        makespan = sum_s + (batches - 1) * slowest
        if best is None or makespan < best.makespan_s:
            best = Plan(cuts, tuple(hosts.names[one] for one in order), makespan, slowest)
        if sum_s + (batches - 1) * lowest < best.makespan_s * (1 - _PRECISION) and slowest > lowest:
            middle = (lowest + slowest) / 2
            ranges += [(middle, slowest), (lowest, middle)]
    return best


def _least_sum(
    table: FragmentTable, hosts: HostTypes, number: int, bound: float, ceiling: float, limits_mb: list[float]
) -> tuple[float, tuple[int, ...], tuple[int, ...]] | None:
    """The least sum of stages that are all shorter than `bound`: (seconds, cuts, types of hosts); below `ceiling`.

    What could not stay below it if the rest ran on the fastest host is dropped on the way.
    """
    rest_s = (table.before[-1] - table.before) * table.images / hosts.multiply_adds_s.max()
    kinds = range(len(hosts.names))
    computing = [_computing_s(table, hosts, one, limits_mb[one]) for one in kinds]
    at_start = np.where(np.arange(len(table.work)) == 0, 0.0, np.inf)
    layer = {((0,) * len(kinds), -1): _Chains((0,) * len(kinds), -1, at_start, np.empty(0, np.int64), ())}
    for _ in range(number):
        longer: dict[tuple[tuple[int, ...], int], _Chains] = {}
        for chains in layer.values():
            for one in kinds:
                if chains.used[one] < hosts.counts[one]:
                    crossing = _crossing_s(table, hosts, chains.last, one)
                    candidate = _continued(chains, one, crossing, computing[one], bound)
                    candidate.sum_s[candidate.sum_s + rest_s >= ceiling] = np.inf
                    if not np.isfinite(candidate.sum_s).any():
                        continue
                    key = candidate.used, one
                    longer[key] = _better(longer[key], candidate) if key in longer else candidate
        layer = longer
    best: tuple[float, tuple[int, ...], tuple[int, ...]] | None = None
    for chains in layer.values():
        leaving = float(_crossing_s(table, hosts, chains.last, -1)[-1])
        total = float(chains.sum_s[-1]) + leaving
        if np.isfinite(total) and leaving < bound and (best is None or total < best[0]):
            best = (total, *_followed(chains))
    return best


def _continued(chains: _Chains, host: int, crossing_s: FloatArray, computing_s: FloatArray, bound: float) -> _Chains:
    """All of `chains` with one more fragment, on a host of that type; no stage reaches `bound`."""
    sums = np.where(computing_s < bound, (chains.sum_s + np.where(crossing_s < bound, crossing_s, np.inf))[:, None]
                    + computing_s, np.inf)  # (start, end)
    used = tuple(count + (at == host) for at, count in enumerate(chains.used))
    return _Chains(used, host, sums.min(axis=0), sums.argmin(axis=0), (chains,) * len(sums))


def _better(one: _Chains, other: _Chains) -> _Chains:
    """Position by position the shorter one of two."""
    shorter = other.sum_s < one.sum_s
    return _Chains(one.used, one.last, np.minimum(one.sum_s, other.sum_s), np.where(shorter, other.starts, one.starts),
                   tuple(b if wins else a for a, b, wins in zip(one.before, other.before, shorter)))


def _followed(chains: _Chains) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Cuts and types of hosts of the chain that ends at the last position."""
    cuts: list[int] = []
    order: list[int] = []
    position, at = len(chains.sum_s) - 1, chains
    while at.before:
        order.append(at.last)
        following = at.before[position]
        position = int(at.starts[position])
        cuts.append(position)
        at = following
    return tuple(reversed(cuts[:-1])), tuple(reversed(order))


def _computing_s(table: FragmentTable, hosts: HostTypes, host: int, limit_mb: float = np.inf) -> FloatArray:
    """Seconds that each possible fragment computes for a batch on such a host, (n + 1, n + 1)."""
    seconds: FloatArray = table.within(limit_mb) * table.images / hosts.multiply_adds_s[host]
    return seconds


def _crossing_s(table: FragmentTable, hosts: HostTypes, sender: int, receiver: int) -> FloatArray:
    """Seconds that a batch takes from one host to another at each position, (n + 1,); -1 is the broker."""
    ends = [one for one in (sender, receiver) if one >= 0]
    broker = [hosts.broker_link_bytes_s] if len(ends) == 1 else []
    link = min([float(hosts.link_bytes_s[one]) for one in ends] + broker)
    ping = max(float(hosts.ping_s[one]) for one in ends)
    seconds: FloatArray = table.crossing_bytes * table.images / link + ping
    return seconds


def stages_s(
    table: FragmentTable, hosts: HostTypes, cuts: tuple[int, ...], order: tuple[int, ...]
) -> list[float]:
    """Seconds of every stage of a plan for a batch: crossing, computing, crossing, ... and back to the broker."""
    edges = (0, *cuts, len(table.work) - 1)
    stages, sender = [], -1
    for start, end, host in zip(edges, edges[1:], order):
        stages.append(float(_crossing_s(table, hosts, sender, host)[start]))
        stages.append(float(_computing_s(table, hosts, host)[start, end]))
        sender = host
    return [*stages, float(_crossing_s(table, hosts, sender, -1)[-1])]
