"""Readers of the published data set files: IDX (MNIST, FashionMNIST) and CIFAR-100's binary records.

Every reader checks a file against what its header or its record length promises, and against its published checksum,
before any image is handed out. A file that does not fit is named, never half read. Nothing is unpickled.
"""

from __future__ import annotations

import gzip
import io
import math
import tarfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DataFileError
from .published import verify_checksum

__all__ = ["find_cifar100_part", "find_idx_file", "read_cifar100_part", "read_idx_images", "read_idx_labels"]

# Magic numbers of the IDX format: two zero bytes, 8 for unsigned bytes, and the number of dimensions.
_IDX_IMAGES_MAGIC = 0x00000803
_IDX_LABELS_MAGIC = 0x00000801
_CIFAR_PIXELS = 3 * 32 * 32
_CIFAR_RECORD_BYTES = 2 + _CIFAR_PIXELS  # coarse label, fine label, then red, green and blue planes
CIFAR_IMAGES_A_CLASS = {"train": 500, "test": 100}  # as published
_CIFAR_ARCHIVE = "cifar-100-binary.tar.gz"
_CIFAR_FOLDER = "cifar-100-binary"
_CIFAR_PICKLED = ("cifar-100-python.tar.gz", "cifar-100-python")


def find_idx_file(folder: Path, stem: str) -> Path | None:
    """The file ``stem`` (such as ``train-images-idx3-ubyte``) in ``folder``, raw or ``.gz``, or None."""
    dotted = stem.replace("-idx", ".idx")  # some mirrors write a dot before idx
    for name in (stem, f"{stem}.gz", dotted, f"{dotted}.gz"):
        if (folder / name).is_file():
            return folder / name
    return None


def read_idx_images(file: Path, data_set: str) -> NDArray[np.uint8]:
    """Images uint8 (n, height, width) of ``data_set``'s IDX file.

    Raises DataFileError if it is damaged, of another kind, or not the published file.
    """
    return _read_idx(file, data_set, _IDX_IMAGES_MAGIC, 3)


def read_idx_labels(file: Path, data_set: str) -> NDArray[np.uint8]:
    """Labels uint8 (n,) of ``data_set``'s IDX file; raises as :func:`read_idx_images` does."""
    return _read_idx(file, data_set, _IDX_LABELS_MAGIC, 1)


def find_cifar100_part(folder: Path, part: str) -> Path | None:
    """Where ``part`` ("train" or "test") lies: ``<part>.bin`` in ``folder`` or its usual subfolder, or the archive.

    None if there is nothing of CIFAR-100. Raises DataFileError if only the pickled Python version is there.
    """
    for candidate in (folder / f"{part}.bin", folder / _CIFAR_FOLDER / f"{part}.bin", folder / _CIFAR_ARCHIVE):
        if candidate.is_file():
            return candidate
    for name in _CIFAR_PICKLED:
        if (folder / name).exists():
            raise DataFileError(f"{folder / name} is CIFAR-100's pickled Python version, which is not read because "
                                f"unpickling runs code; put the binary version, {_CIFAR_ARCHIVE}, "
                                f"into {folder} instead")
    return None


def read_cifar100_part(file: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images uint8 (n, 3, 32, 32) and fine labels int64 (n,) of a ``.bin`` file or of ``part`` in the archive.

    The archive is known by its MD5; a ``.bin`` file by its records: as many of each class as were published. Raises
    DataFileError if that is not so.
    """
    raw = _read_bytes(file)
    if file.name == _CIFAR_ARCHIVE:
        raw_archive, raw = raw, _archive_member(raw, f"{part}.bin", file)
        verify_checksum("CIFAR100", _CIFAR_ARCHIVE, raw_archive, file)
    if not raw or len(raw) % _CIFAR_RECORD_BYTES:
        raise DataFileError(f"{file} is damaged: {part}.bin has {len(raw)} bytes, which is no whole number "
                            f"of records of {_CIFAR_RECORD_BYTES} bytes; get {_CIFAR_ARCHIVE} again")
    records = np.frombuffer(raw, dtype=np.uint8).reshape(-1, _CIFAR_RECORD_BYTES)
    if records[:, 0].max() > 19 or records[:, 1].max() > 99:
        raise DataFileError(f"{file} is damaged: it has labels past 19 (coarse) or 99 (fine); "
                            f"get {_CIFAR_ARCHIVE} again")
    if file.name != _CIFAR_ARCHIVE:
        _refuse_other_counts(records[:, 1], CIFAR_IMAGES_A_CLASS[part], file)
    return records[:, 2:].reshape(-1, 3, 32, 32).copy(), records[:, 1].astype(np.int64)


def _refuse_other_counts(labels: NDArray[np.uint8], promised: int, file: Path) -> None:
    counts = np.bincount(labels, minlength=100)
    odd = np.flatnonzero(counts != promised)
    if len(odd):
        raise DataFileError(f"{file} is damaged or not CIFAR-100's: it has {counts[odd[0]]} images of class {odd[0]}, "
                            f"expected {promised} of each of 100; get {_CIFAR_ARCHIVE} again")


def _read_idx(file: Path, data_set: str, magic: int, dimensions: int) -> NDArray[np.uint8]:
    content = _read_bytes(file)
    if file.suffix == ".gz":
        content = _unpacked(content, file)
    header_bytes = 4 * (1 + dimensions)
    if len(content) < header_bytes:
        raise DataFileError(f"{file} is damaged: {len(content)} bytes do not hold an IDX header of {header_bytes}; "
                            "get it again")
    found, *shape = (int(number) for number in np.frombuffer(content, dtype=">u4", count=1 + dimensions))
    if found != magic:
        raise DataFileError(f"{file} is not the IDX file that its name says: it starts with 0x{found:08x}, "
                            f"expected 0x{magic:08x}; get it again")
    expected = header_bytes + math.prod(shape)
    if len(content) != expected:
        raise DataFileError(f"{file} is damaged: {len(content)} bytes, but its header promises {expected}; "
                            "get it again")
    # The structure first: its messages say what is wrong, a checksum only that something is.
    verify_checksum(data_set, file.name.replace(".gz", "").replace(".idx", "-idx"), content, file)
    return np.frombuffer(content, dtype=np.uint8, offset=header_bytes).reshape(shape).copy()


def _read_bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataFileError(f"{file} cannot be read ({error}); get it again") from None


def _unpacked(content: bytes, file: Path) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataFileError(f"{file} cannot be read ({error}); get it again") from None


def _archive_member(content: bytes, name: str, archive: Path) -> bytes:
    """The bytes of the regular file called ``name``; nothing is extracted to disk."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as members:
            for member in members:
                if member.isfile() and member.name.rsplit("/", 1)[-1] == name:
                    source = members.extractfile(member)
                    if source is not None:
                        return source.read()
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataFileError(f"{archive} cannot be read ({error}); get it again") from None
    raise DataFileError(f"{archive} holds no {name}; get {_CIFAR_ARCHIVE} again")
