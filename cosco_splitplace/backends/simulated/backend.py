"""The simulated cluster behind the Backend port: the engine, its clock, the mobility trace, hosts that come and go."""
from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from ...cluster import Cluster
from ...config import EngineSettings, FragmentSettings
from ...mobility.trace import MobilityTrace
from ...records import LOST, FragmentEvent, FragmentTimes, HostUsage, Snapshot, StartOrder, Transfer
from ..port import Backend, Clock
from .churn import Churn, Outputs
from .engine import Engine


class SimulatedClock(Clock):
    """Waiting lets the engine run."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def now_s(self) -> float:
        return self._engine.now_s

    def wait_until(self, time_s: float) -> None:
        self._engine.advance(time_s)


class SimulatedBackend(Backend):
    """Fragments on simulated hosts.

    Parameters
    ----------
    cluster : the hosts.
    fragment_settings, engine_settings : see there.
    mobility : factors on the links by interval; None keeps them as they are.
    interval_s : length of the trace's intervals.
    churn : hosts that come and go; None: all stay.
    """

    def __init__(
        self,
        cluster: Cluster,
        fragment_settings: FragmentSettings,
        engine_settings: EngineSettings,
        mobility: Optional[MobilityTrace],
        interval_s: float,
        churn: Optional[Churn] = None,
    ) -> None:
        self._cluster = cluster
        self._full_mb = cluster.ram_mb * engine_settings.ram_overcommit
        self._churn = churn
        self._outputs = Outputs()
        self._engine = Engine(cluster, fragment_settings, engine_settings)
        self._mobility = mobility
        self._interval_s = interval_s
        self._moved_in = -1  # the interval in which the hosts are
        self._came_in = 0  # the interval up to which they have come and gone
        self.clock = SimulatedClock(self._engine)

    def snapshot(self) -> Snapshot:
        self._move_hosts()
        utilisation, ram_used, bandwidth, latency = self._engine.host_state()
        if self._churn is not None:  # nothing may be placed on who is away
            utilisation = np.where(self._churn.away, 1.0, utilisation)
            ram_used = np.where(self._churn.away, self._full_mb, ram_used)
        ids, hosts, left, movable = self._engine.active_fragments()
        return Snapshot(
            time_s=self._engine.now_s,
            cpu_utilisation=utilisation,
            placed_fragments=np.bincount(hosts, minlength=self._cluster.n_hosts),
            ram_used_mb=ram_used,
            bandwidth_mb_s=bandwidth,
            latency_s=latency,
            fragment_ids=ids,
            fragment_hosts=hosts,
            work_left_mi=left,
            movable=movable,
        )

    @property
    def _interval(self) -> int:
        return int(self._engine.now_s / self._interval_s + 0.5)

    def _move_hosts(self) -> None:
        interval = self._interval
        if self._mobility is not None and interval != self._moved_in:
            self._moved_in = interval
            factor, share = self._mobility.at(interval, self._cluster.n_hosts)
            self._engine.set_links(self._cluster.link_mb_s * share, self._cluster.ping_s * factor)

    def _come_and_go(self, churn: Churn) -> List[FragmentEvent]:
        """Let hosts leave and return, up to the present interval; what was lost with them."""
        found = []
        while self._came_in < self._interval:
            self._came_in += 1
            churn.next_interval()
            self._engine.set_away(churn.away)
            for number in self._outputs.lost(churn.away, self._engine.torn(churn.away).tolist()):
                self._engine.lose(number)
                found.append(FragmentEvent(LOST, number, self._engine.now_s))
        return found

    def start(self, orders: Sequence[StartOrder]) -> None:
        if self._churn is not None:
            self._outputs.started(orders)
        self._engine.start(orders)

    def send(self, transfers: Sequence[Transfer]) -> None:
        self._engine.send(transfers)

    def migrate(self, fragment_id: int, host: int) -> None:
        self._engine.migrate(fragment_id, host)

    def stop(self, fragment_id: int) -> None:
        self._engine.stop(fragment_id)

    def poll(self) -> List[FragmentEvent]:
        events = self._engine.take_events()
        if self._churn is not None:
            self._outputs.happened(events, self._engine)
            events += self._come_and_go(self._churn)
        return events

    def usage(self) -> HostUsage:
        return self._engine.take_usage()

    def times(self, fragment_id: int) -> FragmentTimes:
        return self._engine.times(fragment_id)
