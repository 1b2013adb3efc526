"""Which files a published data set consists of, and the MD5 by which each is known.

Nothing is downloaded: a user brings the files. What is damaged, cut short or another file of the same name is refused
before an image of it is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataFileError

__all__ = ["CHECKSUMS", "DATA_SETS", "PublishedDataSet", "verify_checksum"]


@dataclass(frozen=True)
class PublishedDataSet:
    """A data set as its authors publish it.

    ``files``: what to put into the folder. ``checksums_from``: who names their MD5s.
    """

    name: str
    title: str
    files: tuple[str, ...]
    checksums_from: str


_IDX_FILES = tuple(f"{stem}-ubyte.gz" for stem in ("train-images-idx3", "train-labels-idx1",
                                                    "t10k-images-idx3", "t10k-labels-idx1"))
DATA_SETS: Mapping[str, PublishedDataSet] = {one.name: one for one in (
    PublishedDataSet("MNIST", "MNIST (LeCun, Cortes, Burges)", _IDX_FILES, "torchvision's list of the files"),
    PublishedDataSet("FashionMNIST", "Fashion-MNIST (Zalando Research)", _IDX_FILES, "the data set's own README"),
    PublishedDataSet("CIFAR100", "CIFAR-100 (Krizhevsky), binary version", ("cifar-100-binary.tar.gz",),
                     "the data set's home page"),
)}

# MD5 of the IDX files as they are inside of their .gz, so that a file packed anew is known, too. Those of the .gz files
# stand in the sources above; these are what one gets by unpacking them. CIFAR-100's is of the archive as published; for
# its unpacked .bin files no published MD5 is known to us, and their records are counted instead (image_files.py).
CHECKSUMS: Mapping[tuple[str, str], str] = {
    ("MNIST", "train-images-idx3-ubyte"): "6bbc9ace898e44ae57da46a324031adb",
    ("MNIST", "train-labels-idx1-ubyte"): "a25bea736e30d166cdddb491f175f624",
    ("MNIST", "t10k-images-idx3-ubyte"): "2646ac647ad5339dbf082846283269ea",
    ("MNIST", "t10k-labels-idx1-ubyte"): "27ae3e4e09519cfbb04c329615203637",
    ("FashionMNIST", "train-images-idx3-ubyte"): "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    ("FashionMNIST", "train-labels-idx1-ubyte"): "9018921c3c673c538a1fc5bad174d6f9",
    ("FashionMNIST", "t10k-images-idx3-ubyte"): "8181f5470baa50b63fa0f6fddb340f0a",
    ("FashionMNIST", "t10k-labels-idx1-ubyte"): "15d484375f8d13e6eb1aabb0c3f46965",
    ("CIFAR100", "cifar-100-binary.tar.gz"): "03b5dce01913d631647c71ecec9e9cb8",
}


def verify_checksum(data_set: str, name: str, content: bytes, file: Path) -> None:
    """Compare ``content`` (of the data set's file ``name``, read from ``file``) with the MD5 that is known for it.

    Raises DataFileError, naming the file, both sums and where the right one comes from, if they differ; and KeyError
    for a file of which none is known.
    """
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    promised = CHECKSUMS[data_set, name]
    if found != promised:
        one = DATA_SETS[data_set]
        raise DataFileError(f"{file} is damaged or not the {name} of {one.title}: its MD5 is {found}, expected "
                            f"{promised} (from {one.checksums_from}); get it again")
