"""Blobs on disk by their SHA-256. What is used by a fragment is linked into its folder and survives here or there."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import Iterator

from ..errors import AgentRefusal
from ..pipeline.payload import Content, digest

UNPROCESSABLE = 422
INSUFFICIENT_STORAGE = 507


class Store:
    """A folder of blobs.

    Parameters
    ----------
    folder : made if it is not there.
    most_bytes : the largest blob.
    reserve_bytes : free disk space that is never used up.

    ``arrivals`` is where other programs may lay blobs, under their SHA-256, for `adopt`.
    """

    def __init__(self, folder: Path, most_bytes: int, reserve_bytes: int) -> None:
        self._folder, self.most_bytes, self._reserve = folder, most_bytes, reserve_bytes
        self.arrivals = folder / ".arrivals"
        self.arrivals.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in folder.glob(".new-*"):
            name.unlink()  # a write that the agent's death cut off

    def path(self, sha256: str) -> Path:
        """Where the blob is, or would be; `sha256` must have been checked."""
        return self._folder / sha256

    def __contains__(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def __iter__(self) -> Iterator[str]:
        return (one.name for one in self._folder.iterdir() if not one.name.startswith("."))

    def put(self, sha256: str, content: Content) -> None:
        """Keep `content`.

        Raises
        ------
        AgentRefusal
            It is not what `sha256` names, or the disk is full.
        """
        found = digest(content)
        if found != sha256:
            raise AgentRefusal(f"{sha256[:12]}... came damaged: it is {found[:12]}...; send it again", UNPROCESSABLE)
        if sha256 in self:
            return
        refuse_full_disk(self._folder, len(content), self._reserve)
        write_whole(self.path(sha256), content)

    def adopt(self, sha256: str) -> None:
        """Keep a blob that was laid into `arrivals`, if it is what its name says; else it is removed."""
        arrived = self.arrivals / sha256
        if sha256 in self or not arrived.is_file():
            return
        if not arrived.is_symlink() and digest(arrived.read_bytes()) == sha256:
            os.replace(arrived, self.path(sha256))
        else:
            arrived.unlink(missing_ok=True)

    def link(self, sha256: str, path: Path) -> bool:
        """Make the blob appear at `path`, too; False if it is not here."""
        try:
            os.link(self.path(sha256), path)
        except FileNotFoundError:
            return False
        except FileExistsError:
            pass
        return True

    def drop_unused(self, older_than_s: float) -> int:
        """Remove blobs that no folder has linked and nobody has touched for `older_than_s`; how many."""
        dropped = 0
        for path in [*self.arrivals.iterdir(), *self._folder.iterdir()]:
            try:
                found = path.lstat()
                if stat.S_ISDIR(found.st_mode):
                    continue
            except FileNotFoundError:
                continue
            if found.st_nlink == 1 and time.time() - found.st_mtime > older_than_s:
                path.unlink(missing_ok=True)
                dropped += 1
        return dropped


def write_whole(path: Path, content: Content) -> None:
    """Write `path` so that it is there whole or not at all.

    Raises
    ------
    AgentRefusal
        The disk is full.
    """
    handle, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise AgentRefusal(f"the disk does not take it ({error.strerror})", INSUFFICIENT_STORAGE) from None


def refuse_full_disk(folder: Path, more_bytes: int, reserve_bytes: int) -> None:
    """Refuse what would not leave `reserve_bytes` of the disk free."""
    free = shutil.disk_usage(folder).free
    if free - more_bytes < reserve_bytes:
        raise AgentRefusal(
            f"the disk is full: {free} bytes are free, {more_bytes} came, {reserve_bytes} stay free",
            INSUFFICIENT_STORAGE,
        )
