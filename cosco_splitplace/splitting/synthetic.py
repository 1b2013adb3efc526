"""Seeded synthetic images with a class hierarchy, for machines without the published files.

What a set looks like: every superclass has a smooth colour field; every class has a few styles, each the
superclass's field mixed with a field of its own. An image is one style, moved, sheared and scaled in
contrast, with a sibling class showing through and noise on top. The five difficulty settings below are made
up; ``data/applications.toml`` sets them so that trained networks come near the accuracies of the paper's
Table 4. No label is ever changed.

Only whole-number arithmetic on raw 64-bit draws of PCG64 is used: that stream is fixed by numpy's
compatibility policy, while floating-point functions differ in the last bit between processors. So a seed
gives the same bytes on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SyntheticSettings", "synthetic_images"]

_CHUNK_IMAGES = 1000  # keeps the int32 working arrays in tens of megabytes
_FIELD_AMPLITUDE = 96  # grey levels; with the mean of 128 a full-contrast field stays inside 0..255
_BLUR_RADIUS_PIXELS = 2


@dataclass(frozen=True)
class SyntheticSettings:
    """How many images there are and how hard they are to tell apart. Every default is made up."""

    train_images: int
    held_out_images: int
    superclasses: int  # class c belongs to superclass c % superclasses
    styles: int  # different looks of each class, 1 or more
    shared_256: int  # part of a look that comes from the superclass, 0..256 of 256
    overlap_256: int  # largest weight of a sibling class that shows through, 0..256 of 256
    noise_256: int  # weight of the noise, 0..1024 of 256
    shift_pixels: int  # largest move in each direction
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {"train_images": (1, 10**6), "held_out_images": (1, 10**6), "superclasses": (1, 1000),
                  "styles": (1, 100), "shared_256": (0, 256), "overlap_256": (0, 256), "noise_256": (0, 1024),
                  "shift_pixels": (0, 64), "seed": (0, 2**63)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"synthetic images: {name} must be {low} to {high}, got {getattr(self, name)}")


def synthetic_images(
    settings: SyntheticSettings, image_shape: tuple[int, int, int], n_classes: int, part: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images uint8 (n, c, h, w) and labels int64 (n,) of ``part``, "train" or "held_out".

    Classes take turns, so that each has the same number of images (give or take one). The two parts share
    the classes' looks and nothing else; each can be made without the other.
    """
    if part not in ("train", "held_out"):
        raise ValueError(f"unknown part {part!r}; known: train, held_out")
    looks = _class_looks(_stream(settings.seed, 0), settings, image_shape, n_classes)
    n_images = settings.train_images if part == "train" else settings.held_out_images
    draws = _stream(settings.seed, 1 if part == "train" else 2)
    labels = np.arange(n_images, dtype=np.int64) % n_classes
    images = np.empty((n_images, *image_shape), dtype=np.uint8)
    for start in range(0, n_images, _CHUNK_IMAGES):
        chunk = slice(start, start + _CHUNK_IMAGES)
        images[chunk] = _draw_chunk(draws, settings, looks, labels[chunk])
    return images, labels


def _stream(seed: int, number: int) -> np.random.PCG64:
    return np.random.PCG64(np.random.SeedSequence([seed, number]))


