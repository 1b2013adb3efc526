"""What a run leaves behind, interval by interval, and the result that is made of it."""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Mapping, Sequence, Tuple

import numpy as np

from .arrivals.catalogue import Application
from .cluster import Cluster
from .config import Settings
from .placement.fallback import FALLBACKS
from .records import (
    LOST,
    MIGRATED,
    NOWHERE,
    Decision,
    FloatArray,
    Fragment,
    FragmentEvent,
    FragmentMove,
    FragmentRow,
    FragmentTimes,
    HostHistory,
    HostUsage,
    IntervalRecord,
    RunResult,
    Snapshot,
    Task,
    TaskFailure,
    TaskOutcome,
)
from .rewards.metrics import drained_metrics, run_metrics

SECONDS_PER_HOUR = 3600.0


@dataclass
class History:
    """Everything that happened; ``usage``, ``placed``, ``events`` and ``intervals`` have one entry an interval.

    ``times`` holds what was measured of the fragments whose tasks have left, in that order.
    """

    tasks: List[Task] = field(default_factory=list)
    decisions: List[Decision] = field(default_factory=list)
    outcomes: List[TaskOutcome] = field(default_factory=list)
    intervals: List[IntervalRecord] = field(default_factory=list)
    usage: List[HostUsage] = field(default_factory=list)
    placed: List[Snapshot] = field(default_factory=list)
    fragments: List[Fragment] = field(default_factory=list)
    input_link_mb: Dict[int, float] = field(default_factory=dict)
    failures: List[TaskFailure] = field(default_factory=list)
    events: List[Sequence[FragmentEvent]] = field(default_factory=list)
    times: List[FragmentTimes] = field(default_factory=list)
    moves: List[FragmentMove] = field(default_factory=list)
    _moving: Dict[int, Tuple[int, int, float]] = field(default_factory=dict)

    def begin_move(self, fragment_id: int, source: int, target: int, now_s: float) -> None:
        """A migration was ordered; it counts as a move when the backend says that it is done."""
        self._moving[fragment_id] = source, target, now_s

    def take_moves(self, events: Sequence[FragmentEvent], interval: int) -> None:
        """Keep the migrations and losses among an interval's `events`."""
        for one in events:
            if one.kind == MIGRATED:
                source, target, ordered_s = self._moving.pop(one.fragment_id, (NOWHERE, NOWHERE, one.time_s))
            elif one.kind == LOST:
                self._moving.pop(one.fragment_id, None)
                source, target, ordered_s = self._host_of(one.fragment_id), NOWHERE, one.time_s
            else:
                continue
            self.moves.append(
                FragmentMove(one.fragment_id, one.kind, interval, source, target, ordered_s, one.time_s, one.reason)
            )

    def _host_of(self, fragment_id: int) -> int:
        """Where the fragment was when it was last seen."""
        for seen in reversed(self.placed):
            found = np.flatnonzero(seen.fragment_ids == fragment_id)
            if len(found):
                return int(seen.fragment_hosts[found[0]])
        return NOWHERE

    def forget_unfinished(self) -> None:
        """Drop what an interval that was interrupted has left here."""
        done = len(self.intervals)
        self.outcomes = [one for one in self.outcomes if one.left_interval < done]
        kept = sum(one.arrival_interval < done for one in self.tasks)
        known = {one.task_id for one in self.tasks[:kept]}
        self.fragments = [one for one in self.fragments if one.task_id in known]
        self.moves = [one for one in self.moves if one.interval < done]
        del self.tasks[kept:], self.decisions[kept:], self.usage[done:], self.placed[done:], self.events[done:]

    def hosts(self, cluster: Cluster) -> HostHistory:
        """The hosts' side of it."""

        def used(name: str) -> FloatArray:
            return np.array([getattr(one, name) for one in self.usage])

        def seen(name: str) -> FloatArray:
            return np.array([getattr(one, name) for one in self.placed])

        return HostHistory(
            host_types=cluster.host_types,
            price_usd_h=cluster.price_usd_h,
            ram_mb=cluster.ram_mb,
            cpu_utilisation=used("cpu_utilisation"),
            work_mi=used("work_mi"),
            energy_wh=used("energy_wh"),
            sent_mb=used("sent_mb"),
            received_mb=used("received_mb"),
            broker_sent_mb=used("broker_sent_mb"),
            broker_received_mb=used("broker_received_mb"),
            ram_used_mb=seen("ram_used_mb"),
            fragments=seen("placed_fragments").astype(np.int64),
            bandwidth_mb_s=seen("bandwidth_mb_s"),
            latency_s=seen("latency_s"),
            lost_work_mi=used("lost_work_mi"),
            lost_mb=used("lost_mb"),
        )

    def result(
        self,
        model: str,
        settings: Settings,
        cluster: Cluster,
        applications: Mapping[str, Application],
        ready_s: Mapping[int, float],
        times: Callable[[int], FragmentTimes],
        complete: bool,
    ) -> RunResult:
        """The result of the intervals that are done.

        Parameters
        ----------
        model : name of the policy.
        settings, cluster, applications : what the run was made with.
        ready_s : when each fragment got ready, by id.
        times : what the backend measured of a fragment.
        complete : whether nothing was interrupted.
        """
        hosts = self.hosts(cluster)
        window = min(len(self.intervals), settings.run.intervals)
        hours = window * settings.run.interval_s / SECONDS_PER_HOUR
        return RunResult(
            model=model,
            settings=settings,
            tasks=self.tasks,
            decisions=self.decisions,
            outcomes=self.outcomes,
            intervals=self.intervals,
            hosts=hosts,
            fragments=[
                FragmentRow(
                    fragment=one,
                    ready_s=ready_s.get(one.fragment_id, math.nan),
                    input_link_mb=self.input_link_mb.get(one.fragment_id, 0.0),
                    times=times(one.fragment_id) if one.fragment_id in self.input_link_mb else None,
                )
                for one in self.fragments
            ],
            data_sources={name: one.data_source for name, one in applications.items()},
            intervals_done=window,
            complete=complete,
            failures=self.failures,
            moves=self.moves,
            metrics={
                **run_metrics(
                    outcomes=[one for one in self.outcomes if one.left_interval < window],
                    decisions=[one.split for one in self.decisions],
                    host_utilisation=hosts.cpu_utilisation[:window].mean(axis=0),
                    ram_utilisation=float((hosts.ram_used_mb[:window] / hosts.ram_mb).mean()),
                    energy_wh=float(hosts.energy_wh[:window].sum()),
                    cost_usd=float(cluster.price_usd_h.sum()) * hours,
                    interval_s=settings.run.interval_s,
                    scheduling_s=float(np.mean([one.scheduling_s for one in self.intervals[:window]])),
                    migrations=sum(one.migrations for one in self.intervals[:window]),
                    losses=sum(one.losses for one in self.intervals[:window]),
                    fallbacks=int(max((one.placer.get(FALLBACKS, 0.0) for one in self.intervals), default=0.0)),
                ),
                **drained_metrics(self.outcomes, len(self.tasks), settings.run.interval_s, len(self.failures)),
            },
        )
