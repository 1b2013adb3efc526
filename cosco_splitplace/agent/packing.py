"""A fragment's folder as a stream that can travel: a zstd-compressed tar, checked entry by entry on arrival."""

from __future__ import annotations

import os
import re
import tarfile
from pathlib import Path
from typing import IO, Iterator

import zstandard

from ..errors import AgentRefusal, PayloadError
from ..pipeline.payload import LEVEL

# the workspace (with files that are being written), the frozen memory, and a container's writable layer
_INSIDE = re.compile(
    r"work(/(spec\.json|started|\.?result\.json|log\.txt|digests|input\.bell|output\.bell"
    r"|artifact(/(manifest\.json|fragment-\d{1,4}\.safetensors))?|(input|output)(/\.?\d{8})?))?"
    r"|frozen(/[A-Za-z0-9][A-Za-z0-9._-]{0,120}){0,3}"
    r"|upper(/[A-Za-z0-9_][A-Za-z0-9._+@-]{0,200}){0,32}"
)
MOST_ENTRIES = 200_000


def pack(folder: Path, target: IO[bytes]) -> int:
    """Write everything below `folder` that belongs to a fragment to `target`; returns the bytes written."""
    began = target.tell()
    with zstandard.ZstdCompressor(level=LEVEL).stream_writer(target, closefd=False) as compressed:
        with tarfile.open(fileobj=compressed, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for path in sorted(folder.rglob("*")):
                name = path.relative_to(folder).as_posix()
                if (
                    _INSIDE.fullmatch(name)
                    and not path.is_symlink()
                    and (path.is_file() or path.is_dir() or path.is_fifo())
                ):
                    # never as a hard link to an entry before it
                    archive.inodes = {}  # type: ignore[attr-defined]
                    archive.add(path, name, recursive=False)
    return target.tell() - began


def unpack(source: IO[bytes], folder: Path, most_bytes: int) -> None:
    """Unpack into `folder`: regular files, folders and named pipes of a fragment, and nothing else.

    Raises
    ------
    AgentRefusal
        An entry is of another kind or has another name, or there is more than `most_bytes`.
    PayloadError
        The stream is damaged.
    """
    left = most_bytes
    try:
        with zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(source) as plain:
            with tarfile.open(fileobj=plain, mode="r|") as archive:
                for count, entry in enumerate(archive):
                    if count >= MOST_ENTRIES:
                        raise AgentRefusal(f"what arrived has more than {MOST_ENTRIES} entries", 413)
                    if not _INSIDE.fullmatch(entry.name):
                        raise AgentRefusal(f"what arrived holds {ascii(entry.name)[:120]}, which no fragment has")
                    left -= entry.size
                    if left < 0:
                        raise AgentRefusal(f"what arrived is larger than {most_bytes} bytes", 413)
                    _unpack_one(archive, entry, folder / entry.name)
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise PayloadError(f"what arrived is damaged ({error})") from None


def _unpack_one(archive: tarfile.TarFile, entry: tarfile.TarInfo, path: Path) -> None:
    if entry.isdir():
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    elif entry.isfifo():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.mkfifo(path, 0o600)
    elif entry.isreg():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = archive.extractfile(entry)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, entry.mode & 0o777)
        with os.fdopen(handle, "wb") as file:
            while content is not None and (block := content.read(2**20)):
                file.write(block)
    else:
        raise AgentRefusal(f"what arrived holds {ascii(entry.name)[:120]}, which is no file, folder or named pipe")


def parts(path: Path, size: int) -> Iterator[bytes]:
    """The file in parts of `size` bytes."""
    with path.open("rb") as file:
        while part := file.read(size):
            yield part
