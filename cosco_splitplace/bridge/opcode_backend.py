"""Fragments on agents that answer COSCO's opcodes, behind the Backend port.

What COSCO's opcodes lack is not made up: they move no data (an image brings its input), report no progress within a
container and no bytes, and bring no result back. Time and CPU are measured.

Each agent is asked in threads of its own, so that a slow or dead one holds up nobody else's work. Once an interval all
tell what runs on them, and that is compared with what should run there. Whatever went wrong - a container that is not
there or ended with an error, a migration that broke off, an agent that is silent - the fragment is LOST: the loop
places it again, and it starts from its input. Every attempt has a container name of its own, so that what an agent
still runs of an earlier one is told apart, and deleted.
"""
from __future__ import annotations

import logging
import math
import secrets
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

import numpy as np

from ..backends.port import Backend
from ..backends.wallclock import WallClock
from ..cluster import Cluster
from ..errors import SplitPlaceError
from ..power import power_at
from ..records import (
    DELIVERED,
    FINISHED,
    LOST,
    MIGRATED,
    FloatArray,
    Fragment,
    FragmentEvent,
    FragmentTimes,
    HostUsage,
    Snapshot,
    StartOrder,
    Transfer,
)
from .face import SECONDS_PER_HOUR
from .opcodes import ANSWER_S, AgentFailure, ask

logger = logging.getLogger(__name__)
PATIENCE = 2  # polls that an agent may be silent before its fragments are taken for lost; our choice
AT_ONCE = 4  # requests that one agent is busy with; our choice
NEVER = "0001-01-01"  # Docker's date of the end of a container that has never run
STAYED, MOVED, BROKE_OFF = "stayed", "moved", "broke off"


class AgentsError(SplitPlaceError):
    """None of the agents answers."""


@dataclass
class _Attempt:
    """A fragment on a host, from its placement to its end; ``work`` is what its agent is doing about it now."""

    fragment: Fragment
    host: int
    name: str
    image: str
    placed_s: float
    started_s: float = math.nan
    finished_s: float = math.nan
    migration_s: float = 0.0
    migrations: int = 0
    sent: bool = False
    stopped: bool = False
    lost: bool = False
    work: Optional["Future[_Done]"] = None

    @property
    def active(self) -> bool:
        """Does it hold its host?"""
        return math.isnan(self.finished_s) and not self.stopped and not self.lost


@dataclass(frozen=True)
class _Done:
    """What became of a creation or a migration, when, and how long it took."""

    outcome: str
    host: int
    at_s: float
    took_s: float = 0.0


@dataclass(frozen=True)
class _Told:
    """What an agent told: its containers by name, its CPU share, its clock."""

    containers: Mapping[str, Mapping[str, Any]]
    cpu_share: float


@dataclass
class _Agent:
    """An agent: its threads, for how many polls it has been silent, its CPU's share in use and work done since."""

    address: str
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE))
    silent: int = 0
    cpu_share: float = 0.0
    done_mi: float = 0.0


