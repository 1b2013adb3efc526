"""Algorithm 1: one interval of the whole system, top to bottom.

A task arrives -> a decider picks its split -> the split becomes fragments -> a placer puts them on hosts -> the
backend moves data and runs them -> the outcome becomes a reward, which teaches the decider and the placer.
"""
from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import List, Mapping, Optional, Sequence, TypeVar

import numpy as np

from .arrivals.catalogue import Application
from .arrivals.poisson import PoissonArrivals, longest_deadline
from .backends.port import Backend
from .cluster import Cluster
from .config import Settings
from .deciders import Decider
from .fragments.table import UNKNOWN, FragmentTable
from .fragments.tracking import Workflow, WorkflowTracker
from .fragments.workflow import make_fragments
from .history import SECONDS_PER_HOUR, History
from .pipeline.inference import AccuracyOf
from .pipeline.plan import make_plan
from .placement import WAIT, PlacementProblem, Placer
from .placement.feasibility import enforce
from .records import (
    FAILED,
    LAYER,
    LOST,
    MIGRATED,
    Decision,
    FragmentEvent,
    IntArray,
    IntervalRecord,
    Snapshot,
    StartOrder,
    Task,
    TaskOutcome,
    Transfer,
)
from .rewards.objective import placement_objective
from .rewards.outcome import task_outcome

T = TypeVar("T")


@dataclass
class Interval:
    """One interval I_t while it is worked on; each step fills in its part."""

    number: int
    tasks: List[Task] = field(default_factory=list)
    decisions: List[Decision] = field(default_factory=list)
    problem: Optional[PlacementProblem] = None
    hosts: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    placed: Optional[Snapshot] = None
    scheduling_s: float = 0.0


