"""The testbed behind the Backend port: what should run where, and the jobs and notifications that make it so.

The broker keeps a wanted state (placements, in the journal) and agents tell their present one. Each is brought to the
other by requests that may be repeated, so that a lost message, a dead host or a broker that is started again costs
time and no task. Data flows from agent to agent; the broker sends images, and fetches last fragments' outputs.
"""

from __future__ import annotations

import logging
import math
import secrets
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple

import numpy as np

from ...agent.client import AgentClient, Credentials
from ...cluster import Cluster
from ...config import TestbedSettings
from ...errors import AgentRefusal, PayloadError, SplitPlaceError
from ...pipeline.payload import decode
from ...power import power_at
from ...records import (
    DELIVERED,
    FAILED,
    FINISHED,
    LOST,
    MIGRATED,
    Decision,
    FloatArray,
    FragmentEvent,
    FragmentTimes,
    HostUsage,
    Snapshot,
    StartOrder,
    Task,
    Transfer,
)
from ..port import Backend
from ..wallclock import WallClock
from . import placement as states
from .data import CLOSE, TaskData
from .journal import Journal
from .link import AgentLink
from .placement import NOWHERE, Placement

logger = logging.getLogger(__name__)
GREETING_S = 20.0
SECONDS_PER_HOUR = 3600.0
AVOIDED_S, LONGEST_AVOIDED_S = 20.0, 600.0  # that a host gets no fragments after it failed one; doubled; our choice
SETTLING = (404, 409)  # the fragment moves or is not there yet


class NoAgentError(SplitPlaceError):
    """None of the agents answers."""


