"""A running fragment moves to another host: frozen by CRIU where the engine can, else after its last micro-batch.

The source is removed only when the target says that it runs. If anything fails before, the source goes on: from its own
checkpoint, or after its last micro-batch. The fragment is never lost, and what failed is told.
"""

from __future__ import annotations

import io
import logging
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List

from ..errors import AgentRefusal, EngineError, PayloadError
from . import names
from .client import PART_BYTES, AgentClient, AgentSilent, Credentials
from .fragments import Fragments
from .held import Held
from .packing import pack, parts, unpack
from .spec import FragmentSpec
from .store import Store

logger = logging.getLogger(__name__)
MICRO_BATCH_S = 30.0  # that a runtime gets to finish its micro-batch
RETRIES, PAUSE_S = 3, 1.0
MOST_PARTS = 100_000


@dataclass(frozen=True)
class Arrival:
    """What a target is told: the fragment, the payloads that its packed folder came in, and whether it was frozen."""

    spec: FragmentSpec
    parts: List[str]
    frozen: bool

    @classmethod
    def from_json(cls, value: Any) -> "Arrival":
        """Checked; raises `AgentRefusal`."""
        names.table(value, "an arrival", {"spec": dict, "parts": list, "frozen": bool}, {})
        if not 0 < len(value["parts"]) <= MOST_PARTS:
            raise AgentRefusal(f"an arrival of {len(value['parts'])} parts; allowed: 1 to {MOST_PARTS}")
        return cls(
            FragmentSpec.from_json(value["spec"]), [names.sha256(one) for one in value["parts"]], value["frozen"]
        )

    def to_json(self) -> Dict[str, Any]:
        """What ``from_json`` reads."""
        return {"spec": self.spec.to_json(), "parts": self.parts, "frozen": self.frozen}


def migrate(fragments: Fragments, name: str, target: str, credentials: Credentials) -> Dict[str, Any]:
    """Move the fragment to the agent at `target`; what became of it, and the seconds that each step took.

    Returns
    -------
    dict
        ``moved`` says whether it runs there; ``reason`` why not; ``downtime_s`` how long it ran nowhere.
    """
    held = fragments.freeze(name)
    engine = fragments.engine
    steps: Dict[str, float] = {}
    began = last = time.monotonic()

    def step(what: str) -> None:
        nonlocal last
        now = time.monotonic()
        steps[what] = round(now - last, 4)
        last = now

    frozen = False
    try:
        if engine.live_migration:
            (held.folder / "frozen").mkdir(exist_ok=True)
            engine.checkpoint(name, held.folder / "frozen")
            frozen = True
        else:
            engine.stop(name, MICRO_BATCH_S)
        step("freeze_s")
        client = AgentClient(target, credentials)
        with tempfile.TemporaryFile(dir=held.folder) as packed_file:
            size = pack(held.folder, packed_file)
            step("pack_s")
            packed_file.seek(0)
            sent = [_send(client, part) for part in iter(lambda: packed_file.read(PART_BYTES), b"")]
        step("send_s")
        client.arrive(name, Arrival(held.spec, sent, frozen).to_json())
        step("restore_s")
    except (AgentSilent, AgentRefusal, EngineError, PayloadError, OSError) as failure:
        reason = str(failure)
        logger.warning("%s stays: %s", name, reason)
        return {"moved": False, "reason": reason, "stays": _go_on(fragments, held, frozen), **steps}
    fragments.has_left(held, target)
    engine.stop(name)
    return {
        "moved": True,
        "reason": "",
        "live": frozen,
        "bytes": size,
        "downtime_s": round(last - began, 4),
        **steps,
    }


def _send(client: AgentClient, part: bytes) -> str:
    for attempt in range(RETRIES):
        try:
            return client.put_payload(part)
        except AgentSilent:
            if attempt == RETRIES - 1:
                raise
            time.sleep(PAUSE_S * 2**attempt)
    raise AssertionError("unreachable")


def _go_on(fragments: Fragments, held: Held, frozen: bool) -> str:
    """The source goes on; says how."""
    how = "after its last micro-batch"
    running = False
    if frozen:
        try:
            fragments.engine.restore(held.name, held.work.path, held.limits, held.folder / "frozen")
            how, running = "from its checkpoint", True
        except EngineError as error:
            logger.warning("%s could not be restored where it was: %s", held.name, error)
    elif fragments.engine.live_migration:
        how, running = "as it was", True  # it was not frozen
    shutil.rmtree(held.folder / "frozen", ignore_errors=True)
    fragments.thaw(held, running)
    return how


def arrive(fragments: Fragments, payloads: Store, name: str, arrival: Arrival, most_bytes: int) -> None:
    """Go on with a fragment that was packed elsewhere.

    Raises
    ------
    AgentRefusal
        It is not whole, there is no room, or it can't be run; nothing of it stays.
    """
    missing = [one for one in arrival.parts if one not in payloads]
    if missing:
        raise AgentRefusal(f"{len(missing)} parts of {name} are not here; send them first", 409)
    held = fragments.admit(name, arrival.spec)
    try:
        unpack(io.BufferedReader(_Joined([payloads.path(one) for one in arrival.parts])), held.folder, most_bytes)
        if FragmentSpec.from_json(held.work.spec()) != arrival.spec:
            raise AgentRefusal(f"what arrived is not the {name} that was announced")
        if arrival.frozen:
            fragments.engine.restore(name, held.work.path, held.limits, held.folder / "frozen")
    except (AgentRefusal, PayloadError, EngineError, OSError, ValueError) as failure:
        fragments.engine.stop(name)
        fragments.reject(held)
        raise AgentRefusal(f"{name} can't go on here: {failure}", 422) from None
    shutil.rmtree(held.folder / "frozen", ignore_errors=True)
    for one in arrival.parts:
        payloads.path(one).unlink(missing_ok=True)
    fragments.settle(held, running=arrival.frozen)


class _Joined(io.RawIOBase):
    """Files read as one."""

    def __init__(self, paths: List[Path]) -> None:
        self._blocks = (block for path in paths for block in parts(path, PART_BYTES))
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._blocks, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