class Loop:
    """The broker: it owns the order of the steps; what each does is in the parts that it is given.

    Parameters
    ----------
    settings, cluster, applications : what there is.
    arrivals, decider, placer, backend, accuracy : who acts, in the order of the story.
    """

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        applications: Mapping[str, Application],
        arrivals: PoissonArrivals,
        decider: Decider,
        placer: Placer,
        backend: Backend,
        accuracy: AccuracyOf,
    ) -> None:
        self.settings = settings
        self.cluster = cluster
        self.applications = applications
        self.arrivals = arrivals
        self.decider = decider
        self.placer = placer
        self.backend = backend
        self.accuracy = accuracy
        self.workflows = WorkflowTracker(backend.pipelined)
        self.table = FragmentTable(cluster.n_hosts)
        self.history = History()
        self._interval_s = settings.run.interval_s
        self._full_energy_wh = cluster.power_w[:, -1].sum() * self._interval_s / SECONDS_PER_HOUR
        self._longest_deadline = longest_deadline(settings.arrivals, applications)

    def run_interval(self, number: int) -> None:
        """Algorithm 1 for interval I_t."""
        interval = Interval(number)
        self.receive(interval)
        began = time.perf_counter()
        self.decide(interval)
        self.split(interval)
        self.ask(interval)
        self.place(interval, self.placer.place(_filled(interval.problem)))
        interval.scheduling_s = time.perf_counter() - began
        self.execute(interval)
        self.learn(interval)

    def receive(self, interval: Interval) -> None:
        """Step 1: new tasks N_t arrive (line 2); none once the run's intervals are over and it drains."""
        if interval.number < self.settings.run.intervals:
            interval.tasks = self.arrivals.tasks(interval.number)

    def decide(self, interval: Interval) -> None:
        """Step 2: the decider picks each task's split (lines 7 to 10)."""
        interval.decisions = self.decider.decide(interval.tasks, interval.number)

    def split(self, interval: Interval) -> None:
        """Step 3: each task becomes fragments, and a plan of its data movements."""
        for task, decision in zip(interval.tasks, interval.decisions):
            split = self.applications[task.application].split(decision.split)
            fragments = make_fragments(task, split, self.settings.fragments, len(self.history.fragments))
            self.workflows.add(task, fragments, make_plan(fragments), self.backend.clock.now_s)
            self.backend.admit(task, decision)
            self.history.fragments += fragments
            due_s = (task.arrival_interval + task.deadline_intervals) * self._interval_s
            self.table.add(fragments, due_s)
        self.history.tasks += interval.tasks
        self.history.decisions += interval.decisions

    def ask(self, interval: Interval) -> None:
        """Step 4, the question: which fragments are ready, which are placed, what is free?"""
        interval.problem = self._problem(self.backend.snapshot())

    def place(self, interval: Interval, wanted: IntArray) -> None:
        """Step 4, the answer: the queue gets hosts and what runs may move (lines 11, 12); what fits is kept."""
        interval.hosts = enforce(_filled(interval.problem), wanted)
        if self.backend.pipelined:
            self._hold_back_followers(interval)

    def execute(self, interval: Interval) -> None:
        """Step 5: data is sent, fragments start, run and move until the interval ends."""
        problem, hosts = _filled(interval.problem), interval.hosts
        new = np.flatnonzero(problem.queued & (hosts != WAIT))
        queue = {one.fragment_id: one for one in self.workflows.queue}
        fragments = [queue[one] for one in problem.fragment_ids[new].tolist()]
        orders, transfers = [], []
        for fragment, host, source in zip(fragments, hosts[new].tolist(), problem.source[new].tolist()):
            step = self.workflows.plan_of(fragment.fragment_id).input_of(fragment.fragment_id)
            orders.append(StartOrder(fragment, host))
            transfers.append(Transfer(fragment.fragment_id, source, host, step.megabytes))
            self.history.input_link_mb[fragment.fragment_id] = step.megabytes if source != host else 0.0
        self.workflows.mark_placed(fragments)
        self.backend.start(orders)
        self.backend.send(transfers)
        for i in np.flatnonzero(~problem.queued & (hosts != problem.current)).tolist():
            fragment_id, host = int(problem.fragment_ids[i]), int(hosts[i])
            self.history.begin_move(fragment_id, int(problem.current[i]), host, problem.snapshot.time_s)
            self.backend.migrate(fragment_id, host)
        interval.placed = self.backend.snapshot()
        self.backend.clock.wait_until((interval.number + 1) * self._interval_s)

    def learn(self, interval: Interval) -> None:
        """Step 6: the tasks that left become rewards, and those teach decider and placer (lines 3 to 6, 13, 14)."""
        events = self.backend.poll()
        outcomes = [self._outcome(one, interval.number) for one in self.workflows.take_in(events)]
        self._forget_lost(events)
        usage = self.backend.usage()
        reward = self.decider.learn(outcomes, interval.number)
        response = float(np.mean([one.response_intervals for one in outcomes])) if outcomes else float("nan")
        objective = placement_objective(
            reward,
            usage.energy_wh.sum() / self._full_energy_wh,
            response / self._longest_deadline,
            self.settings.surrogate.energy_weight,
            self.settings.surrogate.response_weight,
        )
        self.placer.learn(objective, interval.hosts)
        waiting = interval.hosts == WAIT
        self.history.outcomes += outcomes
        self.history.usage.append(usage)
        self.history.placed.append(_filled(interval.placed))
        self.history.events.append(events)
        self.history.take_moves(events, interval.number)
        self.history.intervals.append(
            IntervalRecord(
                interval=interval.number,
                arrived=len(interval.tasks),
                left=len(outcomes),
                layer_decisions=sum(one.split == LAYER for one in interval.decisions),
                placed_fragments=int((_filled(interval.problem).queued & ~waiting).sum()),
                waiting_fragments=int(waiting.sum()),
                active_fragments=int((~waiting).sum()),
                migrations=sum(one.kind == MIGRATED for one in events),
                bandit_reward=reward,
                energy_wh=float(usage.energy_wh.sum()),
                response_intervals=response,
                objective=objective,
                decider=self.decider.state(),
                placer=self.placer.state(),
                scheduling_s=interval.scheduling_s,
                losses=sum(one.kind == LOST for one in events),
            )
        )

    def _forget_lost(self, events: Sequence[FragmentEvent]) -> None:
        """Fragments that were lost have no host any more; what is left of a task that was given up ends."""
        for one in events:
            if one.kind == LOST:
                self.history.input_link_mb.pop(one.fragment_id, None)
                for follower in self.workflows.followers(one.fragment_id):
                    self.table.set_source(follower.fragment_id, UNKNOWN)
            elif one.kind == FAILED:
                for fragment_id in self.workflows.siblings(one.fragment_id):
                    if fragment_id in self.history.input_link_mb:
                        self.backend.stop(fragment_id)
        self.history.failures = self.workflows.failed

    def _hold_back_followers(self, interval: Interval) -> None:
        """A fragment gets a host only when the one before it has one: nothing is held for data that can't come."""
        problem, hosts = _filled(interval.problem), interval.hosts
        waiting = {int(one) for one in problem.fragment_ids[hosts == WAIT]}
        row = {one: index for index, one in enumerate(problem.fragment_ids.tolist())}
        for fragment in sorted(self.workflows.queue, key=lambda one: one.fragment_id):
            if waiting.intersection(fragment.depends_on):
                hosts[row[fragment.fragment_id]] = WAIT
                waiting.add(fragment.fragment_id)

    def _find_sources(self, queued: IntArray) -> None:
        """Fill in which hosts hold the inputs of the queue's fragments, where their predecessors have hosts."""
        for k in np.flatnonzero(self.table.column("source", queued) == UNKNOWN).tolist():
            fragment = self.workflows.queue[k]
            before = fragment.depends_on[0]
            if before in self.history.input_link_mb:
                self.table.set_source(fragment.fragment_id, self.backend.times(before).host)

    def _problem(self, snapshot: Snapshot) -> PlacementProblem:
        """What the placer is asked: the placed fragments where they are, then the queue.

        The broker stands in for a predecessor that has no host yet (pipelining only).
        """
        queued = np.array([one.fragment_id for one in self.workflows.queue], dtype=np.int64)
        self._find_sources(queued)
        ids = np.append(snapshot.fragment_ids, queued)
        source = self.table.column("source", ids)
        return PlacementProblem(
            cluster=self.cluster,
            snapshot=snapshot,
            fragment_ids=ids,
            layer=self.table.column("layer", ids),
            semantic=self.table.column("semantic", ids),
            task_ids=self.table.column("task_id", ids),
            due_s=self.table.column("due_s", ids),
            steps_after=self.table.column("steps_after", ids),
            work_after_mi=self.table.column("work_after_mi", ids),
            work_left_mi=np.append(snapshot.work_left_mi, self.table.column("work_mi", queued)),
            ram_mb=self.table.column("ram_mb", ids),
            input_mb=self.table.column("input_mb", ids),
            source=np.where(source == UNKNOWN, self.cluster.n_hosts, source),
            current=np.append(snapshot.fragment_hosts, np.full(len(queued), WAIT)),
            movable=np.append(snapshot.movable, np.zeros(len(queued), dtype=bool)),
            free_ram_mb=self.cluster.ram_mb * self.settings.engine.ram_overcommit - snapshot.ram_used_mb,
        )

    def _outcome(self, workflow: Workflow, interval: int) -> TaskOutcome:
        times = {one: self.backend.times(one) for one in workflow.fragments}
        self.history.times += times.values()
        accuracy = self.accuracy.accuracy(workflow.task, workflow.split)
        return task_outcome(workflow, times, accuracy, interval, self._interval_s)


def _filled(value: Optional[T]) -> T:
    """A part of an interval that an earlier step has filled in."""
    if value is None:
        raise RuntimeError("the steps of an interval ran out of order")
    return value