class OpcodeBackend(Backend):
    """A cluster of COSCO's agents.

    Parameters
    ----------
    cluster : the hosts.
    addresses : of their agents, "host" or "host:port", in the same order.
    image : the image of a fragment.
    room_mb : (n_hosts,) memory that placements may fill; a silent agent's host is shown as full.
    user : whom ``migrate`` copies checkpoints as; COSCO's is "vagrant" under Vagrant, else "ansible".
    clock : the wall clock, unless given.
    answer_s : how long an agent may take for an answer.

    ``failures`` says what went wrong, in order.
    """

    exact = False

    def __init__(
        self,
        cluster: Cluster,
        addresses: Sequence[str],
        image: Callable[[Fragment], str],
        room_mb: FloatArray,
        user: str = "ansible",
        clock: Optional[WallClock] = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        if len(addresses) != cluster.n_hosts:
            raise ValueError(f"{len(addresses)} addresses for {cluster.n_hosts} hosts")
        self._cluster, self._image, self._room_mb, self._user = cluster, image, room_mb, user
        self._agents = [_Agent(one) for one in addresses]
        self._attempts: Dict[int, _Attempt] = {}  # by fragment, the last one
        self._names: Dict[str, _Attempt] = {}  # by container, all of them
        self._events: List[FragmentEvent] = []
        self._run = secrets.token_hex(4)  # containers that an earlier run left behind are not ours
        self._watchers = ThreadPoolExecutor(cluster.n_hosts)
        self._answer_s = answer_s
        self._usage_since_s = 0.0
        self.failures: List[str] = []
        self.clock: WallClock = clock or WallClock()

    # ---- before and after a run ----

    def greet(self) -> None:
        """Ask all agents how they are; those that do not answer are taken for silent.

        Raises
        ------
        AgentsError
            None answers.
        """
        self._look()
        if all(one.silent for one in self._agents):
            raise AgentsError(
                f"none of the {len(self._agents)} agents answers: {'; '.join(self.failures)}. Start the agents, or "
                "mend the addresses in the hosts file"
            )

    def close(self) -> None:
        """Delete what still runs, and ask nothing more."""
        self.settle()
        for one in self._attempts.values():
            if one.active and one.sent:
                self._delete(one.host, one.name)
        for agent in self._agents:
            agent.threads.shutdown(wait=True)
        self._watchers.shutdown(wait=True)

    def settle(self) -> None:
        """Wait until everything that was asked for is done, or has failed."""
        wait([one.work for one in self._attempts.values() if one.work is not None])

    # ---- the port ----

    def snapshot(self) -> Snapshot:
        self._collect()
        active = [one for _, one in sorted(self._attempts.items()) if one.active]
        n = self._cluster.n_hosts
        hosts = np.array([one.host for one in active], dtype=np.int64)
        silent = np.array([one.silent > 0 for one in self._agents])
        ram = np.bincount(hosts, [one.fragment.ram_mb for one in active], n).astype(float)
        return Snapshot(
            time_s=self.clock.now_s,
            cpu_utilisation=np.where(silent, 1.0, [one.cpu_share for one in self._agents]),
            placed_fragments=np.bincount(hosts, minlength=n),
            ram_used_mb=np.where(silent, np.maximum(ram, self._room_mb), ram),
            bandwidth_mb_s=self._cluster.link_mb_s,
            latency_s=self._cluster.ping_s,
            fragment_ids=np.array([one.fragment.fragment_id for one in active], dtype=np.int64),
            fragment_hosts=hosts,
            work_left_mi=np.array([one.fragment.work_mi for one in active], dtype=float),
            movable=np.array([self._movable(one) for one in active], dtype=bool),
        )

    def start(self, orders: Sequence[StartOrder]) -> None:
        for order in orders:
            number, before = order.fragment.fragment_id, self._attempts.get(order.fragment.fragment_id)
            if before is not None and not before.lost:
                raise ValueError(f"fragment {number} was started before")
            if not 0 <= order.host < self._cluster.n_hosts:
                raise ValueError(f"there is no host {order.host}")
            # COSCO reads the creation id before the first "_"
            name = f"{number}_{self._run}-{len(self._names)}"
            one = _Attempt(order.fragment, order.host, name, self._image(order.fragment), self.clock.now_s)
            self._attempts[number] = self._names[name] = one

    def send(self, transfers: Sequence[Transfer]) -> None:
        for transfer in transfers:
            one = self._known(transfer.fragment_id)
            one.sent = True
            one.work = self._threads(one).submit(self._create, one.host, one.name, one.image)

    def migrate(self, fragment_id: int, host: int) -> None:
        one = self._known(fragment_id)
        if not self._movable(one):
            return  # it has ended, or was lost, since it was shown; the next poll tells
        one.work = self._threads(one).submit(self._move, one.host, host, one.name, one.image)

    def stop(self, fragment_id: int) -> None:
        one = self._known(fragment_id)
        one.stopped = True
        self._threads(one).submit(self._delete, one.host, one.name)

    def poll(self) -> List[FragmentEvent]:
        self._collect()
        for host, (agent, told) in enumerate(zip(self._agents, self._look())):
            if told is not None:
                self._compare(host, told.containers)
            elif agent.silent >= PATIENCE:
                for one in self._settled_on(host):
                    self._lose(one, f"its agent has been silent for {agent.silent} intervals")
        events, self._events = self._events, []
        return sorted(events, key=lambda one: one.time_s)

    def usage(self) -> HostUsage:
        now, n = self.clock.now_s, self._cluster.n_hosts
        share = np.array([0.0 if one.silent else one.cpu_share for one in self._agents])
        work = np.array([one.done_mi for one in self._agents])
        span, self._usage_since_s = now - self._usage_since_s, now
        for one in self._agents:
            one.done_mi = 0.0
        return HostUsage(
            cpu_utilisation=share,
            work_mi=work,
            energy_wh=power_at(self._cluster, share) * span / SECONDS_PER_HOUR,
            sent_mb=np.zeros(n),
            received_mb=np.zeros(n),
            broker_sent_mb=0.0,
            broker_received_mb=0.0,
        )

    def times(self, fragment_id: int) -> FragmentTimes:
        one = self._known(fragment_id)
        done = math.isfinite(one.finished_s)
        return FragmentTimes(
            fragment_id=fragment_id,
            host=one.host,
            placed_s=one.placed_s,
            started_s=one.started_s,
            finished_s=one.finished_s,
            delivered_s=one.finished_s if one.fragment.is_last else math.nan,
            migration_s=one.migration_s,
            migrations=one.migrations,
            work_done_mi=one.fragment.work_mi if done else 0.0,
            received_mb=0.0,
        )

    # ---- in the agents' threads: they read what never changes, and return what came of it ----

    def _ask(self, address: str, opcode: str, **payload: Any) -> Dict[str, Any]:
        return ask(address, opcode, self._answer_s, **payload)

    def _create(self, host: int, name: str, image: str) -> _Done:
        address = self._agents[host].address
        self._ask(address, "create", name=name, image=image, host_ip=address)
        return _Done(STAYED, host, self.clock.now_s)

    def _move(self, source: int, target: int, name: str, image: str) -> _Done:
        """COSCO's three steps; an agent says "successful" also where nothing was done, so that it is looked after."""
        began, here, there = self.clock.now_s, self._agents[source].address, self._agents[target].address
        moving = {"name": name, "c_name": name}
        asked = False
        try:
            if not self._runs(here, name):
                return _Done(STAYED, source, self.clock.now_s)  # it has ended meanwhile; the next poll tells
            asked = True
            self._ask(here, "checkpoint", **moving)
        except AgentFailure as failure:
            self._note(failure)
            if not asked or (failure.refused and self._still_runs(here, name)):
                return _Done(STAYED, source, self.clock.now_s)
            return _Done(BROKE_OFF, source, self.clock.now_s)  # it may stand still there, and would look finished
        try:
            self._ask(here, "migrate", **moving, uname=self._user, targetIP=there.partition(":")[0])
            self._ask(there, "restore", **moving, image=image)
            if self._runs(there, name):
                return _Done(MOVED, target, self.clock.now_s, self.clock.now_s - began)
        except AgentFailure as failure:
            self._note(failure)
        return _Done(BROKE_OFF, source, self.clock.now_s)

    def _still_runs(self, address: str, name: str) -> bool:
        try:
            return self._runs(address, name)
        except AgentFailure:
            return False

    def _runs(self, address: str, name: str) -> bool:
        return bool(_containers(self._ask(address, "ContainerStat"), address).get(name, {}).get("running"))

    def _tell(self, address: str) -> _Told:
        containers = _containers(self._ask(address, "ContainerStat"), address)
        cpu = self._ask(address, "hostStat").get("cpu")
        if not isinstance(cpu, (int, float)) or not math.isfinite(cpu):
            raise AgentFailure(f"{address} hostStat: its cpu is {cpu!r}", refused=True)
        return _Told(containers, min(1.0, max(0.0, cpu / 100)))

    def _delete(self, host: int, name: str) -> None:
        try:
            self._ask(self._agents[host].address, "delete", name=name)
        except AgentFailure as failure:
            self._note(failure)  # it is tried again as long as the agent has the container

    def _note(self, failure: AgentFailure) -> None:
        self.failures.append(str(failure))
        logger.info("agent %s", failure)

    # ---- in the loop's thread ----

    def _known(self, fragment_id: int) -> _Attempt:
        if fragment_id not in self._attempts:
            raise ValueError(f"fragment {fragment_id} was not started")
        return self._attempts[fragment_id]

    def _movable(self, one: _Attempt) -> bool:
        running = one.active and one.work is None and math.isfinite(one.started_s)
        return running and not self._agents[one.host].silent

    def _threads(self, one: _Attempt) -> ThreadPoolExecutor:
        return self._agents[one.host].threads

    def _settled_on(self, host: int) -> List[_Attempt]:
        """The host's fragments that no agent is busy with."""
        return [
            one for one in self._attempts.values() if one.active and one.sent and one.work is None and one.host == host
        ]

    def _collect(self) -> None:
        """Take in what the agents' threads have done meanwhile."""
        for one in self._attempts.values():
            work = one.work
            if work is None or not work.done():
                continue
            one.work = None
            try:
                done = work.result()
            except AgentFailure as failure:
                self._note(failure)  # a creation; the agent's next report says whether the container is there
                continue
            if done.outcome == BROKE_OFF:
                self._lose(one, "its migration broke off")
            elif done.outcome == MOVED:
                one.host = done.host
                one.migrations += 1
                one.migration_s += done.took_s
                self._events.append(FragmentEvent(MIGRATED, one.fragment.fragment_id, done.at_s))
            elif math.isnan(one.started_s):
                one.started_s = done.at_s

    def _look(self) -> List[Optional[_Told]]:
        """What every agent tells, None where it does not answer; all are asked at once."""
        answers = [self._watchers.submit(self._tell, one.address) for one in self._agents]
        told: List[Optional[_Told]] = []
        for agent, answer in zip(self._agents, answers):
            try:
                one = answer.result()
            except AgentFailure as failure:
                self._note(failure)
                agent.silent += 1
                told.append(None)
                continue
            agent.silent, agent.cpu_share = 0, one.cpu_share
            told.append(one)
        return told

    def _compare(self, host: int, containers: Mapping[str, Mapping[str, Any]]) -> None:
        """What should run on a host with what does; containers of ours that nobody needs any more are deleted."""
        for one in self._settled_on(host):
            seen = containers.get(one.name)
            if seen is None:
                self._lose(one, f"{self._agents[host].address} has no container {one.name}")
            elif seen.get("running"):
                one.started_s = self.clock.now_s if math.isnan(one.started_s) else one.started_s
            elif seen.get("error") or str(seen.get("finished_at")).startswith(NEVER):
                why = str(seen.get("error") or "it never ran")[:200]
                self._lose(one, f"container {one.name} failed at {self._agents[host].address}: {why}")
            else:
                self._finish(one, self.clock.now_s - _age_s(seen))
        for name in containers:
            owner = self._names.get(name)
            if owner is not None and owner.work is None and not (owner.active and owner.host == host):
                self._agents[host].threads.submit(self._delete, host, name)

    def _finish(self, one: _Attempt, when_s: float) -> None:
        number = one.fragment.fragment_id
        if math.isnan(one.started_s):
            one.started_s = one.placed_s  # its creation's answer was lost
        one.finished_s = min(self.clock.now_s, max(one.started_s + one.migration_s, when_s))
        self._agents[one.host].done_mi += one.fragment.work_mi
        self._events.append(FragmentEvent(FINISHED, number, one.finished_s))
        if one.fragment.is_last:
            self._events.append(FragmentEvent(DELIVERED, number, one.finished_s))

    def _lose(self, one: _Attempt, reason: str) -> None:
        one.lost = True
        self.failures.append(f"fragment {one.fragment.fragment_id} starts again: {reason}")
        logger.info(self.failures[-1])
        self._events.append(FragmentEvent(LOST, one.fragment.fragment_id, self.clock.now_s))


def _containers(answer: Mapping[str, Any], address: str) -> Dict[str, Mapping[str, Any]]:
    """An agent's containers by name, checked."""
    stats = answer.get("stats")
    if not isinstance(stats, list) or not all(isinstance(one, dict) and "running" in one for one in stats):
        raise AgentFailure(f"{address} ContainerStat: {str(answer)[:200]!r} lists no containers", refused=True)
    return {str(one.get("name")): one for one in stats}


def _age_s(container: Mapping[str, Any]) -> float:
    """How long ago a container ended, by its agent's own clock; 0 where the agent does not say."""
    try:
        second, _, fraction = str(container["finished_at"]).rstrip("Z").partition(".")
        ended = datetime.strptime(second, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
        return max(0.0, float(container["time"]) - ended - float(f"0.{fraction or 0}"))
    except (KeyError, TypeError, ValueError):
        return 0.0
