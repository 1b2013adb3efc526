"""The folder of one fragment: all that it needs and all that it made, so that it can be packed and moved.

::

    spec.json  artifact/  input/00000000 ...  output/00000000 ...  digests  result.json  log.txt  *.bell

``input`` and ``output`` hold one payload a micro-batch; a file is there whole or not at all. ``digests`` holds the
SHA-256 of every output, a line each, written before the output is there. The bells are named pipes:
a byte in ``input.bell`` tells the runtime that an input came, one in ``output.bell`` tells the agent that the runtime
got on. A lost ring costs a second, as both sides look once a second anyway.
"""

from __future__ import annotations

import json
import os
import select
from pathlib import Path
from typing import Any, Dict, List, Optional

from ..splitting.names import MANIFEST, fragment_file

INPUT, OUTPUT, ARTIFACT, DIGESTS = "input", "output", "artifact", "digests"
INPUT_BELL, OUTPUT_BELL = "input.bell", "output.bell"
LOOK_AGAIN_S = 1.0
DIGEST_LINE = 65  # bytes: SHA-256 in hexadecimal, and the end of the line


class Workspace:
    """The folder at `path`; see the module."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "log.txt"

    def make(self, spec: Dict[str, Any]) -> None:
        """Make an empty one, with `spec` in it."""
        for name in (INPUT, OUTPUT, ARTIFACT):
            (self.path / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in (INPUT_BELL, OUTPUT_BELL):
            if not (self.path / name).exists():
                os.mkfifo(self.path / name, 0o600)
        (self.path / "spec.json").write_text(json.dumps(spec), encoding="utf-8")

    def spec(self) -> Dict[str, Any]:
        """What `make` was given."""
        content: Dict[str, Any] = json.loads((self.path / "spec.json").read_text(encoding="utf-8"))
        return content

    @property
    def manifest(self) -> Path:
        """Where the artifact's manifest belongs."""
        return self.path / ARTIFACT / MANIFEST

    def weights(self, index: int) -> Path:
        """Where the weights of fragment `index` belong."""
        return self.path / ARTIFACT / fragment_file(index)

    def input(self, chunk: int) -> Path:
        """Where an input belongs."""
        return self.path / INPUT / f"{chunk:08d}"

    def output(self, chunk: int) -> Path:
        """Where an output belongs."""
        return self.path / OUTPUT / f"{chunk:08d}"

    def outputs(self, known: int = 0) -> int:
        """How many outputs are there; they are made in order, and `known` are known to be there."""
        while self.output(known).exists():
            known += 1
        return known

    def digest(self, chunk: int) -> str:
        """The SHA-256 of an output that is there, as the runtime reckoned it before it wrote it."""
        with (self.path / DIGESTS).open("rb") as file:
            file.seek(chunk * DIGEST_LINE)
            return file.read(DIGEST_LINE - 1).decode("ascii")

    def digests(self, count: int) -> List[str]:
        """Those of the first `count` outputs."""
        return (self.path / DIGESTS).read_text(encoding="ascii").split()[:count] if count else []

    def begin_digests(self, done: int) -> List[str]:
        """Those of the `done` outputs that are there; what is written of one that is not is forgotten."""
        path = self.path / DIGESTS
        path.touch()
        os.truncate(path, done * DIGEST_LINE)
        return self.digests(done)

    def add_digest(self, digest: str) -> None:
        """The next output's, which is about to be there."""
        with (self.path / DIGESTS).open("a", encoding="ascii") as file:
            file.write(f"{digest}\n")

    def started(self) -> bool:
        """Has the runtime got its first input?"""
        return (self.path / "started").exists()

    def mark_started(self) -> None:
        """It has."""
        (self.path / "started").touch()

    def result(self) -> Optional[Dict[str, Any]]:
        """The runtime's record, once it has finished."""
        try:
            found: Dict[str, Any] = json.loads((self.path / "result.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return found

    def complaint(self) -> str:
        """The last line of the runtime's log."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 4096))
                lines = file.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1][:300] if lines else ""

    def ring(self, bell: str) -> None:
        """Wake whoever waits at `bell`; nobody may be there."""
        try:
            handle = os.open(self.path / bell, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return
        try:
            os.write(handle, b"!")
        except BlockingIOError:
            pass  # it is full of rings already
        finally:
            os.close(handle)

    def wait_for_input(self, chunk: int) -> bool:
        """Wait until the input is there, at most `LOOK_AGAIN_S`; is it?"""
        path = self.input(chunk)
        if path.exists():
            return True
        handle = os.open(self.path / INPUT_BELL, os.O_RDWR | os.O_NONBLOCK)  # a writer, too, or it would be at its end
        try:
            if not path.exists():
                select.select([handle], [], [], LOOK_AGAIN_S)
        finally:
            os.close(handle)
        return path.exists()
