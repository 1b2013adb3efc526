"""The simulation engine: the one place where work, transfers, RAM pressure and power are modelled.

Everything is an array; `kernel.advance` moves them through time. The engine knows hosts and fragments only: tasks,
deadlines, decisions and placements are none of its business.
"""
from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np

from ...cluster import Cluster
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
from .kernel import DELAY, DONE, FREE, INPUT, MIGRATION, RUNNING, STARTED, TRANSFER
from .state import make_state, no_fragments, with_room_for

EVENT_NAMES = {
    kernel.EVENT_FINISHED: FINISHED,
    kernel.EVENT_DELIVERED: DELIVERED,
    kernel.EVENT_MIGRATED: MIGRATED,
}
# in the order of FragmentTimes
MEASURED = [
    "host", "placed", "started", "finished", "delivered", "migration_s", "migrations", "work_done", "received_mb",
]
SECONDS_PER_HOUR = 3600.0
_FRESH = no_fragments(1)[0]
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
        self._state = make_state(cluster, fragment_settings.cores, settings.swap_penalty)
        self._make_room(0)
        self._active = np.empty(0, dtype=np.int64)
        self._events: List[FragmentEvent] = []
        self._usage_since_s = 0.0
        self._lost_work_mi = self._lost_mb = 0.0  # since the last reading
        self._power_w = cluster.power_w

    def set_links(self, bandwidth_mb_s: FloatArray, latency_s: FloatArray) -> None:
        """The hosts' links from now on; both (n_hosts,). The broker's stays as it is."""
        hosts = self._state.hosts[: self.broker]
        hosts["link_mb_s"] = bandwidth_mb_s
        hosts["latency_s"] = latency_s

    def start(self, orders: Sequence[StartOrder]) -> None:
        """Reserve the fragments' memory on their hosts; each runs when its input is there."""
        if not orders:
            return
        fragments = [order.fragment for order in orders]
        ids = np.array([one.fragment_id for one in fragments])
        hosts = np.array([order.host for order in orders])
        self._make_room(int(ids.max()) + 1)
        self._expect(ids, FREE, "started")
        self._expect_hosts(hosts)
        f = self._state.fragments
        f["phase"][ids] = STARTED
        f["host"][ids] = hosts
        f["placed"][ids] = self.now_s
        for column, values in (
            ("is_last", [one.is_last for one in fragments]),
            ("work_left", [one.work_mi for one in fragments]),
            ("ram_mb", [one.ram_mb for one in fragments]),
            ("output_mb", [one.output_mb for one in fragments]),
        ):
            f[column][ids] = values
        np.add.at(self._state.hosts["ram_used_mb"], hosts, f["ram_mb"][ids])

    def send(self, transfers: Sequence[Transfer]) -> None:
        """Bring started fragments their inputs from their sources (hosts or the broker)."""
        if not transfers:
            return
        ids = np.array([one.fragment_id for one in transfers])
        sources = np.array([one.source for one in transfers])
        targets = np.array([one.target for one in transfers])
        self._expect(ids, STARTED, "sent their input")
        self._expect_hosts(sources[sources != self.broker])
        if not np.array_equal(targets, self._state.fragments["host"][ids]):
            raise ValueError("an input must be sent to the host on which its fragment was started")
        megabytes = np.array([one.megabytes for one in transfers])
        self._begin_transfers(ids, INPUT, sources, targets, megabytes)
        self._active = np.concatenate([self._active, ids])

    def migrate(self, fragment_id: int, host: int) -> None:
        """Move a running fragment: its memory travels as a checkpoint, then it goes on where it was."""
        self._expect(np.array([fragment_id]), RUNNING, "migrated")
        self._expect_hosts(np.array([host]))
        fragment = self._state.fragments[fragment_id]
        source = int(fragment["host"])
        if host == source:
            raise ValueError(f"fragment {fragment_id} is on host {host} already")
        fragment["work_left"] = fragment["remaining"]
        fragment["migration_began"] = self.now_s
        self._state.hosts["ram_used_mb"][host] += fragment["ram_mb"]
        self._begin_transfers(
            np.array([fragment_id]), MIGRATION, np.array([source]), np.array([host]), np.array([fragment["ram_mb"]])
        )

    def stop(self, fragment_id: int) -> None:
        """End a fragment and free what it holds."""
        self._make_room(fragment_id + 1)
        fragment, ram_used = self._state.fragments[fragment_id], self._state.hosts["ram_used_mb"]
        if fragment["phase"] not in (FREE, DONE) and np.isnan(fragment["finished"]):
            ram_used[fragment["host"]] -= fragment["ram_mb"]
            if fragment["purpose"] == MIGRATION and fragment["phase"] in (DELAY, TRANSFER):
                ram_used[fragment["target"]] -= fragment["ram_mb"]
        fragment["phase"] = DONE
        self._active = self._active[self._active != fragment_id]

    def set_away(self, away: BoolArray) -> None:
        """Which hosts are away from now on, (n_hosts,): they take no power of ours, and what was to move there stays.

        What they hold is to be taken from them by `lose`.
        """
        f, h = self._state.fragments, self._state.hosts
        h["power_w"][: self.broker] = np.where(away[:, None], 0.0, self._power_w)
        moving = self._active[self._in(self._active, MIGRATION)]
        for i in moving[away[f["target"][moving]] & ~away[f["source"][moving]]].tolist():
            self._stay(i)

    def torn(self, away: BoolArray) -> IntArray:
        """The fragments that are on hosts that are `away`, or whose input is on its way from such a host; ids."""
        f, ids = self._state.fragments, self._active
        gone = np.append(away, False)  # the broker never leaves
        here = gone[f["host"][ids]]
        fed = self._in(ids, INPUT) & gone[f["source"][ids]]
        torn: IntArray = np.sort(ids[here | fed])
        return torn

    def lose(self, fragment_id: int) -> None:
        """What a fragment holds and what it did is lost; it may be started again."""
        self.stop(fragment_id)
        fragment = self._state.fragments[fragment_id]
        self._lost_work_mi += float(fragment["work_done"])
        self._lost_mb += float(fragment["received_mb"])
        host = fragment["host"]
        self._state.fragments[fragment_id] = _FRESH
        fragment["host"] = host

    def _in(self, ids: IntArray, purpose: int) -> BoolArray:
        """Which of the fragments are in a transfer of this purpose."""
        f = self._state.fragments
        under_way: BoolArray = (f["purpose"][ids] == purpose) & np.isin(f["phase"][ids], (DELAY, TRANSFER))
        return under_way

    def _stay(self, fragment_id: int) -> None:
        """Call off a migration: the fragment goes on where it is, and what has moved of it moved in vain."""
        fragment = self._state.fragments[fragment_id]
        self._state.hosts["ram_used_mb"][fragment["target"]] -= fragment["ram_mb"]
        if fragment["phase"] == TRANSFER:
            moved = float(fragment["transfer_mb"] - fragment["remaining"])
            fragment["received_mb"] -= moved
            self._lost_mb += moved
        fragment["migration_s"] += self.now_s - fragment["migration_began"]
        fragment["phase"] = RUNNING
        fragment["remaining"] = fragment["work_left"]

    def advance(self, until_s: float) -> None:
        """Let time pass; what happens is kept for `take_events`."""
        if until_s < self.now_s:
            raise ValueError(f"time can't go back from {self.now_s} to {until_s} s")
        room = EVENTS_PER_FRAGMENT * len(self._active)
        when, who, what = np.empty(room), np.empty(room, np.int64), np.empty(room, np.int64)
        n_active, n_events = kernel.advance(self._state, self._active, self.now_s, until_s, when, who, what)
        self._active = self._active[:n_active]
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
        h, n = self._state.hosts, self.broker
        span = self.now_s - self._usage_since_s
        usage = HostUsage(
            cpu_utilisation=h["busy_s"][:n] / span if span > 0 else np.zeros(n),
            work_mi=h["work_mi"][:n].copy(),
            energy_wh=h["energy_j"][:n] / SECONDS_PER_HOUR,
            sent_mb=h["sent_mb"][:n].copy(),
            received_mb=h["received_mb"][:n].copy(),
            broker_sent_mb=float(h["sent_mb"][n]),
            broker_received_mb=float(h["received_mb"][n]),
            lost_work_mi=self._lost_work_mi,
            lost_mb=self._lost_mb,
        )
        self._lost_work_mi = self._lost_mb = 0.0
        for column in ("busy_s", "work_mi", "energy_j", "sent_mb", "received_mb"):
            h[column] = 0.0
        self._usage_since_s = self.now_s
        return usage

    def host_state(self) -> Tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Utilisation now, RAM used (MB), bandwidth (MB/s) and latency (s) of every host, (n_hosts,) each."""
        f, h = self._state.fragments, self._state.hosts[: self.broker]
        running = self._active[f["phase"][self._active] == RUNNING]
        demand = np.bincount(f["host"][running], minlength=self.broker) * h["fragment_mips"]
        share = np.minimum(1.0, demand / h["mips"])
        return share, h["ram_used_mb"].copy(), h["link_mb_s"].copy(), h["latency_s"].copy()

    def active_fragments(self) -> Tuple[IntArray, IntArray, FloatArray, BoolArray]:
        """Ids (ascending), hosts, work left (MI) and movability of the fragments whose memory is held on a host."""
        f = self._state.fragments
        ids = np.sort(self._active)
        ids = ids[np.isnan(f["finished"][ids])]
        running = f["phase"][ids] == RUNNING
        return ids, f["host"][ids], np.where(running, f["remaining"][ids], f["work_left"][ids]), running

    def times(self, fragment_id: int) -> FragmentTimes:
        """What was measured about one fragment so far."""
        return FragmentTimes(fragment_id, *self._measured[fragment_id].item())

    def _begin_transfers(
        self, ids: IntArray, purpose: int, sources: IntArray, targets: IntArray, megabytes: FloatArray
    ) -> None:
        kernel.begin_transfers(
            self._state.fragments, self._state.hosts, ids, purpose, sources, targets, megabytes
        )

    def _make_room(self, fragments: int) -> None:
        self._state = with_room_for(self._state, fragments)
        self._measured = self._state.fragments[MEASURED]  # a view

    def _expect(self, ids: IntArray, phase: int, verb: str) -> None:
        phases = self._state.fragments["phase"]
        known = (ids >= 0) & (ids < len(phases))
        wrong = ids[~known | (phases[np.where(known, ids, 0)] != phase)]
        if len(wrong):
            raise ValueError(f"fragments {wrong.tolist()} can't be {verb} in their present phase")
        if len(set(ids.tolist())) < len(ids):
            raise ValueError(f"fragments {ids.tolist()} can't be {verb} twice")

    def _expect_hosts(self, hosts: IntArray) -> None:
        wrong = hosts[(hosts < 0) | (hosts >= self.broker)]
        if len(wrong):
            raise ValueError(f"hosts {wrong.tolist()} do not exist; hosts are 0 to {self.broker - 1}")
