"""The fragments that an agent holds: created, supplied, run, forwarded, moved and removed; and what is told of them.

All that matters is on disk, so that an agent that was killed finds its fragments again and goes on with them.
Everything that changes gets the next version number: who asks for what changed since a version he knows gets each
fragment's present state, so that lost, late or repeated notifications do no harm.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import selectors
import shutil
import threading
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from ..errors import AgentRefusal, EngineError
from ..pipeline.payload import Content, digest
from .client import AgentClient, Credentials
from .engines import Engine
from .forwarding import Forwarder
from .held import FAILED, FINISHED, MOVED, MOVING, RUNNING, STOPPED, Held
from .spec import FragmentSpec, Target
from .store import Store, refuse_full_disk, write_whole
from .transport import Transport
from .workspace import INPUT_BELL, OUTPUT_BELL, Workspace

logger = logging.getLogger(__name__)
RESTARTS = 2  # of a runtime that was killed, on its host, before the broker is told that it failed; our choice
OUT_OF_MEMORY = "it took "  # how an engine's reason begins
NOT_FOUND, CONFLICT, FULL = 404, 409, 507
FULL_DISK_S = 5.0  # that a full disk may keep a fragment waiting, before the broker is told that it failed; our choice
FULL_DISK_BYTES = 2**20  # less is free: so little that a runtime can't even say why it ended; our choice
PAUSE_S = 10.0  # that a runtime gets to finish its micro-batch
TOGETHER_BYTES = 8 * 2**20  # of outputs that are fetched at once; our choice
SETTLED_S = 120.0  # payloads and remains of moved fragments are kept that long
HOUSEKEEPING_S = 20.0
PROGRESS_S = 0.5  # that news of mere progress is held back, so that a micro-batch is not a message; our choice


class Fragments:
    """See the module.

    Parameters
    ----------
    folder : where fragments live; those that are there are gone on with.
    engine : who runs them.
    artifacts, payloads : the stores.
    memory_mb : what the fragments together may take.
    credentials : for the agents that data is sent to.
    transport : how it gets there.
    """

    def __init__(
        self,
        folder: Path,
        engine: Engine,
        artifacts: Store,
        payloads: Store,
        memory_mb: int,
        credentials: Credentials,
        transport: Transport,
    ) -> None:
        self._folder, self.engine, self._artifacts, self._payloads = folder, engine, artifacts, payloads
        self.memory_mb, self._credentials, self.transport = memory_mb, credentials, transport
        self.incarnation = secrets.token_hex(8)
        self._held: Dict[str, Held] = {}
        self._changed = threading.Condition(threading.RLock())
        self._version = self._urgent = 0  # of the last change, and of the last that is told at once
        self._clients: Dict[str, AgentClient] = {}
        self._bells = selectors.DefaultSelector()
        self._closed = threading.Event()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine.exited = self._exited
        self._find_again()
        for task, name in ((self._listen, "bells"), (self._keep_house, "housekeeping")):
            threading.Thread(target=task, name=name, daemon=True).start()

    # ---- what is asked from outside ----

    def create(self, name: str, spec: FragmentSpec) -> Held:
        """Create and start a fragment; the same again is no error.

        Raises
        ------
        AgentRefusal
            Another one of that name is here, its artifact is not, or there is no room.
        """
        with self._changed:
            held = self._held.get(name)
            if held is not None:
                if not held.spec.same_work(spec):
                    raise AgentRefusal(f"{name} is here already, and is another one", CONFLICT)
                return held
            self._refuse_no_room(spec)
            held = Held(name, spec, self._folder / name)
            shutil.rmtree(held.folder, ignore_errors=True)  # remains that nobody holds
            held.work.path.mkdir(parents=True, mode=0o700)
            held.work.make(spec.to_json())
            for sha256, path in ((spec.manifest, held.work.manifest), (spec.weights, held.work.weights(spec.index))):
                if not self._artifacts.link(sha256, path):
                    shutil.rmtree(held.folder)
                    raise AgentRefusal(f"the artifact's file {sha256[:12]}... is not here; send it first", CONFLICT)
            self._held[name] = held
            self._attach(held)
        self._start(held)
        return held

    def redirect(self, name: str, forward: Tuple[Target, ...], relay: Tuple[Target, ...]) -> None:
        """Send its outputs and its inputs there from now on."""
        with self._changed:
            held = self._known(name)
            spec = FragmentSpec.from_json(
                {
                    **held.spec.to_json(),
                    "forward": [vars(one) for one in forward],
                    "relay": [vars(one) for one in relay],
                }
            )
            held.spec = spec
            (held.work.path / "spec.json").write_text(json.dumps(spec.to_json()), encoding="utf-8")
            self._supply(held)

    def delete(self, name: str) -> None:
        """End a fragment and remove all that it has."""
        with self._changed:
            held = self._held.pop(name, None)
            if held is None:
                return
            self._detach(held)
            self._next_version()
        self.engine.stop(name)
        shutil.rmtree(held.folder, ignore_errors=True)

    def link(self, name: str, chunks: Dict[int, str]) -> List[int]:
        """Take payloads that are here as inputs; the chunks that are not here."""
        for sha256 in chunks.values():
            self._payloads.adopt(sha256)
        with self._changed:
            held = self._receiving(name)
            missing = [
                chunk
                for chunk, sha256 in sorted(chunks.items())
                if chunk >= held.outputs and not self._payloads.link(sha256, held.work.input(self._within(held, chunk)))
            ]
            self._took_in(held)
            return missing

    def take_input(self, name: str, chunk: int, sha256: str, content: Content, keep: bool) -> None:
        """An input came.

        Raises
        ------
        AgentRefusal
            Nobody here takes it now, it is damaged, or the disk is full.
        """
        with self._changed:
            held = self._receiving(name)
            path = held.work.input(self._within(held, chunk))
            if chunk < held.outputs or path.exists():
                return  # it came before
        try:
            if keep:
                self._payloads.put(sha256, content)
                self._payloads.link(sha256, path)
            else:
                if digest(content) != sha256:
                    raise AgentRefusal(f"chunk {chunk} of {name} came damaged; send it again", 422)
                refuse_full_disk(self._folder, len(content), 0)
                write_whole(path, content)
        except AgentRefusal as refusal:
            if refusal.status == FULL:
                self._starves(held, str(refusal))
            raise
        with self._changed:
            held.starves_since = None
            self._took_in(held)

    def received(self, name: str) -> int:
        """How many inputs it has got, without a gap."""
        with self._changed:
            return self._known(name).received

    def outputs(self, name: str) -> List[str]:
        """The hashes of its outputs, in order."""
        with self._changed:
            held = self._known(name)
            count = held.outputs
        return held.work.digests(count)

    def some_outputs(self, name: str, first: int, last: int) -> List[bytes]:
        """The outputs `first` to `last`, or those of them that make `TOGETHER_BYTES`: at least one."""
        with self._changed:
            held = self._known(name)
            if not 0 <= first <= last < held.outputs:
                asked = f"chunk {first}" if first == last else f"chunks {first} to {last}"
                raise AgentRefusal(f"{name} has {held.outputs} outputs, {asked} are not among them", NOT_FOUND)
        found = [held.work.output(first).read_bytes()]
        size = len(found[0])
        for chunk in range(first + 1, last + 1):
            path = held.work.output(chunk)
            size += path.stat().st_size
            if size > TOGETHER_BYTES:
                break
            found.append(path.read_bytes())
        return found

    def changes(self, incarnation: str, since: int, wait_s: float) -> Dict[str, Any]:
        """What changed after version `since`; everything, if it was told by another incarnation of this agent.

        The answer is held back until there is something, at most `wait_s`, and `PROGRESS_S` if there is but progress.
        """
        if incarnation != self.incarnation:
            since = -1
        began = time.monotonic()
        with self._changed:
            while self._urgent <= since and not self._closed.is_set():
                left = began - time.monotonic() + (wait_s if self._version <= since else min(wait_s, PROGRESS_S))
                if left <= 0:
                    break
                self._changed.wait(left)
            return {
                "incarnation": self.incarnation,
                "version": self._version,
                "names": sorted(self._held),
                "fragments": [one.told() for one in self._held.values() if one.version > since],
            }

    def held(self) -> List[Dict[str, Any]]:
        """The present state of all."""
        with self._changed:
            return [one.told() for one in self._held.values()]

    def close(self) -> None:
        """End all runtimes; what is on disk stays."""
        with self._changed:
            self._closed.set()
            for one in self._held.values():
                for forwarder in one.forwarders.values():
                    forwarder.cancel()
            self._changed.notify_all()
        self.engine.close()

    def pause(self, name: str) -> None:
        """End its runtime; `resume` goes on after its last micro-batch."""
        with self._changed:
            held = self._known(name)
            if held.state != RUNNING:
                raise AgentRefusal(f"{name} is {held.state}; only what runs can be stopped", CONFLICT)
            held.state = STOPPED
            self._next_version(held)
        self.engine.stop(name, PAUSE_S)

    def resume(self, name: str) -> None:
        """Go on with what was paused; what runs is left alone."""
        with self._changed:
            held = self._known(name)
            if held.state == RUNNING:
                return
            if held.state != STOPPED:
                raise AgentRefusal(f"{name} is {held.state} and can't be started", CONFLICT)
            held.state = RUNNING
        self._start(held)

    # ---- what migration needs ----

    def freeze(self, name: str) -> Held:
        """Say that a running fragment is about to leave: it takes nothing in meanwhile."""
        with self._changed:
            held = self._known(name)
            if held.state != RUNNING:
                raise AgentRefusal(f"{name} is {held.state}; only what runs can be moved", CONFLICT)
            held.state = MOVING
            self._next_version(held)
            return held

    def thaw(self, held: Held, running: bool) -> None:
        """It stays: go on here; `running` says that its runtime is alive."""
        with self._changed:
            held.state = RUNNING
            self._next_version(held)
        if not running:
            self._start(held)

    def has_left(self, held: Held, target: str) -> None:
        """It runs at `target` now: forget it here. Its outputs went with it."""
        with self._changed:
            self._detach(held)
            held.state, held.moved_to, held.finished = MOVED, target, time.monotonic()
            (held.folder / "moved").write_text(target, encoding="utf-8")
            self._next_version(held)
        shutil.rmtree(held.work.path, ignore_errors=True)

    def admit(self, name: str, spec: FragmentSpec) -> Held:
        """A fragment that arrives from elsewhere: its folder, empty, and its memory reserved."""
        with self._changed:
            before = self._held.get(name)
            if before is not None and before.state != MOVED:
                raise AgentRefusal(f"{name} is here already", CONFLICT)
            self._refuse_no_room(spec)
            held = Held(name, spec, self._folder / name, state=MOVING)
            self._held[name] = held
        shutil.rmtree(held.folder, ignore_errors=True)
        held.folder.mkdir(mode=0o700)
        return held

    def settle(self, held: Held, running: bool) -> None:
        """What arrived is whole: run it, unless it runs already."""
        with self._changed:
            held.outputs = held.work.outputs()
            held.received = held.count_received()
            held.state = RUNNING
            held.started = time.monotonic() if held.work.started() else None
            self._attach(held)
            self._next_version(held)
        if not running:
            self._start(held)

    def reject(self, held: Held) -> None:
        """What arrived can't be run."""
        with self._changed:
            self._held.pop(held.name, None)
            self._next_version()
        shutil.rmtree(held.folder, ignore_errors=True)

    # ---- inside ----

    def _find_again(self) -> None:
        """Go on with what an earlier incarnation left."""
        for folder in sorted(self._folder.iterdir()):
            work = Workspace(folder / "work")
            try:
                spec = FragmentSpec.from_json(work.spec())
            except (OSError, ValueError, AgentRefusal):
                shutil.rmtree(folder, ignore_errors=True)  # it was being made, or had left
                continue
            held = Held(folder.name, spec, folder, outputs=work.outputs())
            held.received = held.count_received()
            held.started = held.created if work.started() else None
            self._held[held.name] = held
            self._attach(held)
            if work.result() is not None:
                held.state, held.finished = FINISHED, held.created
                self._next_version(held)
            else:
                self._start(held)

    def _start(self, held: Held) -> None:
        try:
            self.engine.start(held.name, held.work.path, held.limits)
        except EngineError as error:
            self._failed(held, str(error))
            return
        with self._changed:
            self._next_version(held)

    def _exited(self, name: str, code: int, why: str) -> None:
        """The engine says that a runtime ended."""
        with self._changed:
            held = self._held.get(name)
            if held is None or held.state not in (RUNNING, MOVING):
                return
            self._look(held)
            if held.work.result() is not None:
                return
            killed = code > 128 and not why.startswith(OUT_OF_MEMORY)
            again = held.state == RUNNING and killed and held.restarts < RESTARTS
            held.restarts += again
        if again:
            logger.warning("%s was killed (exit code %d); it goes on after its last micro-batch", name, code)
            self._start(held)
        else:
            full = shutil.disk_usage(self._folder).free < FULL_DISK_BYTES
            said = why or held.work.complaint() or f"its runtime ended with exit code {code}"
            self._failed(held, f"{said} (the disk is full)" if full else said)

    def _starves(self, held: Held, reason: str) -> None:
        """Its input finds no room on the disk. Whoever sends it tries again; the broker can place it elsewhere."""
        with self._changed:
            now = time.monotonic()
            if held.starves_since is None:
                held.starves_since = now
            if held.state != RUNNING or now - held.starves_since < FULL_DISK_S:
                return
            self._failed(held, reason)
        self.engine.stop(held.name)

    def _failed(self, held: Held, reason: str) -> None:
        logger.warning("%s failed: %s", held.name, reason)
        with self._changed:
            held.state, held.error, held.finished = FAILED, reason, time.monotonic()
            self._next_version(held)

    def _look(self, held: Held) -> None:
        """Take in what the runtime has written."""
        done = held.work.result() is not None  # looked at first: it is written after the last output
        outputs = held.work.outputs(held.outputs)
        progress, urgent = outputs != held.outputs, False
        held.outputs = outputs
        if held.started is None and held.work.started():
            held.started, urgent = time.monotonic(), True
        if held.state == RUNNING and done:
            held.state, held.finished, urgent = FINISHED, time.monotonic(), True
        if progress or urgent:
            held.drop_consumed()
            self._next_version(held, urgent)

    def _took_in(self, held: Held) -> None:
        before = held.received
        held.received = held.count_received()
        if held.received != before:
            held.work.ring(INPUT_BELL)
            self._next_version(held, urgent=False)

    def _receiving(self, name: str) -> Held:
        held = self._known(name)
        if held.state not in (RUNNING, FINISHED):
            raise AgentRefusal(f"{name} is {held.state} and takes no input now", CONFLICT)
        return held

    def _within(self, held: Held, chunk: int) -> int:
        if chunk >= held.spec.chunks:
            raise AgentRefusal(f"{held.name} takes {held.spec.chunks} chunks; chunk {chunk} came")
        return chunk

    def _known(self, name: str) -> Held:
        held = self._held.get(name)
        if held is None:
            raise AgentRefusal(f"there is no fragment {name} here", NOT_FOUND)
        return held

    def _refuse_no_room(self, spec: FragmentSpec) -> None:
        used = sum(one.spec.memory_mb for one in self._held.values() if one.state in (RUNNING, MOVING, STOPPED))
        if used + spec.memory_mb > self.memory_mb:
            raise AgentRefusal(
                f"no room: {spec.memory_mb} MB are asked for, {self.memory_mb - used} of {self.memory_mb} MB are free",
                FULL,
            )

    def _attach(self, held: Held) -> None:
        """Listen to its bell and send its data on."""
        bell = os.open(held.work.path / OUTPUT_BELL, os.O_RDWR | os.O_NONBLOCK)
        self._bells.register(bell, selectors.EVENT_READ, held)
        self._supply(held)

    def _detach(self, held: Held) -> None:
        for forwarder in held.forwarders.values():
            forwarder.cancel()
        held.forwarders.clear()
        for key in list(self._bells.get_map().values()):
            if key.data is held:
                self._bells.unregister(key.fd)
                os.close(key.fd)

    def _supply(self, held: Held) -> None:
        """One forwarder a target, and none for targets that are no more."""
        wanted = {("out", one) for one in held.spec.forward} | {("in", one) for one in held.spec.relay}
        for key in set(held.forwarders) - wanted:
            held.forwarders.pop(key).cancel()
        for kind, target in sorted(wanted - set(held.forwarders), key=str):
            client = self._clients.setdefault(target.agent, AgentClient(target.agent, self._credentials))

            def available(known: int, cancelled: threading.Event, kind: str = kind) -> int:
                return self._available(held, kind, known, cancelled)

            held.forwarders[kind, target] = Forwarder(
                client,
                self.transport,
                target,
                held.spec.chunks,
                available,
                held.output if kind == "out" else held.input,
                lambda target, count: self._acknowledged(held, target, count),
            )

    def _available(self, held: Held, kind: str, known: int, cancelled: threading.Event) -> int:
        with self._changed:
            while not cancelled.is_set() and not self._closed.is_set():
                there = held.outputs if kind == "out" else held.received
                if there > known:
                    return there
                self._changed.wait(1.0)
            cancelled.set()
            return known

    def _acknowledged(self, held: Held, target: Target, count: int) -> None:
        with self._changed:
            held.acknowledged[target] = count
            held.drop_consumed()
            if count == held.spec.chunks:
                self._next_version(held, urgent=False)

    def _next_version(self, held: Optional[Held] = None, urgent: bool = True) -> None:
        with self._changed:
            self._version += 1
            if urgent:
                self._urgent = self._version
            if held is not None:
                held.version = self._version
            self._changed.notify_all()

    def _listen(self) -> None:
        """Wake at the runtimes' bells; look at all once a second anyway, as a ring may be lost."""
        while not self._closed.is_set():
            for key, _ in self._bells.select(1.0):
                try:
                    os.read(key.fd, 65536)
                except OSError:
                    pass  # it was removed meanwhile
            with self._changed:
                for held in list(self._held.values()):
                    if held.state == RUNNING:
                        self._look(held)

    def _keep_house(self) -> None:
        """Drop payloads that nobody uses, and what is left of fragments that moved long ago."""
        while not self._closed.wait(HOUSEKEEPING_S):
            try:
                self._payloads.drop_unused(SETTLED_S)
            except OSError as error:
                logger.warning("housekeeping: %s", error)
