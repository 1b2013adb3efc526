"""What is known of each application before anything is trained: ``data/applications.toml``, read and checked."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError, DataFileError, unknown_name
from ..records import SPLITS
from .synthetic import SyntheticSettings

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover - the same parser under its older name
    import tomli as tomllib

__all__ = ["APPLICATIONS_FILE", "ApplicationSettings", "StageSettings", "TrainingSettings",
           "application_names", "application_settings", "read_application_settings"]

APPLICATIONS_FILE = Path(__file__).resolve().parent.parent / "data" / "applications.toml"


@dataclass(frozen=True)
class StageSettings:
    """One stage of a convolutional network: convolution, batch norm, relu, then max pooling if ``pool`` > 1.

    ``residual`` makes it a residual block of two convolutions instead, which keeps the channels.
    """

    channels: int
    kernel: int = 3
    pool: int = 1
    residual: bool = False

    def __post_init__(self) -> None:
        if self.channels < 1 or self.pool < 1:
            raise ValueError(f"channels and pool must be 1 or more, got {self.channels} and {self.pool}")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, so that padding keeps the image's size; got {self.kernel}")


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained; all values are made up. ``steps`` counts batches, not passes over the data,
    so that the time does not depend on how many images a source has."""

    steps: int
    batch: int
    learning_rate: float  # peak; it rises for a tenth of the steps and then falls along a cosine
    weight_decay: float
    shift_pixels: int = 0  # every training image is moved by up to this much in each direction

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 2 or self.shift_pixels < 0:
            raise ValueError(f"steps must be 1 or more, batch 2 or more and shift_pixels 0 or more; "
                             f"got {self.steps}, {self.batch} and {self.shift_pixels}")
        if not (self.learning_rate > 0 and self.weight_decay >= 0):
            raise ValueError(f"learning_rate must be above 0 and weight_decay 0 or more; "
                             f"got {self.learning_rate} and {self.weight_decay}")


@dataclass(frozen=True)
class ApplicationSettings:
    """One application: its data, its two networks, and how they are split, compressed and trained."""

    name: str
    data_set: str
    image_shape: tuple[int, int, int]  # channels, height, width
    n_classes: int
    deadline_scale_intervals: float
    layer_fragments: int
    semantic_branches: int
    whole: tuple[StageSettings, ...]
    branch: tuple[StageSettings, ...]  # for semantic_branches branches; other counts scale its widths
    pruned_share: float  # of each convolution's channels that the compressed network does without
    training: Mapping[str, TrainingSettings]  # by split; "layer" is the whole network, "compressed" its fine-tuning
    synthetic: SyntheticSettings | None = None  # None: there is no synthetic stand-in for this data set
    shipped: bool = True  # false: known by name, but trained and written only where it is asked for

    def __post_init__(self) -> None:
        if self.n_classes < 2 or self.deadline_scale_intervals <= 0:
            raise ValueError(f"n_classes must be 2 or more and deadline_scale_intervals above 0; "
                             f"got {self.n_classes} and {self.deadline_scale_intervals}")
        if self.layer_fragments < 1 or not 1 <= self.semantic_branches <= self.n_classes:
            raise ValueError(f"layer_fragments must be 1 or more and semantic_branches 1 to {self.n_classes}; "
                             f"got {self.layer_fragments} and {self.semantic_branches}")
        if not 0 <= self.pruned_share < 1:
            raise ValueError(f"pruned_share must be 0 to below 1, got {self.pruned_share}")
        if len(self.image_shape) != 3 or min(self.image_shape) < 1:
            raise ValueError(f"image_shape must be channels, height, width; got {self.image_shape}")


def application_names(shipped: bool = True) -> tuple[str, ...]:
    """The applications that are shipped trained, or all that are known; in the file's order."""
    return tuple(name for name, one in _known_settings().items() if one.shipped or not shipped)


def application_settings(name: str) -> ApplicationSettings:
    """The settings of application ``name``; an unknown name lists the known ones (ConfigurationError)."""
    known = _known_settings()
    if name not in known:
        raise unknown_name("application", name, known)
    return known[name]


@lru_cache(maxsize=1)
def _known_settings() -> dict[str, ApplicationSettings]:
    return read_application_settings(APPLICATIONS_FILE)


def read_application_settings(file: Path) -> dict[str, ApplicationSettings]:
    """All applications of ``file``, in its order.

    Raises DataFileError if the file is missing or no TOML, ConfigurationError naming the entry if a setting is
    unknown, missing or impossible.
    """
    remedy = "it is part of the package: install cosco-splitplace again"
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataFileError(f"{file} is missing; {remedy}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataFileError(f"{file} cannot be read ({error}); {remedy}") from None
    return {name: _application(name, table, f"{file.name}: {name}") for name, table in tables.items()}


def _application(name: str, table: object, where: str) -> ApplicationSettings:
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where}: expected a table")
    values: dict[str, Any] = dict(table)
    values["name"] = name
    values["image_shape"] = tuple(values.get("image_shape", ()))
    for stages in ("whole", "branch"):
        values[stages] = tuple(_record(StageSettings, stage, f"{where}.{stages}[{index}]")
                               for index, stage in enumerate(values.get(stages, ())))
        if not values[stages]:
            raise ConfigurationError(f"{where}: {stages} needs at least one stage")
    training = values.get("training", {})
    if sorted(training) != sorted(SPLITS):
        raise ConfigurationError(f"{where}: training needs the tables {', '.join(SPLITS)}; got {sorted(training)}")
    values["training"] = {split: _record(TrainingSettings, entry, f"{where}.training.{split}")
                          for split, entry in training.items()}
    synthetic = values.get("synthetic")
    values["synthetic"] = None if synthetic is None else _record(SyntheticSettings, synthetic, f"{where}.synthetic")
    settings: ApplicationSettings = _record(ApplicationSettings, values, where)
    return settings


def _record(kind: Any, values: object, where: str) -> Any:
    """``kind(**values)`` with unknown and missing names refused by name, and whole numbers kept apart from others."""
    if not isinstance(values, dict):
        raise ConfigurationError(f"{where}: expected a table, got {values!r}")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise ConfigurationError(f"{where}: unknown {', '.join(unknown)}; known: {', '.join(fields)}")
    missing = sorted(name for name, field in fields.items()
                     if name not in values and field.default is dataclasses.MISSING)
    if missing:
        raise ConfigurationError(f"{where}: {', '.join(missing)} missing")
    for name, value in values.items():
        allowed = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}.get(str(fields[name].type))
        if allowed and (not isinstance(value, allowed) or isinstance(value, bool) != (allowed == (bool,))):
            raise ConfigurationError(f"{where}.{name}: expected {fields[name].type}, got {value!r}")
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{where}: {error}") from None