class TestbedBackend(Backend):
    """A cluster of agents.

    Parameters
    ----------
    cluster : the hosts.
    urls : of their agents, in the same order.
    credentials : what agents ask for.
    data : images, artifacts, results.
    journal : an earlier broker's is gone on with.
    settings : see there.
    room_mb : (n_hosts,) memory that placements may fill.
    cores : cores that a fragment may use.

    ``incidents`` says what went wrong, in order, once the backend is closed.
    """

    __test__ = False  # for pytest
    exact = False

    def __init__(
        self,
        cluster: Cluster,
        urls: Sequence[str],
        credentials: Credentials,
        data: TaskData,
        journal: Journal,
        settings: TestbedSettings,
        room_mb: FloatArray,
        cores: float,
    ) -> None:
        if len(urls) != cluster.n_hosts:
            raise ValueError(f"{len(urls)} agents for {cluster.n_hosts} hosts")
        self.cluster, self._data, self._journal, self._settings = cluster, data, journal, settings
        self._room_mb, self._cores = room_mb, cores
        self.pipelined = settings.pipelining
        self._run = journal.get("run") or secrets.token_hex(4)
        began = float(journal.get("began") or time.time())
        journal.set("run", self._run)
        journal.set("began", repr(began))
        self.clock: WallClock = WallClock(elapsed_s=max(0.0, time.time() - began))
        self._tasks: Dict[int, Task] = {}
        self._splits: Dict[int, str] = {}
        for task, decision in journal.tasks():
            self._tasks[task["task_id"]] = Task(**task)
            self._splits[task["task_id"]] = decision["split"]
        self._names: Dict[str, Placement] = {}
        self._current: Dict[int, Placement] = {}  # by fragment, the last one
        self._follower: Dict[int, int] = {}
        for body in journal.placements():
            self._hold(Placement.from_json(body))
        self._created_at: Dict[str, float] = {}
        self._migrating: Set[str] = set()
        self.incidents: List[str] = []
        self._avoided_until = np.zeros(cluster.n_hosts)
        self._failures_in_a_row = np.zeros(cluster.n_hosts, dtype=np.int64)
        self.link_mb_s: FloatArray = cluster.link_mb_s  # changes where the hosts move
        self._usage_since_s = self.clock.now_s
        self._counted: Dict[str, List[float]] = {}
        self._links = [
            AgentLink(i, AgentClient(url, credentials), settings.lease_s, self._told, self._gone, self._back)
            for i, url in enumerate(urls)
        ]

    # ---- before and after a run ----

    def greet(self) -> None:
        """Begin to listen to all agents; those that do not answer are taken for gone.

        Raises
        ------
        NoAgentError
            None answers.
        """
        for link in self._links:
            link.open()
        until = time.monotonic() + GREETING_S
        for link in self._links:
            link.greeted.wait(max(0.0, until - time.monotonic()))
        if not any(link.up for link in self._links):
            raise NoAgentError(
                f"none of the {len(self._links)} agents answers: {self._links[0].trouble}. Start them "
                "(cosco-splitplace agent, or testbed up), or mend the hosts file"
            )
        with self._journal.transaction():
            for host, link in enumerate(self._links):
                if not link.up:
                    self._gone(host, link.trouble)
            self._go_on()

    def close(self) -> None:
        """End what still runs, as far as agents answer, and ask nothing more."""
        for one in list(self._current.values()):
            link = self._links[one.host]
            if link.up and one.state in (states.ACTIVE, states.FINISHED):
                try:
                    link.client.delete(one.name)
                except Exception as failure:
                    logger.info("%s", failure)
        self.abandon()

    def abandon(self) -> None:
        """Ask nothing more, and leave everything as it is; another broker may go on with it."""
        for link in self._links:
            link.close()
        self.incidents = [f"{when:.1f} s: {what}" for when, what in self._journal.incidents()]
        self._journal.close()

    # ---- the port ----

    def admit(self, task: Task, decision: Decision) -> None:
        self._tasks[task.task_id], self._splits[task.task_id] = task, decision.split
        self._journal.add_task(task.task_id, vars(task), {"split": decision.split, "reason": decision.reason})

    def snapshot(self) -> Snapshot:
        with self._journal.transaction():
            active = [one for _, one in sorted(self._current.items()) if one.state == states.ACTIVE]
            n, hosts = self.cluster.n_hosts, np.array([one.host for one in active], dtype=np.int64)
            ram = np.bincount(hosts, [one.fragment.ram_mb for one in active], n).astype(float)
            shut = np.array([not link.up for link in self._links]) | (self._avoided_until > self.clock.now_s)
            return Snapshot(
                time_s=self.clock.now_s,
                cpu_utilisation=np.where(shut, 1.0, [link.now.get("cpu_share", 0.0) for link in self._links]),
                placed_fragments=np.bincount(hosts, minlength=n),
                ram_used_mb=np.where(shut, np.maximum(ram, self._room_mb), ram),
                bandwidth_mb_s=self.link_mb_s,
                latency_s=self.cluster.ping_s,
                fragment_ids=np.array([one.fragment.fragment_id for one in active], dtype=np.int64),
                fragment_hosts=hosts,
                work_left_mi=np.array([one.fragment.work_mi * (1 - one.share_done) for one in active], dtype=float),
                movable=np.array([self._movable(one) for one in active], dtype=bool),
            )

    def start(self, orders: Sequence[StartOrder]) -> None:
        with self._journal.transaction():
            for order in orders:
                number = order.fragment.fragment_id
                before = self._current.get(number)
                if before is not None and before.state != states.LOST:
                    raise ValueError(f"fragment {number} was started before")
                if not 0 <= order.host < self.cluster.n_hosts:
                    raise ValueError(f"there is no host {order.host}")
                count = before.number + 1 if before else 1
                chunks = self._data.n_chunks(self._tasks[order.fragment.task_id])
                name = f"{self._run}-{number}-{count}"
                self._hold(Placement(name, order.fragment, count, order.host, chunks, self.clock.now_s))
                self._keep(self._current[number])

    def send(self, transfers: Sequence[Transfer]) -> None:
        with self._journal.transaction():
            ordered = [self._known(one.fragment_id) for one in transfers]
            for one in ordered:
                one.sent = True
            if self._settings.ring:
                self._ring([one for one in ordered if not one.fragment.depends_on])
            for one in reversed(ordered):  # takers before givers
                self._keep(one)
                self._create(one)
            for one in ordered:
                for before in one.fragment.depends_on:
                    self._redirect(self._current.get(before))

    def migrate(self, fragment_id: int, host: int) -> None:
        with self._journal.transaction():
            one = self._known(fragment_id)
            if not self._movable(one) or not self._links[host].up or host == one.host:
                return  # it has ended, or was lost, since it was shown
            one.moving_to = host
            self._keep(one)
            self._migrating.add(one.name)
            self._links[one.host].do(lambda: self._move(one, host), lambda: one.moving_to == host, lambda _: None)

    def stop(self, fragment_id: int) -> None:
        with self._journal.transaction():
            one = self._known(fragment_id)
            if one.state in (states.ACTIVE, states.FINISHED):
                one.state = states.STOPPED
                self._keep(one)
                self._delete(one.host, one.name)

    def poll(self) -> List[FragmentEvent]:
        # two agents may tell of the same moment in either order
        return sorted((FragmentEvent(*one) for one in self._journal.take_events()), key=lambda one: one.time_s)

    def usage(self) -> HostUsage:
        with self._journal.transaction():
            n, now = self.cluster.n_hosts, self.clock.now_s
            work, sent, received, broker = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(2)
            for one in self._names.values():
                self._count(one, work, sent, received, broker)
            share = np.array([link.now.get("cpu_share", 0.0) if link.up else 0.0 for link in self._links])
            span, self._usage_since_s = now - self._usage_since_s, now
            return HostUsage(
                cpu_utilisation=np.clip(share, 0.0, 1.0),
                work_mi=work,
                energy_wh=power_at(self.cluster, share) * span / SECONDS_PER_HOUR,
                sent_mb=sent,
                received_mb=received,
                broker_sent_mb=float(broker[0]),
                broker_received_mb=float(broker[1]),
            )

    def times(self, fragment_id: int) -> FragmentTimes:
        one = self._known(fragment_id)
        delivered = one.fragment.output_mb if math.isfinite(one.delivered_s) else 0.0
        return FragmentTimes(
            fragment_id=fragment_id,
            host=one.host,
            placed_s=one.placed_s,
            started_s=one.started_s,
            finished_s=one.finished_s,
            delivered_s=one.delivered_s,
            migration_s=one.migration_s,
            migrations=one.migrations,
            work_done_mi=one.fragment.work_mi * one.share_done,
            received_mb=one.fragment.input_mb * one.received / one.chunks + delivered,
        )

    # ---- accuracy, from what came back ----

    def accuracy(self, task: Task, split: str) -> float:
        """The share of right answers among a task's results; a result that is not the network's own is an incident."""
        last = sorted(
            one.fragment.fragment_id
            for one in self._current.values()
            if one.fragment.task_id == task.task_id and one.fragment.is_last
        )
        found = self._data.answer(task, split, last, self._settings.verify)
        if found.difference > CLOSE or not found.same_classes:
            self._note(f"task {task.task_id}: its result differs by {found.difference:g} from the network in one piece")
        return found.accuracy

    # ---- what COSCO's framework measures ----

    def measured(self) -> Tuple[List[Tuple[str, Dict[str, float]]], List[Dict[str, Any]]]:
        """What each host's agent told last, by address, and how it stands with each fragment that is placed."""
        with self._journal.transaction():
            addresses = [link.client.url.partition("://")[2] for link in self._links]
            hosts = [(address, link.now) for address, link in zip(addresses, self._links) if link.up and link.now]
            active = [one for one in self._current.values() if one.state == states.ACTIVE]
            return hosts, [
                {
                    "host": addresses[one.host], "name": one.name, "running": math.isfinite(one.started_s),
                    "received": one.received, "outputs": one.outputs, "chunks": one.chunks,
                    "migrations": one.migrations,
                }
                for one in active
            ]

    # ---- jobs ----

    def _create(self, one: Placement) -> None:
        task = self._tasks[one.fragment.task_id]

        def job() -> None:
            link = self._links[one.host]
            manifest, weights = (link.client.put_artifact(file) for file in self._data.files(task, one.fragment))
            link.client.create(
                one.name,
                {
                    "manifest": manifest,
                    "weights": weights,
                    "index": one.fragment.index,
                    "chunks": one.chunks,
                    "images_at_once": self._data.micro_batch,
                    "cpus": self._cores,
                    # rounded down: rounded up, those that fit together in sum might not
                    "memory_mb": max(1, int(one.fragment.ram_mb)),
                    **self._targets(one),
                },
            )
            with self._journal.transaction():
                one.created = True
                self._created_at[one.name] = time.monotonic()
                self._keep(one)
                self._redirect(one)  # its follower may have got a host meanwhile
            if not one.fragment.depends_on and not self._relayed(one):
                self._feed(one)

        def refused(refusal: AgentRefusal) -> None:
            with self._journal.transaction():
                self._avoid(one.host)
                self._lose(one, str(refusal))

        self._links[one.host].do(job, lambda: one.state == states.ACTIVE, refused)

    def _feed(self, one: Placement) -> None:
        """Send a task's images; what the host has already is not sent again."""
        task = self._tasks[one.fragment.task_id]

        def job() -> None:
            client = self._links[one.host].client
            chunks = self._data.chunks(task)
            for chunk in client.link_inputs(one.name, {at: packed.sha256 for at, packed in enumerate(chunks)}):
                if one.state != states.ACTIVE:
                    return
                client.put_kept_input(one.name, chunk, chunks[chunk])

        def refused(refusal: AgentRefusal) -> None:
            with self._journal.transaction():
                if refusal.status in SETTLING and one.state == states.ACTIVE and one.moving_to != NOWHERE:
                    return  # when it has arrived it is fed there
                self._lose(one, str(refusal))

        self._links[one.host].do(job, lambda: one.state == states.ACTIVE, refused)

    def _redirect(self, one: Optional[Placement]) -> None:
        """Tell it where its outputs and inputs go now."""
        if one is None or not one.created or one.state not in (states.ACTIVE, states.FINISHED):
            return
        targets = self._targets(one)
        if targets["forward"] or targets["relay"]:
            self._links[one.host].do(
                lambda: self._links[one.host].client.redirect(one.name, **targets),
                lambda: one.state in (states.ACTIVE, states.FINISHED),
                lambda refusal: logger.info("%s", refusal),
            )

    def _collect(self, one: Placement) -> None:
        """Fetch a last fragment's outputs."""

        def job() -> None:
            client = self._links[one.host].client
            try:
                parts = [decode(content) for content in client.all_outputs(one.name)]
            except PayloadError as error:
                self._note(f"{error}; it is fetched again")
                self._collect(one)
                return
            self._data.keep_result(one.fragment.fragment_id, parts)
            with self._journal.transaction():
                now = self.clock.now_s
                if one.state == states.FINISHED and self._journal.deliver(
                    one.fragment.fragment_id, one.fragment.task_id, now, ""
                ):
                    one.delivered_s = now
                    one.state = states.RELEASED
                    self._keep(one)
                    self._tell(DELIVERED, one, now)
                    self._delete(one.host, one.name)

        def refused(refusal: AgentRefusal) -> None:
            with self._journal.transaction():
                self._lose(one, str(refusal))

        self._links[one.host].do(job, lambda: one.state == states.FINISHED, refused)

    def _move(self, one: Placement, target: int) -> None:
        try:
            report = self._links[one.host].client.migrate(one.name, self._links[target].client.url)
        except AgentRefusal as refusal:
            report = {"moved": False, "reason": str(refusal)}
        finally:
            self._migrating.discard(one.name)
        with self._journal.transaction():
            if one.moving_to != target:  # what the target told came first; how long it took was not known then
                if one.host == target and report["moved"]:
                    one.migration_s += float(report["downtime_s"])
                    self._keep(one)
                return
            if report["moved"]:
                self._has_moved(one, target, float(report["downtime_s"]))
            else:
                one.moving_to = NOWHERE
                self._keep(one)
                self._note(f"{one.name} stays on host {one.host}: {report['reason']}")

    def _delete(self, host: int, name: str) -> None:
        link = self._links[host]
        link.do(lambda: link.client.delete(name), lambda: link.up, lambda refusal: logger.info("%s", refusal))

    # ---- what agents tell ----

    def _told(self, host: int, told: Dict[str, Any], asked: float) -> None:
        with self._journal.transaction():
            for status in told["fragments"]:
                one = self._names.get(status["name"])
                if one is None:
                    if str(status["name"]).startswith(f"{self._run}-"):
                        self._delete(host, status["name"])
                    continue
                here = host in (one.host, one.moving_to)
                if here and one.state in (states.ACTIVE, states.FINISHED):
                    self._update(one, host, status)
                else:
                    self._delete(host, one.name)  # it has left, was placed again, or is not wanted any more
            there = set(told["names"])
            for one in list(self._names.values()):
                known = one.created and self._created_at.get(one.name, 0.0) < asked and one.moving_to == NOWHERE
                if one.host == host and known and one.name not in there and self._needed(one):
                    self._lose(one, f"the agent of host {host} has nothing of it")

    def _update(self, one: Placement, host: int, status: Mapping[str, Any]) -> None:
        now, state = self.clock.now_s, status["state"]
        if host == one.moving_to and state in ("running", "finished"):
            self._has_moved(one, host, 0.0)
        elif host == one.host and one.moving_to != NOWHERE and state == "running" and one.name not in self._migrating:
            one.moving_to = NOWHERE  # a migration that an earlier broker ordered came to nothing
        if host != one.host or state == "moved":
            return
        one.received = max(one.received, int(status["received"]))
        one.outputs = max(one.outputs, int(status["outputs"]))
        one.forwarded = int(status["forwarded"])
        if status["started_age_s"] is not None and math.isnan(one.started_s):
            one.started_s = min(now, max(one.placed_s, now - float(status["started_age_s"])))
        if state == "failed":
            self._avoid(host)
            self._lose(one, f"on host {host}: {status['error']}")
            return
        if state == "finished" and one.state == states.ACTIVE:
            if math.isnan(one.started_s):
                one.started_s = one.placed_s
            one.finished_s = min(now, max(one.started_s, now - float(status["finished_age_s"])))
            one.state, one.outputs = states.FINISHED, one.chunks
            self._failures_in_a_row[host] = 0
            self._tell(FINISHED, one, one.finished_s)
            if one.fragment.is_last:
                self._collect(one)
            self._release(one)
            for before in one.fragment.depends_on:
                self._release(self._current.get(before))
        self._keep(one)

    def _has_moved(self, one: Placement, target: int, downtime_s: float) -> None:
        one.host, one.moving_to = target, NOWHERE
        one.migrations += 1
        one.migration_s += downtime_s
        self._created_at[one.name] = time.monotonic()
        self._keep(one)
        self._tell(MIGRATED, one, self.clock.now_s)
        for before in one.fragment.depends_on:
            self._redirect(self._current.get(before))
        if not one.fragment.depends_on:
            self._feed(one)

    def _gone(self, host: int, why: str) -> None:
        with self._journal.transaction():
            self._note(f"host {host} is gone: {why}")
            for one in list(self._names.values()):
                if one.host == host and self._needed(one):
                    self._lose(one, f"host {host} is gone")

    def _back(self, host: int) -> None:
        if self._links[host].greeted.is_set():
            self._note(f"host {host} is back")

    # ---- the wanted state ----

    def _needed(self, one: Placement) -> bool:
        """Would something be missing without it?"""
        if one.state == states.ACTIVE:
            return True
        if one.state != states.FINISHED:
            return False
        if one.fragment.is_last:
            return math.isnan(one.delivered_s)
        follower = self._current.get(self._follower.get(one.fragment.fragment_id, NOWHERE))
        return (
            follower is None
            or follower.state == states.LOST
            or (follower.state == states.ACTIVE and follower.received < follower.chunks)
        )

    def _lose(self, one: Placement, reason: str) -> None:
        """It is to be placed again, and what it needs must be there."""
        if one.state not in (states.ACTIVE, states.FINISHED):
            return
        follower = self._current.get(self._follower.get(one.fragment.fragment_id, NOWHERE))
        if not self.pipelined and follower is not None and follower.state == states.ACTIVE:
            self._lose(follower, f"its input was lost with fragment {one.fragment.fragment_id}")
        one.state = states.LOST
        self._keep(one)
        self._note(f"fragment {one.fragment.fragment_id} starts again: {reason}")
        self._delete(one.host, one.name)
        if one.number >= self._settings.attempts:
            self._tell(
                FAILED, one, self.clock.now_s, f"fragment {one.fragment.index} failed {one.number} times; {reason}"
            )
            return
        self._tell(LOST, one, self.clock.now_s)
        relay = self._names.get(one.relay_to)
        if relay is not None and relay.state == states.ACTIVE:
            self._feed(relay)
        for number in one.fragment.depends_on:
            before = self._current.get(number)
            if before is not None and (before.state == states.RELEASED or not self._links[before.host].up):
                before.state = states.FINISHED if before.state == states.RELEASED else before.state
                self._lose(before, f"its output is needed again for fragment {one.fragment.fragment_id}")

    def _avoid(self, host: int) -> None:
        """Place nothing on a host that has just failed a fragment: idle as it is, it would get them all."""
        now = self.clock.now_s
        if self._avoided_until[host] > now:
            return  # of the same failure
        pause = min(LONGEST_AVOIDED_S, AVOIDED_S * 2.0 ** self._failures_in_a_row[host])
        self._avoided_until[host] = now + pause
        self._failures_in_a_row[host] += 1

    def _release(self, one: Optional[Placement]) -> None:
        """Nobody needs its outputs any more: its agent may forget it."""
        if one is None or one.state != states.FINISHED or one.fragment.is_last:
            return
        follower = self._current.get(self._follower.get(one.fragment.fragment_id, NOWHERE))
        if follower is not None and follower.state in (states.FINISHED, states.RELEASED):
            one.state = states.RELEASED
            self._keep(one)
            self._delete(one.host, one.name)

    def _ring(self, firsts: Sequence[Placement]) -> None:
        """Branches of a task hand their input on from one to the next."""
        for one, following in zip(firsts, firsts[1:]):
            if one.fragment.task_id == following.fragment.task_id:
                one.relay_to = following.name

    def _relayed(self, one: Placement) -> bool:
        """Does another placement hand its input on to it?"""
        return any(
            giver.relay_to == one.name and giver.state in (states.ACTIVE, states.FINISHED)
            for giver in self._names.values()
        )

    def _targets(self, one: Placement) -> Dict[str, List[Dict[str, str]]]:
        follower = self._current.get(self._follower.get(one.fragment.fragment_id, NOWHERE))
        relay = self._names.get(one.relay_to)
        wanted = (states.ACTIVE, states.FINISHED)
        return {
            kind: [{"agent": self._links[to.host].client.url, "fragment": to.name}]
            if to is not None and to.state in wanted
            else []
            for kind, to in (("forward", follower), ("relay", relay))
        }

    def _movable(self, one: Placement) -> bool:
        running = one.state == states.ACTIVE and one.created and math.isfinite(one.started_s)
        return running and one.moving_to == NOWHERE and not one.relay_to and self._links[one.host].up

    def _go_on(self) -> None:
        """Give again the jobs that an earlier broker may not have done; all may be repeated."""
        for one in list(self._names.values()):
            if not self._links[one.host].up:
                continue
            if one.state == states.ACTIVE and one.sent:
                self._create(one)
            elif one.state == states.FINISHED and one.fragment.is_last:
                self._collect(one)
            elif one.state == states.FINISHED:
                self._redirect(one)

    def _hold(self, one: Placement) -> None:
        self._names[one.name] = self._current[one.fragment.fragment_id] = one
        for before in one.fragment.depends_on:
            self._follower[before] = one.fragment.fragment_id

    def _keep(self, one: Placement) -> None:
        self._journal.put_placement(one.name, one.fragment.fragment_id, one.number, one.state, one.to_json())

    def _known(self, fragment_id: int) -> Placement:
        if fragment_id not in self._current:
            raise ValueError(f"fragment {fragment_id} was not started")
        return self._current[fragment_id]

    def _tell(self, kind: str, one: Placement, time_s: float, reason: str = "") -> None:
        self._journal.add_event(kind, one.fragment.fragment_id, time_s, reason)

    def _note(self, what: str) -> None:
        logger.info("%s", what)
        self._journal.add_incident(self.clock.now_s, what)

    def _count(
        self, one: Placement, work: FloatArray, sent: FloatArray, received: FloatArray, broker: FloatArray
    ) -> None:
        """Add what a placement has done since the last count: MI on its host, MB on the links."""
        fragment = one.fragment
        now = [one.outputs, one.received, one.forwarded, int(math.isfinite(one.delivered_s)) * one.chunks]
        before = self._counted.get(one.name, [0.0] * 4)
        self._counted[one.name] = [float(value) for value in now]
        outputs, inputs, forwarded, delivered = (max(0.0, a - b) / one.chunks for a, b in zip(now, before))
        work[one.host] += outputs * fragment.work_mi
        received[one.host] += inputs * fragment.input_mb
        sent[one.host] += (forwarded + delivered) * fragment.output_mb
        broker += (0.0 if fragment.depends_on else inputs * fragment.input_mb, delivered * fragment.output_mb)
