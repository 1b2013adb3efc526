"""A window on this package's loop with the interface that COSCO's Simulator and Framework have in common."""
from __future__ import annotations

import math
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..bridge.face import HostView, Slots, as_decision, wanted_hosts
from ..loop import Interval, Loop
from ..placement import PlacementProblem
from ..records import IntArray

Pairs = List[Tuple[int, int]]


class LoopWindow:
    """What COSCO's schedulers and statistics ask of an environment, answered by a loop and its backend.

    Two ways to use it, with the same numbers:

    - The loop drives: ``run_loop(env.loop)`` with a ``SchedulerPlacer``, which calls `show`.
    - COSCO's protocol drives: ``workload.generateNewContainers``, `addContainers`, the scheduler's ``selection`` and
      ``placement``, `simulationStep`, ``stats.saveStats``, interval by interval.

    A subclass calls `open` when it is built and says what a host's and a fragment's object is.
    """

    interval: int
    intervaltime: float
    containerlimit: int
    hostlist: List[Any]
    inactiveContainers: List[Any]

    def open(self, n_hosts: int, overflow: str) -> None:
        """Begin with nothing to show.

        Parameters
        ----------
        overflow : what becomes of more fragments than the container limit: "wait" as in COSCO, "pages" that are shown
            one by one, or "grow": the container list grows (see ``bridge/face.py``).
        """
        self.loop: Loop
        self.view: HostView
        self.workload: Any = None
        self.containerlist: List[Any] = [None] * self.containerlimit
        self.slots = Slots(self.containerlimit, overflow)
        self.slot_of: Dict[int, int] = {}
        self.containers: Dict[int, Any] = {}  # by fragment: active ones, and those of the last interval
        self.created: Dict[int, Any] = {}  # by fragment: all that ever had a slot
        self.deployed: List[int] = []
        self.destroyed: List[Any] = []
        self.migrations: Pairs = []
        self._problem: Optional[PlacementProblem] = None
        self._interval: Optional[Interval] = None
        self._finished: List[Any] = []
        self._of_host: List[List[int]] = [[] for _ in range(n_hosts)]
        self._began_s = math.nan
        self._offered: Dict[int, Tuple[Any, ...]] = {}  # by fragment, what the workload last said of it
        self.page: Optional[int] = None

    def drive(self, loop: Loop) -> None:
        """Show `loop` from now on."""
        self.loop = loop
        self.fragment_mips = loop.cluster.fragment_mips(loop.settings.fragments.cores)
        self.max_mips = float(self.fragment_mips.max())
        snapshot = loop.backend.snapshot()
        self.view = HostView.now(loop.cluster, snapshot, self.fragment_mips)
        self.free_ram_mb = loop.cluster.ram_mb * loop.settings.engine.ram_overcommit - snapshot.ram_used_mb

    # What is shown while an interval is decided

    @property
    def problem(self) -> PlacementProblem:
        """The placement problem that is shown."""
        if self._problem is None:
            raise RuntimeError("no interval has begun: call workload.generateNewContainers first")
        return self._problem

    def show(self, problem: PlacementProblem) -> None:
        """Bring hosts and containers up to date with `problem`; the first page becomes ``containerlist``."""
        self._problem = problem
        self.interval += 1
        self.destroyed, self._finished = self._finished, []
        for one in self.destroyed:
            one.hostid = -1
        queued = problem.queued
        self.slot_of = self.slots.arrange(problem.fragment_ids[~queued].tolist(), problem.fragment_ids[queued].tolist())
        self.containerlimit = self.slots.page_size
        self.view = HostView.now(problem.cluster, problem.snapshot, self.fragment_mips)
        self.free_ram_mb = problem.free_ram_mb.copy()
        self.containers = {
            one: self._container(one, row)
            for row, one in enumerate(problem.fragment_ids.tolist())
            if one in self.slot_of
        }
        self.deployed = [self.slot_of[one] for one in problem.fragment_ids[queued].tolist() if one in self.slot_of]
        self.turnTo(0)

    def _container(self, fragment_id: int, row: int) -> Any:
        """The fragment's container, up to date; one that waits is made anew every interval, as COSCO does."""
        problem = self.problem
        container = self.containers.get(fragment_id)
        if container is None or problem.current[row] == -1:
            info = self._offered.get(fragment_id)
            container = self.addContainer(
                *(info or self.workload.containerInfo(self.loop.history.fragments[fragment_id]))
            )
            self.created[fragment_id] = container
        container.hostid = int(problem.current[row])
        container.work_left_mi = float(problem.work_left_mi[row])
        container.movable = bool(problem.movable[row])
        return container

    def pages(self) -> int:
        """How many pages of containers there are."""
        return self.slots.pages()

    def turnTo(self, page: Optional[int]) -> None:
        """Make ``containerlist`` one page, or (None) all of them at once."""
        length = self.containerlimit * (self.pages() if page is None else 1)
        self.page = page
        first = 0 if page is None else page * self.containerlimit
        self.containerlist = [None] * length
        self._of_host = [[] for _ in self.hostlist]
        for one in self.containers.values():
            if first <= one.slot < first + length:
                one.id = one.slot - first
                self.containerlist[one.id] = one
                if one.hostid != -1:
                    self._of_host[one.hostid].append(one.id)
        for ids in self._of_host:
            ids.sort()

    # COSCO's questions

    def getContainersOfHost(self, hostID: int) -> List[int]:
        return list(self._of_host[hostID])

    def getContainerByCID(self, creationID: int) -> Optional[Any]:
        return self.created.get(creationID)

    def getSelectableContainers(self) -> List[int]:
        """Containers that can be migrated now: those that run, not those whose data is on its way."""
        return [one.id for one in self.containerlist if one and one.active and one.hostid != -1 and one.movable]

    def getPlacementPossible(self, containerID: int, hostID: int) -> bool:
        """Whether the container may be placed on the host: the sequential constraint, then memory.

        A layer fragment may be placed only when its predecessor is complete and its output is there. The CPU is shared
        by time, so that it bounds no placement.
        """
        container = self.containerlist[containerID]
        if container is None or not 0 <= hostID < len(self.hostlist) or not self.inputIsThere(container):
            return False
        if container.hostid == hostID:
            return True
        if container.hostid != -1 and not container.movable:
            return False
        return bool(container.fragment.ram_mb <= self.free_ram_mb[hostID])

    def inputIsThere(self, container: Any) -> bool:
        """Whether every predecessor of the container's fragment is complete and holds its output."""
        return all(self.isComplete(one) for one in container.fragment.depends_on)

    def isComplete(self, fragment_id: int) -> bool:
        """Whether a fragment was placed and has finished."""
        placed = fragment_id in self.loop.history.input_link_mb
        return placed and math.isfinite(self.loop.backend.times(fragment_id).finished_s)

    # COSCO's protocol

    def beginInterval(self, number: int) -> None:
        """Steps 1 to 3 of the loop; called by the workload."""
        self._interval = Interval(number)
        self.loop.receive(self._interval)
        self._began_s = time.perf_counter()
        self.loop.decide(self._interval)
        self.loop.split(self._interval)
        self.loop.ask(self._interval)

    def addContainersInit(self, containerInfoListInit: Sequence[Tuple[Any, ...]]) -> List[int]:
        return self.addContainers(containerInfoListInit)[0]

    def addContainers(
        self, newContainerList: Sequence[Tuple[Any, ...]]
    ) -> Tuple[List[int], List[Any]]:
        """Admit the ready fragments; returns (their ids, the containers that have finished since)."""
        if self._interval is None or self._interval.problem is None:
            raise RuntimeError("no interval has begun: call workload.generateNewContainers first")
        self._offered = {one[0]: one for one in newContainerList}
        self.show(self._interval.problem)
        return self.deployed, self.destroyed

    def allocateInit(self, decision: Pairs) -> Pairs:
        return self.simulationStep(decision)

    def simulationStep(self, decision: Pairs) -> Pairs:
        """Carry out what of `decision` fits, then let the interval pass; returns what was carried out."""
        if self._interval is None:
            raise RuntimeError("no interval has begun: call workload.generateNewContainers first")
        interval, self._interval = self._interval, None
        self.loop.place(interval, wanted_hosts(self.problem, self.slot_of, decision))
        interval.scheduling_s = time.perf_counter() - self._began_s
        self.loop.execute(interval)
        self.loop.learn(interval)
        self.conclude()
        return self.migrations

    def carriedOut(self, placement: IntArray) -> None:
        """The loop has carried out `placement`, (n_fragments,); called before the interval passes into the books."""
        self.migrations = as_decision(self.problem, self.slot_of, np.asarray(placement))

    def conclude(self) -> None:
        """An interval has ended: bring what is shown up to date, all pages at once."""
        loop, snapshot = self.loop, self.loop.backend.snapshot()
        left = dict(zip(snapshot.fragment_ids.tolist(), snapshot.work_left_mi.tolist()))
        hosts = dict(zip(snapshot.fragment_ids.tolist(), snapshot.fragment_hosts.tolist()))
        for fragment_id, one in list(self.containers.items()):
            if fragment_id in hosts:
                one.hostid, one.work_left_mi = hosts[fragment_id], left[fragment_id]
            elif self.isComplete(fragment_id):
                one.hostid = loop.backend.times(fragment_id).host
                one.finish(self.interval)
                self._finished.append(one)
            else:
                del self.containers[fragment_id], self.created[fragment_id]  # not placed, or lost: offered again
        self.inactiveContainers += self._finished
        self.view = HostView.of_interval(
            loop.cluster, snapshot, self.fragment_mips, loop.history.usage[-1], loop.settings.run.interval_s
        )
        self.free_ram_mb = loop.cluster.ram_mb * loop.settings.engine.ram_overcommit - snapshot.ram_used_mb
        if self.workload is not None:
            self.workload.keepBooks()
        self.turnTo(None)
