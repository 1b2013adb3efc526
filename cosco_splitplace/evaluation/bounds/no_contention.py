"""The no-contention bound: no policy's drained reward exceeds that of tasks which each have the cluster to themselves.

Every phase of a task is given the best that the cluster has for it at that time, whatever the other phases get:

- A fragment is placed at an interval's boundary, the first one at once, each later one of a chain at the boundary after
  its predecessor has finished, as in the loop.
- Input from the broker and result to it take the host whose link is through first, at the links' states of those
  intervals; latency is the shortest nominal one (mobility only makes latencies longer). Between the fragments of a
  chain nothing crosses a link: they may follow one another on one host.
- Work runs at the pace of the host on which such a fragment, alone, runs fastest.

A task on a real host shares its links and CPUs, meets the limits of one host in all phases, and loses time when it is
moved; so no policy is faster in any phase, and as each phase ends no later when it begins no later, none is in all.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import List, Mapping, Sequence

import numpy as np

from ...arrivals.catalogue import Application, load_catalogue
from ...arrivals.poisson import PoissonArrivals
from ...cluster import Cluster, load_cluster
from ...config import Settings
from ...fragments.workflow import make_fragments
from ...mobility.trace import read_trace
from ...pipeline.inference import SampledAccuracy
from ...records import BoolArray, FloatArray, Fragment, Task
from ...rewards.metrics import task_reward
from ...rewards.outcome import whole_intervals
from ...simulation import generators

ROUNDING = 1e-6  # intervals by which a time may pass a boundary and still count as on it: the bound errs upwards


@dataclass(frozen=True)
class Alone:
    """What a task reaches under one split with the cluster to itself: response in intervals, accuracy, reward."""

    response_intervals: int
    accuracy: float
    reward: float


@dataclass(frozen=True)
class NoContention:
    """The bound of one run: its tasks in order of arrival, and for each what every split of its reaches alone."""

    tasks: Sequence[Task]
    alone: Sequence[Mapping[str, Alone]]

    @property
    def best(self) -> List[float]:
        """The most that each task can earn, in [0, 1]."""
        return [max(one.reward for one in splits.values()) for splits in self.alone]

    @property
    def reward(self) -> float:
        """The bound on the run's drained reward; NaN without tasks."""
        return sum(self.best) / len(self.tasks) if self.tasks else math.nan


def no_contention(settings: Settings) -> NoContention:
    """The bound of the run that `settings` describe; decider and placer do not matter."""
    applications = load_catalogue(settings.arrivals.apps_file, settings.arrivals.applications)
    tasks = arriving_tasks(settings, applications)
    alone = EmptyCluster(settings, load_cluster(settings.cluster))
    accuracy = SampledAccuracy(applications, settings.arrivals.sample_images)

    def outcome(task: Task, split: str) -> Alone:
        fragments = make_fragments(task, applications[task.application].split(split), settings.fragments, 0)
        response = alone.response_intervals(fragments, task.arrival_interval)
        share = accuracy.accuracy(task, split)
        return Alone(response, share, task_reward(response, task.deadline_intervals, share))

    return NoContention(
        tasks, [{split: outcome(one, split) for split in applications[one.application].splits} for one in tasks]
    )


def arriving_tasks(settings: Settings, applications: Mapping[str, Application]) -> List[Task]:
    """All tasks of a run: they do not depend on what becomes of them."""
    draw = generators(settings.run.seed)[0]
    arrivals = PoissonArrivals(settings.arrivals, applications, draw, settings.run.intervals)
    return [task for interval in range(settings.run.intervals) for task in arrivals.tasks(interval)]


class EmptyCluster:
    """How fast a task is that has the cluster to itself, each phase on the host that is best for it."""

    def __init__(self, settings: Settings, cluster: Cluster) -> None:
        self._interval_s = settings.run.interval_s
        self._engine = settings.engine
        self._cluster = cluster
        self._mips = cluster.fragment_mips(settings.fragments.cores)
        self._latency_s = float(cluster.ping_s.min()) + cluster.broker_ping_s
        self._mobility = read_trace(settings.cluster.mobility_file) if settings.cluster.mobility else None

    def response_intervals(self, fragments: Sequence[Fragment], arrival_interval: int) -> int:
        """Whole intervals from a task's arrival to its last result, the arrival interval included."""
        arrived_s = arrival_interval * self._interval_s
        finished_s: List[float] = []
        delivered_s = arrived_s
        for one in fragments:
            room = self._cluster.ram_mb * self._engine.ram_overcommit >= one.ram_mb
            if one.depends_on:
                started_s = self._boundary(finished_s[one.depends_on[0] - fragments[0].fragment_id])
            else:
                started_s = self._sent(arrived_s, one.input_mb, room)
            finished_s.append(started_s + one.work_mi / self._pace(one, room))
            if one.is_last:
                delivered_s = max(delivered_s, self._sent(finished_s[-1], one.output_mb, room))
        return whole_intervals(delivered_s - arrived_s - ROUNDING * self._interval_s, self._interval_s)

    def _boundary(self, time_s: float) -> float:
        """The first boundary from `time_s` on."""
        return math.ceil(time_s / self._interval_s - ROUNDING) * self._interval_s

    def _pace(self, fragment: Fragment, room: BoolArray) -> float:
        """MIPS on the host that runs `fragment` fastest; it may swap alone where placements may overcommit memory."""
        overuse = np.maximum(0.0, fragment.ram_mb / self._cluster.ram_mb - 1)
        return float((self._mips / (1 + self._engine.swap_penalty * overuse))[room].max())

    def _sent(self, start_s: float, megabytes: float, room: BoolArray) -> float:
        """When `megabytes` between the broker and a host are through that set out at `start_s`, on the best link."""
        now_s = start_s + self._latency_s
        left = np.full(int(room.sum()), megabytes)
        interval = int(now_s / self._interval_s)
        while True:
            rate = np.minimum(self._bandwidth(interval)[room], self._cluster.broker_link_mb_s)
            end_s = (interval + 1) * self._interval_s
            through_s = now_s + float((left / rate).min())
            if through_s <= end_s:
                return through_s
            left -= rate * (end_s - now_s)
            now_s, interval = end_s, interval + 1

    def _bandwidth(self, interval: int) -> FloatArray:
        """The hosts' links in `interval`, (n_hosts,), in MB/s."""
        nominal = self._cluster.link_mb_s
        if self._mobility is None:
            return nominal
        return nominal * self._mobility.at(interval, self._cluster.n_hosts)[1]
