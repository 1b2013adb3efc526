"""Which images there are for each application: real or synthetic, whole or damaged, and what to put where."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import DataFileError
from .application_settings import ApplicationSettings, application_names, application_settings
from .datasets import DATA_VARIABLE, PACKAGED, data_folder, load_images, published_images
from .published import DATA_SETS

__all__ = ["DataStatus", "data_status"]


@dataclass(frozen=True)
class DataStatus:
    """What would be used for one application, and why not something better."""

    application: str
    data_set: str
    source: str  # one of datasets.SOURCES; empty if the files that are there can't be used
    synthetic: bool
    train_images: int
    held_out_images: int
    problem: str  # what is wrong with the files that are there; empty if nothing is
    to_do: str  # how to get the published images; empty if they are there, or are not published as files

    def as_object(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def data_status(data_dir: Path | str | None = None) -> tuple[DataStatus, ...]:
    """The status of every known application, with ``data_dir`` (default: the environment's) as folder of the files.

    Published files that are there are read whole and their checksums compared. Raises ConfigurationError if the folder
    is none.
    """
    folder = data_folder(data_dir)
    return tuple(_status(application_settings(name), folder) for name in application_names(shipped=False))


def _status(settings: ApplicationSettings, folder: Path | None) -> DataStatus:
    def status(source: str, train: int, held_out: int, problem: str = "", to_do: str = "") -> DataStatus:
        return DataStatus(settings.name, settings.data_set, source, source == "synthetic", train, held_out, problem,
                          to_do)

    to_do = _what_to_put_where(settings.data_set, folder)
    try:
        found = None if folder is None else published_images(settings, folder, train=True)
    except DataFileError as error:
        return status("", 0, 0, str(error), to_do)
    if found is not None:
        (_, train_labels), (_, test_labels) = found
        return status("published", len(train_labels), len(test_labels))
    if settings.data_set in PACKAGED:
        try:
            images = load_images(settings.name, source=PACKAGED[settings.data_set])
        except DataFileError as error:
            return status("", 0, 0, str(error), to_do)
        return status(images.source, len(images.train_labels), len(images.test_labels), to_do=to_do)
    if settings.synthetic is None:
        return status("", 0, 0, "there are no images of it", to_do)
    return status("synthetic", settings.synthetic.train_images, settings.synthetic.held_out_images, to_do=to_do)


def _what_to_put_where(data_set: str, folder: Path | None) -> str:
    if data_set not in DATA_SETS:
        return ""
    one = DATA_SETS[data_set]
    place = f"{folder or 'FOLDER'}/{data_set}/"
    named = "" if folder is not None else f", and name FOLDER with --data or {DATA_VARIABLE}"
    return f"for {one.title}: put {', '.join(one.files)} into {place}{named}"
