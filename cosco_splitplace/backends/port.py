"""The port between the loop and the machines, simulated or real."""
from __future__ import annotations

from abc import ABC, abstractmethod
from typing import List, Sequence

from ..records import Decision, FragmentEvent, FragmentTimes, HostUsage, Snapshot, StartOrder, Task, Transfer


class Clock(ABC):
    """Where time comes from. A wall clock overrides only the waiting."""

    @property
    @abstractmethod
    def now_s(self) -> float:
        """Seconds since the start of the run."""

    @abstractmethod
    def wait_until(self, time_s: float) -> None:
        """Let time pass until `time_s`; the machines work meanwhile."""


class Backend(ABC):
    """A cluster that runs fragments.

    A fragment's life: ``start`` reserves its memory on a host, ``send`` brings its input there, it runs as soon as
    the input has arrived. A last fragment's output goes to the broker by itself; another one's stays on its host
    until ``send`` forwards it. What happens is told by ``poll``, in order of time; a failure is an event, too, not an
    exception: a fragment whose host or container is gone is LOST, and may be started again.

    ``exact`` says whether amounts of work and data are reckoned exactly. Where they are measured, or not known, the
    laws of conservation and capacity are not asked of them. ``pipelined`` says whether a fragment's outputs flow to the
    next one while it still works; a whole chain may then be started at once.
    """

    clock: Clock
    exact: bool = True
    pipelined: bool = False

    def admit(self, task: Task, decision: Decision) -> None:  # noqa: B027  (real backends need its images, others not)
        """A task has entered; its fragments follow by ``start``."""

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """The state of hosts and active fragments now."""

    @abstractmethod
    def start(self, orders: Sequence[StartOrder]) -> None:
        """Create the fragments' containers on their hosts."""

    @abstractmethod
    def send(self, transfers: Sequence[Transfer]) -> None:
        """Move the inputs of started fragments; a transfer within a host is immediate."""

    @abstractmethod
    def migrate(self, fragment_id: int, host: int) -> None:
        """Checkpoint a running fragment, move it over the links and go on with it on `host`."""

    @abstractmethod
    def stop(self, fragment_id: int) -> None:
        """End a fragment, whatever it is doing, and free what it holds."""

    @abstractmethod
    def poll(self) -> List[FragmentEvent]:
        """What has happened since the last call, in order of time."""

    @abstractmethod
    def usage(self) -> HostUsage:
        """What the hosts did since the last call."""

    @abstractmethod
    def times(self, fragment_id: int) -> FragmentTimes:
        """What was measured about one fragment so far."""