def _bytes(draws: np.random.PCG64, *shape: int) -> NDArray[np.int32]:
    """Uniform whole numbers 0..255 of ``shape``."""
    count = int(np.prod(shape))
    words = draws.random_raw((count + 7) // 8)
    return np.asarray(words).astype("<u8").view(np.uint8)[:count].reshape(shape).astype(np.int32)


def _below(draws: np.random.PCG64, count: int, limit: int) -> NDArray[np.int64]:
    """Uniform whole numbers 0..limit-1 of shape (count,); 32 random bits each."""
    high = np.asarray(draws.random_raw(count)).astype(np.uint64) >> np.uint64(32)
    return ((high * np.uint64(limit)) >> np.uint64(32)).astype(np.int64)


def _smooth_fields(draws: np.random.PCG64, count: int, image_shape: tuple[int, int, int]) -> NDArray[np.int32]:
    """Smooth random fields (count, c, h, w) within plus and minus the field amplitude."""
    fields = _bytes(draws, count, *image_shape) - 128
    for _ in range(2):  # two box blurs that wrap around: close enough to a Gaussian, and whole numbers
        for axis in (2, 3):
            fields = np.asarray(sum(np.roll(fields, step, axis)
                                    for step in range(-_BLUR_RADIUS_PIXELS, _BLUR_RADIUS_PIXELS + 1)))
    peak = np.abs(fields).max(axis=(1, 2, 3), keepdims=True)
    return np.asarray(fields * _FIELD_AMPLITUDE // np.maximum(peak, 1), dtype=np.int32)


def _class_looks(
    draws: np.random.PCG64, settings: SyntheticSettings, image_shape: tuple[int, int, int], n_classes: int
) -> NDArray[np.int32]:
    """Looks (n_classes, styles, c, h, w)."""
    family = _smooth_fields(draws, settings.superclasses, image_shape)[np.arange(n_classes) % settings.superclasses]
    own = _smooth_fields(draws, n_classes * settings.styles, image_shape)
    own = own.reshape(n_classes, settings.styles, *image_shape)
    return (settings.shared_256 * family[:, None] + (256 - settings.shared_256) * own) >> 8


def _draw_chunk(
    draws: np.random.PCG64, settings: SyntheticSettings, looks: NDArray[np.int32], labels: NDArray[np.int64]
) -> NDArray[np.uint8]:
    count = len(labels)
    contrast = 192 + _below(draws, count, 65)  # 3/4 to full contrast, in 256ths
    overlap = _below(draws, count, settings.overlap_256 + 1)
    image = contrast[:, None, None, None] * _moved(draws, settings, looks, labels)
    image += overlap[:, None, None, None] * _moved(draws, settings, looks, _siblings(draws, settings, looks, labels))
    # The sum of four uniform bytes is near a bell curve with a standard deviation of 148; noise_256 scales it.
    noise = sum((_bytes(draws, *image.shape) for _ in range(4)), start=np.int32(-510))
    image += settings.noise_256 * np.asarray(noise)
    return np.asarray(np.clip(128 + (image >> 8), 0, 255), dtype=np.uint8)


def _siblings(
    draws: np.random.PCG64, settings: SyntheticSettings, looks: NDArray[np.int32], labels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Another class of the same superclass for each label (the class itself where it is alone)."""
    n_classes, step = len(looks), settings.superclasses
    family = labels % step
    size = (n_classes - family + step - 1) // step
    ahead = 1 + ((_below(draws, len(labels), 1 << 16) * np.maximum(size - 1, 1)) >> 16)
    return family + step * ((labels // step + ahead) % size)


def _moved(
    draws: np.random.PCG64, settings: SyntheticSettings, looks: NDArray[np.int32], classes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """A random style of each class, moved and sheared (wrapping around): (n, c, h, w)."""
    count, (channels, height, width) = len(classes), looks.shape[2:]
    reach = 2 * settings.shift_pixels + 1
    style = _below(draws, count, settings.styles)
    down = _below(draws, count, reach) - settings.shift_pixels
    right = _below(draws, count, reach) - settings.shift_pixels
    shear = _below(draws, count, 9) - 4  # sixteenths of a pixel a row
    rows = np.arange(height)
    from_row = (rows + down[:, None]) % height  # (n, h)
    lean = right[:, None] + ((shear[:, None] * (rows - height // 2)) >> 4)  # (n, h)
    from_column = (np.arange(width) + lean[:, :, None]) % width  # (n, h, w)
    return np.asarray(looks[
        classes[:, None, None, None], style[:, None, None, None], np.arange(channels)[None, :, None, None],
        from_row[:, None, :, None], from_column[:, None, :, :],
    ], dtype=np.int64)
