"""The simulation engine: the one place where work, transfers, RAM pressure and power are modelled.

Everything is an array; `kernel.advance` moves them through time. The engine knows hosts and fragments only: tasks,
deadlines, decisions and placements are none of its business.
"""
from __future__ import annotations

from typing import Any, List, Sequence, Tuple

import numpy as np

from ...cluster import POWER_POINTS, Cluster
from ...config import EngineSettings, FragmentSettings
from ...records import (
    DELIVERED,
    FINISHED,
    MIGRATED,
    BoolArray,
    FloatArray,
    FragmentEvent,
    FragmentTimes,
    HostUsage,
    IntArray,
    StartOrder,
    Transfer,
)
from . import kernel
from .kernel import DELAY, DONE, FREE, HELD, MIGRATION, RUNNING, STARTED, TRANSFER, FragmentColumns, HostColumns

EVENT_NAMES = {
    kernel.EVENT_FINISHED: FINISHED,
    kernel.EVENT_DELIVERED: DELIVERED,
    kernel.EVENT_MIGRATED: MIGRATED,
}
SECONDS_PER_HOUR = 3600.0
EVENTS_PER_FRAGMENT = 3  # moved, finished and delivered: no fragment can do more between two calls


class Engine:
    """Simulated hosts, links and fragments.

    Parameters
    ----------
    cluster : the hosts; the broker is host index ``cluster.n_hosts``.
    fragment_settings : how many cores a fragment can use.
    settings : swap penalty.
    """

    def __init__(self, cluster: Cluster, fragment_settings: FragmentSettings, settings: EngineSettings) -> None:
        self.broker = cluster.n_hosts
        self.now_s = 0.0
        self._swap_penalty = settings.swap_penalty
        self._hosts = _host_columns(cluster, fragment_settings.cores)
        self._fragments = _fragment_columns(1024)
        self._active = np.empty(1024, dtype=np.int64)
        self._n_active = 0
        self._events: List[FragmentEvent] = []
        self._usage_since_s = 0.0

    def set_links(self, bandwidth_mb_s: FloatArray, latency_s: FloatArray) -> None:
        """The hosts' links from now on; both (n_hosts,). The broker's stays as it is."""
        self._hosts.bandwidth_mb_s[: self.broker] = bandwidth_mb_s
        self._hosts.latency_s[: self.broker] = latency_s

    def start(self, orders: Sequence[StartOrder]) -> None:
        """Reserve the fragments' memory on their hosts; each runs when its input is there."""
        if not orders:
            return
        fragments = [order.fragment for order in orders]
        ids = np.array([one.fragment_id for one in fragments])
        hosts = np.array([order.host for order in orders])
        self._grow(int(ids.max()) + 1)
        self._expect(ids, FREE, "started")
        self._expect_hosts(hosts)
        f = self._fragments
        f.phase[ids] = STARTED
        f.host[ids] = hosts
        f.is_last[ids] = [one.is_last for one in fragments]
        f.work_left[ids] = [one.work_mi for one in fragments]
        f.ram_mb[ids] = [one.ram_mb for one in fragments]
        f.output_mb[ids] = [one.output_mb for one in fragments]
        f.placed[ids] = self.now_s
        kernel.reserve_all(f, self._hosts, self._active, self._n_active, ids, hosts, self._swap_penalty, self.now_s)

    def send(self, transfers: Sequence[Transfer]) -> None:
        """Bring started fragments their inputs from their sources (hosts or the broker)."""
        if not transfers:
            return
        ids = np.array([one.fragment_id for one in transfers])
        sources = np.array([one.source for one in transfers])
        targets = np.array([one.target for one in transfers])
        self._expect(ids, STARTED, "sent their input")
        self._expect_hosts(sources[sources != self.broker])
        if not np.array_equal(targets, self._fragments.host[ids]):
            raise ValueError("an input must be sent to the host on which its fragment was started")
        megabytes = np.array([one.megabytes for one in transfers])
        kernel.send_all(self._fragments, self._hosts, ids, sources, targets, megabytes, self.now_s)
        self._activate(ids)

    def migrate(self, fragment_id: int, host: int) -> None:
        """Move a running fragment: its memory travels as a checkpoint, then it goes on where it was."""
        self._expect(np.array([fragment_id]), RUNNING, "migrated")
        self._expect_hosts(np.array([host]))
        f, h, now = self._fragments, self._hosts, self.now_s
        source = int(f.host[fragment_id])
        if host == source:
            raise ValueError(f"fragment {fragment_id} is on host {host} already")
        kernel.leave_host(f, h, self._active, self._n_active, fragment_id, self._swap_penalty, now)
        kernel.reserve_ram(f, h, self._active, self._n_active, fragment_id, host, self._swap_penalty, now)
        f.migration_began[fragment_id] = now
        kernel.begin_transfer(f, h, fragment_id, MIGRATION, source, host, float(f.ram_mb[fragment_id]), now)

    def stop(self, fragment_id: int) -> None:
        """End a fragment and free what it holds."""
        self._grow(fragment_id + 1)
        f, h, i, now = self._fragments, self._hosts, fragment_id, self.now_s
        phase = int(f.phase[i])
        if phase in (FREE, HELD, DONE):
            f.phase[i] = DONE
            return
        if phase == RUNNING:
            kernel.leave_host(f, h, self._active, self._n_active, i, self._swap_penalty, now)
        elif phase == TRANSFER:
            kernel.detach_links(f, h, self._active, self._n_active, i, now)
        if f.purpose[i] != kernel.RESULT or phase in (RUNNING, STARTED):
            kernel.release_ram(f, h, self._active, self._n_active, i, int(f.host[i]), self._swap_penalty, now)
        if f.purpose[i] == MIGRATION and phase in (DELAY, TRANSFER):
            kernel.release_ram(f, h, self._active, self._n_active, i, int(f.target[i]), self._swap_penalty, now)
        f.phase[i] = DONE
        kept = self._active[: self._n_active]
        kept = kept[kept != i]
        self._active[: len(kept)] = kept
        self._n_active = len(kept)

    def advance(self, until_s: float) -> None:
        """Let time pass; what happens is kept for `take_events`."""
        if until_s < self.now_s:
            raise ValueError(f"time can't go back from {self.now_s} to {until_s} s")
        room = EVENTS_PER_FRAGMENT * self._n_active
        when, who, what = np.empty(room), np.empty(room, np.int64), np.empty(room, np.int64)
        self._n_active, n_events = kernel.advance(
            self._fragments, self._hosts, self._active, self._n_active, self._swap_penalty, self.now_s, until_s,
            when, who, what,
        )
        self.now_s = until_s
        self._events += [
            FragmentEvent(EVENT_NAMES[kind], fragment, time)
            for time, fragment, kind in zip(
                when[:n_events].tolist(), who[:n_events].tolist(), what[:n_events].tolist()
            )
        ]

    def take_events(self) -> List[FragmentEvent]:
        """What happened since the last call, in order of time."""
        events, self._events = self._events, []
        return events

    def take_usage(self) -> HostUsage:
        """What the hosts did since the last call."""
        h, n = self._hosts, self.broker
        span = self.now_s - self._usage_since_s
        usage = HostUsage(
            cpu_utilisation=h.busy_s[:n] / span if span > 0 else np.zeros(n),
            work_mi=h.work_mi[:n].copy(),
            energy_wh=h.energy_j[:n] / SECONDS_PER_HOUR,
            sent_mb=h.sent_mb[:n].copy(),
            received_mb=h.received_mb[:n].copy(),
            broker_sent_mb=float(h.sent_mb[n]),
            broker_received_mb=float(h.received_mb[n]),
        )
        for column in (h.busy_s, h.work_mi, h.energy_j, h.sent_mb, h.received_mb):
            column[:] = 0.0
        self._usage_since_s = self.now_s
        return usage

    def host_state(self) -> Tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Utilisation now, RAM used (MB), bandwidth (MB/s) and latency (s) of every host, (n_hosts,) each."""
        h, n = self._hosts, self.broker
        share = np.minimum(1.0, h.running[:n] * h.fragment_mips[:n] / h.mips[:n])
        return share, h.ram_used_mb[:n].copy(), h.bandwidth_mb_s[:n].copy(), h.latency_s[:n].copy()

    def active_fragments(self) -> Tuple[IntArray, IntArray, FloatArray, BoolArray]:
        """Ids (ascending), hosts, work left (MI) and movability of the fragments whose memory is held on a host."""
        f = self._fragments
        ids = np.sort(self._active[: self._n_active])
        ids = ids[np.isnan(f.finished[ids])]
        running = f.phase[ids] == RUNNING
        left = np.where(running, f.remaining[ids], f.work_left[ids])
        return ids, f.host[ids], np.maximum(left, 0.0), running

    def times(self, fragment_id: int) -> FragmentTimes:
        """What was measured about one fragment so far."""
        f, i = self._fragments, fragment_id
        return FragmentTimes(
            fragment_id=i,
            host=int(f.host[i]),
            placed_s=float(f.placed[i]),
            started_s=float(f.started[i]),
            finished_s=float(f.finished[i]),
            delivered_s=float(f.delivered[i]),
            migration_s=float(f.migration_s[i]),
            migrations=int(f.migrations[i]),
            work_done_mi=float(f.work_done[i]),
            received_mb=float(f.received_mb[i]),
        )

    def _expect(self, ids: IntArray, phase: int, verb: str) -> None:
        known = (ids >= 0) & (ids < len(self._fragments.phase))
        wrong = ids[~known | (self._fragments.phase[np.where(known, ids, 0)] != phase)]
        if len(wrong):
            raise ValueError(f"fragments {wrong.tolist()} can't be {verb} in their present phase")
        if len(np.unique(ids)) < len(ids):
            raise ValueError(f"fragments {ids.tolist()} can't be {verb} twice")

    def _expect_hosts(self, hosts: IntArray) -> None:
        wrong = hosts[(hosts < 0) | (hosts >= self.broker)]
        if len(wrong):
            raise ValueError(f"hosts {wrong.tolist()} do not exist; hosts are 0 to {self.broker - 1}")

    def _activate(self, ids: IntArray) -> None:
        total = self._n_active + len(ids)
        while total > len(self._active):
            self._active = np.concatenate([self._active, np.empty_like(self._active)])
        self._active[self._n_active : total] = ids
        self._n_active = total

    def _grow(self, rows: int) -> None:
        size = len(self._fragments.phase)
        while size < rows:
            more = _fragment_columns(size)
            columns: List[Any] = [np.concatenate(pair) for pair in zip(self._fragments, more)]
            self._fragments = FragmentColumns(*columns)
            size *= 2


def _host_columns(cluster: Cluster, fragment_cores: float) -> HostColumns:
    n = cluster.n_hosts
    return HostColumns(
        mips=np.append(cluster.mips, 1.0),
        fragment_mips=np.append(cluster.fragment_mips(fragment_cores), 1.0),
        ram_mb=np.append(cluster.ram_mb, np.inf),
        power_w=np.vstack([cluster.power_w, np.zeros(POWER_POINTS)]),
        bandwidth_mb_s=np.append(cluster.link_mb_s, cluster.broker_link_mb_s),
        latency_s=np.append(cluster.ping_s, cluster.broker_ping_s),
        running=np.zeros(n + 1, np.int64),
        uploads=np.zeros(n + 1, np.int64),
        downloads=np.zeros(n + 1, np.int64),
        ram_used_mb=np.zeros(n + 1),
        settled=np.zeros(n + 1),
        busy_s=np.zeros(n + 1),
        work_mi=np.zeros(n + 1),
        energy_j=np.zeros(n + 1),
        sent_mb=np.zeros(n + 1),
        received_mb=np.zeros(n + 1),
    )


def _fragment_columns(rows: int) -> FragmentColumns:
    whole = {"phase", "purpose", "host", "source", "target", "migrations"}
    unknown = {"placed", "started", "finished", "delivered", "migration_began"}

    def column(name: str) -> np.ndarray:  # type: ignore[type-arg]
        if name in whole:
            return np.zeros(rows, np.int64)
        if name == "is_last":
            return np.zeros(rows, np.bool_)
        return np.full(rows, np.nan if name in unknown else 0.0)

    return FragmentColumns(**{name: column(name) for name in FragmentColumns._fields})
