"""What COSCO's schedulers see of a placement problem: containers in slots, in pages of equal length.

COSCO's container list has a fixed length, and the models of GOBI and its kin need exactly as many rows as there are
hosts. More fragments than that make more pages, each shown on its own, as our own surrogate's blocks are; a scheduler
without such a model sees all fragments on one long page.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

import numpy as np

from ..cluster import Cluster
from ..placement.port import WAIT, PlacementProblem
from ..power import power_at
from ..records import FloatArray, HostUsage, IntArray, Snapshot

SECONDS_PER_HOUR = 3600.0
SlotDecision = Sequence[Tuple[int, int]]  # COSCO's: (container, host)


WAITING, PAGES, GROWING = "wait", "pages", "grow"
OVERFLOW = (WAITING, PAGES, GROWING)


class Slots:
    """Which slot shows which fragment; a fragment keeps its slot while it is placed.

    Parameters
    ----------
    page_size : containers a page.
    overflow : what becomes of more fragments than that: they wait (as in COSCO), there are more pages, or the one page
        grows.
    """

    def __init__(self, page_size: int, overflow: str) -> None:
        if overflow not in OVERFLOW:
            raise ValueError(f"overflow is {overflow!r}; it must be one of {', '.join(OVERFLOW)}")
        self.page_size = page_size
        self.overflow = overflow
        self._slot_of: Dict[int, int] = {}

    def arrange(self, placed: Sequence[int], queue: Sequence[int]) -> Dict[int, int]:
        """Slots of the placed fragments and, in order, of the queue, by fragment; a slot left is given anew."""
        kept = {one: self._slot_of[one] for one in placed if one in self._slot_of}
        newcomers = [one for one in placed if one not in kept] + list(queue)
        taken, slot = set(kept.values()), 0
        for one in newcomers:
            while slot in taken:
                slot += 1
            if slot >= self.page_size and self.overflow == WAITING:
                break
            kept[one] = slot
            taken.add(slot)
        self._slot_of = kept
        if self.overflow == GROWING:
            self.page_size *= self.pages()
        return dict(kept)

    def pages(self) -> int:
        """How many pages are in use, at least 1."""
        return max(self._slot_of.values(), default=0) // self.page_size + 1


@dataclass(frozen=True)
class HostView:
    """The hosts as schedulers and statistics see them, (n_hosts,) each: share of the CPU, power, RAM."""

    cpu_share: FloatArray
    power_w: FloatArray
    ram_used_mb: FloatArray
    fragments: IntArray
    apparent_mips: FloatArray

    @classmethod
    def now(cls, cluster: Cluster, snapshot: Snapshot, fragment_mips: FloatArray) -> "HostView":
        """The hosts at this instant."""
        return cls(
            cpu_share=snapshot.cpu_utilisation,
            power_w=power_at(cluster, snapshot.cpu_utilisation),
            ram_used_mb=snapshot.ram_used_mb,
            fragments=snapshot.placed_fragments,
            apparent_mips=_each_gets(cluster, snapshot, fragment_mips),
        )

    @classmethod
    def of_interval(
        cls, cluster: Cluster, snapshot: Snapshot, fragment_mips: FloatArray, usage: HostUsage, interval_s: float
    ) -> "HostView":
        """The hosts over the interval that has just ended, CPU and power as means of the interval."""
        return cls(
            cpu_share=usage.cpu_utilisation,
            power_w=usage.energy_wh * SECONDS_PER_HOUR / interval_s,
            ram_used_mb=snapshot.ram_used_mb,
            fragments=snapshot.placed_fragments,
            apparent_mips=_each_gets(cluster, snapshot, fragment_mips),
        )


def _each_gets(cluster: Cluster, snapshot: Snapshot, fragment_mips: FloatArray) -> FloatArray:
    """What every fragment of a host gets of it, (n_hosts,)."""
    rates: FloatArray = np.minimum(fragment_mips, cluster.mips / np.maximum(1, snapshot.placed_fragments))
    return rates


def wanted_hosts(problem: PlacementProblem, slots: Dict[int, int], decision: SlotDecision) -> IntArray:
    """A decision by slot as a host for each fragment of `problem`, (n_fragments,); others stay, or wait.

    Decisions on empty slots, and hosts that do not exist, are left out: COSCO takes host -1 for the last one.
    """
    row = {slots[one]: index for index, one in enumerate(problem.fragment_ids.tolist()) if one in slots}
    hosts = problem.current.copy()
    for slot, host in decision:
        if slot in row and 0 <= host < problem.cluster.n_hosts:
            hosts[row[slot]] = host
    return hosts


def as_decision(problem: PlacementProblem, slots: Dict[int, int], hosts: IntArray) -> List[Tuple[int, int]]:
    """The other way round: what of `hosts` is a change, by slot."""
    changed = (hosts != problem.current) & (hosts != WAIT)
    pairs = zip(problem.fragment_ids[changed].tolist(), hosts[changed].tolist())
    return [(slots[one], host) for one, host in pairs if one in slots]
