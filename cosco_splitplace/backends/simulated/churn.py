"""Hosts that come and go, and what is lost with them: the testbed's semantics, simulated.

A host that leaves takes with it the fragments that it runs, and the outputs that it holds until their followers have
them. The broker places those fragments again, and with them the ones whose outputs are needed once more.
"""
from __future__ import annotations

from typing import Dict, List, Sequence, Set

import numpy as np

from ...config import ChurnSettings
from ...records import FINISHED, BoolArray, Fragment, FragmentEvent, StartOrder
from .engine import Engine

LEFT = -1  # in place of the host that holds an output: it has left since


class Churn:
    """Which hosts are away, interval by interval; all are there in the first.

    Parameters
    ----------
    hosts : how many there are.
    settings : see there.
    generator : one draw a host and interval.
    """

    def __init__(self, hosts: int, settings: ChurnSettings, generator: np.random.Generator) -> None:
        self._settings = settings
        self._generator = generator
        self._most_away = int(settings.most_away * hosts)
        self.away: BoolArray = np.zeros(hosts, dtype=bool)

    def next_interval(self) -> None:
        """Let hosts come and go; of too many that would leave, those with the lowest draws do."""
        draw = self._generator.random(len(self.away))
        away = self.away & (draw >= 1 / self._settings.away_intervals)
        leaving = np.flatnonzero(~self.away & (draw < 1 / self._settings.stay_intervals))
        room = max(0, self._most_away - int(away.sum()))
        away[leaving[np.argsort(draw[leaving], kind="stable")[:room]]] = True
        self.away = away


class Outputs:
    """Where the outputs are that followers still need, and what must run again when hosts leave.

    Once its follower has finished, an output is kept nowhere.
    """

    def __init__(self) -> None:
        self._fragments: Dict[int, Fragment] = {}  # that have a host, or have finished
        self._follower: Dict[int, int] = {}
        self._held_by: Dict[int, int] = {}

    def started(self, orders: Sequence[StartOrder]) -> None:
        """These fragments got hosts."""
        for one in (order.fragment for order in orders):
            self._fragments[one.fragment_id] = one
            for before in one.depends_on:
                self._follower[before] = one.fragment_id

    def happened(self, events: Sequence[FragmentEvent], engine: Engine) -> None:
        """Fragments that finish hold their outputs, and free their predecessors of theirs."""
        for event in events:
            if event.kind == FINISHED:
                one = self._fragments[event.fragment_id]
                for before in one.depends_on:
                    self._held_by.pop(before, None)
                if not one.is_last:
                    self._held_by[one.fragment_id] = engine.times(one.fragment_id).host

    def lost(self, away: BoolArray, torn: Sequence[int]) -> List[int]:
        """The fragments that must run again now that hosts are `away`, followers before what they follow.

        Parameters
        ----------
        away : (n_hosts,).
        torn : the fragments that were on those hosts, or whose inputs were on the way from there.
        """
        for number, host in self._held_by.items():
            if host != LEFT and away[host]:
                self._held_by[number] = LEFT
        lost: Set[int] = set()
        waiting = list(torn)
        waiting += [one for one, host in self._held_by.items() if host == LEFT and not self._is_fed(one)]
        while waiting:
            number = waiting.pop()
            if number in lost:
                continue
            lost.add(number)
            self._held_by.pop(number, None)
            one = self._fragments.pop(number)
            waiting += [before for before in one.depends_on if self._held_by.get(before, LEFT) == LEFT]
        return sorted(lost, reverse=True)

    def _is_fed(self, fragment_id: int) -> bool:
        """Does its follower have a host, and so the output or its transfer?"""
        return self._follower.get(fragment_id) in self._fragments
