"""One fragment that an agent holds: its state, what its folder says of it, and what is told of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from ..pipeline.payload import digest
from .engines import Limits
from .forwarding import Forwarder
from .spec import FragmentSpec, Target
from .transport import Payload
from .workspace import Workspace

RUNNING, FINISHED, FAILED, MOVING, MOVED = "running", "finished", "failed", "moving", "moved"
STOPPED = "stopped"
SPARE, SPARE_MB = 0.25, 64  # beyond its reservation, before a fragment is ended; our choice


@dataclass
class Held:
    """One fragment at this agent; times by the monotonic clock."""

    name: str
    spec: FragmentSpec
    folder: Path
    state: str = RUNNING
    version: int = 0
    received: int = 0
    outputs: int = 0
    restarts: int = 0
    error: str = ""
    moved_to: str = ""
    created: float = field(default_factory=time.monotonic)
    started: Optional[float] = None
    finished: Optional[float] = None
    starves_since: Optional[float] = None  # its input came and found the disk full
    acknowledged: Dict[Target, int] = field(default_factory=dict)
    forwarders: Dict[Tuple[str, Target], Forwarder] = field(default_factory=dict)

    @property
    def work(self) -> Workspace:
        """What the runtime sees."""
        return Workspace(self.folder / "work")

    @property
    def limits(self) -> Limits:
        """What it may take: what was reserved for it, and what a measurement may have missed."""
        return Limits(int(self.spec.memory_mb * (1 + SPARE)) + SPARE_MB, self.spec.cpus)

    def output(self, chunk: int) -> Payload:
        """An output, to be sent."""
        return Payload(self.work.output(chunk), self.work.digest(chunk))

    def input(self, chunk: int) -> Payload:
        """An input, to be handed on."""
        path = self.work.input(chunk)
        return Payload(path, digest(path.read_bytes()))

    def count_received(self) -> int:
        """How many inputs came, without a gap; those that were answered may be gone again."""
        count = max(self.received, self.outputs)
        while count < self.spec.chunks and self.work.input(count).exists():
            count += 1
        return count

    def drop_consumed(self) -> None:
        """Inputs that were answered, and relayed, take no more space."""
        relayed = min((self.acknowledged.get(one, 0) for one in self.spec.relay), default=self.outputs)
        for chunk in range(min(self.outputs, relayed) - 1, -1, -1):
            try:
                self.work.input(chunk).unlink()
            except FileNotFoundError:
                break

    def told(self) -> Dict[str, Any]:
        """What is told of it. Times are ages, so that nobody's clock matters."""
        now = time.monotonic()

        def age(since: Optional[float]) -> Optional[float]:
            return None if since is None else round(now - since, 4)

        return {
            "name": self.name,
            "state": self.state,
            "chunks": self.spec.chunks,
            "received": self.received,
            "outputs": self.outputs,
            "forwarded": min((self.acknowledged.get(one, 0) for one in self.spec.forward), default=0),
            "created_age_s": age(self.created),
            "started_age_s": age(self.started),
            "finished_age_s": age(self.finished),
            "error": self.error,
            "moved_to": self.moved_to,
            "result": self.work.result() if self.state == FINISHED else None,
        }
