"""A backend whose every answer is written down, so that a loop that was killed can be brought back by replaying it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any, Callable, Dict, Generic, Iterator, List, Sequence, Tuple, TypeVar

import numpy as np

from ...errors import SplitPlaceError
from ...records import (
    Decision,
    FragmentEvent,
    FragmentTimes,
    HostUsage,
    Snapshot,
    StartOrder,
    Task,
    Transfer,
)
from ..port import Backend, Clock
from .journal import Journal

B = TypeVar("B", bound=Backend)
WHOLE = {"placed_fragments", "fragment_ids", "fragment_hosts"}
TRUTH = {"movable"}


class ReplayError(SplitPlaceError):
    """The loop does something else than it did before: another program or other data."""


class JournaledClock(Clock):
    """A clock whose readings are written down."""

    def __init__(self, backend: "JournaledBackend[Any]") -> None:
        self._backend = backend

    @property
    def now_s(self) -> float:
        return float(self._backend.call("now_s", None, lambda: self._backend.inner.clock.now_s))

    def wait_until(self, time_s: float) -> None:
        self._backend.call("wait_until", time_s, lambda: self._backend.inner.clock.wait_until(time_s))


class JournaledBackend(Backend, Generic[B]):
    """`inner`, written down in `journal`; what stands there already is answered from there.

    Commands that were written down are not given again: `inner` must keep its own state in the same journal. An answer
    and what `inner` writes meanwhile are one transaction, so that no event is told twice or never.
    """

    def __init__(self, inner: B, journal: Journal) -> None:
        self.inner, self._journal = inner, journal
        self.exact, self.pipelined = inner.exact, inner.pipelined
        self.clock: Clock = JournaledClock(self)
        self._replay: Iterator[Tuple[str, str, str]] = iter(list(journal.calls()))
        self._number = 0

    def call(self, method: str, asked: Any, live: Callable[[], Any]) -> Any:
        """The answer to one call, written down before or now."""
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
        before = next(self._replay, None)
        self._number += 1
        if before is not None:
            if before[:2] != (method, digest):
                raise ReplayError(
                    f"call {self._number} of this run was {before[0]}, and is {method} now"
                    f"{' with other arguments' if before[0] == method else ''}: another version of the program or "
                    "other data files began it; start a new run"
                )
            return json.loads(before[2])
        if method == "wait_until":
            live()  # not within a transaction: others must be able to write
            answer = None
            self._journal.add_call(self._number, method, digest, "null")
            return answer
        with self._journal.transaction():
            answer = live()
            text = json.dumps(answer)
            self._journal.add_call(self._number, method, digest, text)
        return json.loads(text)

    def admit(self, task: Task, decision: Decision) -> None:
        asked = [dataclasses.asdict(task), decision.split]
        self.call("admit", asked, lambda: self.inner.admit(task, decision))

    def snapshot(self) -> Snapshot:
        return Snapshot(**_arrays(self.call("snapshot", None, lambda: _plain(self.inner.snapshot()))))

    def start(self, orders: Sequence[StartOrder]) -> None:
        self.call("start", [[one.fragment.fragment_id, one.host] for one in orders], lambda: self.inner.start(orders))

    def send(self, transfers: Sequence[Transfer]) -> None:
        self.call("send", [dataclasses.astuple(one) for one in transfers], lambda: self.inner.send(transfers))

    def migrate(self, fragment_id: int, host: int) -> None:
        self.call("migrate", [fragment_id, host], lambda: self.inner.migrate(fragment_id, host))

    def stop(self, fragment_id: int) -> None:
        self.call("stop", fragment_id, lambda: self.inner.stop(fragment_id))

    def poll(self) -> List[FragmentEvent]:
        answer = self.call("poll", None, lambda: [dataclasses.astuple(one) for one in self.inner.poll()])
        return [FragmentEvent(*one) for one in answer]

    def usage(self) -> HostUsage:
        return HostUsage(**_arrays(self.call("usage", None, lambda: _plain(self.inner.usage()))))

    def times(self, fragment_id: int) -> FragmentTimes:
        return FragmentTimes(
            **self.call("times", fragment_id, lambda: dataclasses.asdict(self.inner.times(fragment_id)))
        )


def _plain(record: Any) -> Dict[str, Any]:
    """A record's fields, arrays as lists."""
    return {
        one.name: value.tolist() if isinstance(value := getattr(record, one.name), np.ndarray) else value
        for one in dataclasses.fields(record)
    }


def _arrays(fields: Dict[str, Any]) -> Dict[str, Any]:
    """The reverse of `_plain`."""
    kinds = {**dict.fromkeys(WHOLE, np.int64), **dict.fromkeys(TRUTH, np.bool_)}
    return {
        name: np.array(value, dtype=kinds.get(name, np.float64)) if isinstance(value, list) else value
        for name, value in fields.items()
    }
