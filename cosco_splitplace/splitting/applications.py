"""Everything from images to shipped products: trained artifacts and ``apps.json``; and single splits on request."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..datafiles import DATA_DIR, field, read_json
from ..errors import ConfigurationError, DataFileError, ResultExistsError, unknown_name
from ..records import COMPRESSED, LAYER, SEMANTIC, SPLITS
from ..threads import limited_threads
from .application_settings import ApplicationSettings, application_names, application_settings
from .architectures import stem_length, whole_network
from .artifacts import REMEDY, load_artifact, save_artifact
from .compression import share_for_work
from .datasets import ImageSet, load_images
from .profiles import MeasuredFragment, measure_artifact, measured_on, profile_entries
from .split_network import SplitNetwork
from .split_training import (
    AS_SHIPPED,
    SemanticOptions,
    measured_accuracy,
    resplit_layers,
    train_compressed,
    train_layer_split,
    train_semantic_split,
)

__all__ = ["WrittenSplit", "split_application", "train_applications"]

logger = logging.getLogger(__name__)

APPS_FILE = "apps.json"
_TRAINING_THREADS = 2  # fixed, for the order of sums and so the last bits of the weights depend on it

Progress = Callable[[str, int, int], None]  # what is being done, steps done, steps in all


@dataclass(frozen=True)
class WrittenSplit:
    """A split that was written to disk, as it was measured."""

    application: str
    split: str
    structure: str
    folder: Path
    source: str
    synthetic: bool
    held_out_images: int
    accuracy: float
    class_groups: tuple[tuple[int, ...], ...]
    fragments: tuple[MeasuredFragment, ...]


def train_applications(
    out_dir: Path,
    seed: int = 0,
    data_dir: Path | str | None = None,
    applications: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train, split, measure and write ``applications`` (default: all); returns the path of ``out_dir/apps.json``.

    Artifacts go to ``out_dir/artifacts/<application>/<split>/``. Where ``apps.json`` is there already, its other
    applications are kept. The same seed gives the same weights on the same machine; memory and times are measured
    anew. Raises ConfigurationError for an unknown application or a negative seed (before anything is trained), and
    DataFileError for damaged image files, or a damaged ``apps.json`` whose other applications are to be kept.
    """
    names = tuple(applications) if applications is not None else application_names()
    for name in names:
        application_settings(name)
    if not names or seed < 0:
        raise ConfigurationError(f"at least one application and a seed of 0 or more are needed, got {names} and {seed}")
    out_dir = Path(out_dir)
    file = out_dir / APPS_FILE
    entries = _written_entries(file, everything=set(names) >= set(application_names()))
    with limited_threads(_TRAINING_THREADS):
        for name in names:
            entries[name] = _train_application(name, out_dir, seed, data_dir, progress)
            # After each one, so that an interrupted run keeps what was finished and describes what it wrote.
            ordered = {known: entries[known] for known in (*application_names(), *entries) if known in entries}
            _write_json(file, {"format": 1, "measured": measured_on(_command(names, seed)), "applications": ordered})
    return file


def split_application(
    name: str,
    strategy: str,
    fragments: int | None,
    out_dir: Path,
    *,
    seed: int = 0,
    data_dir: Path | str | None = None,
    shipped_dir: Path = DATA_DIR,
    progress: Progress | None = None,
    options: SemanticOptions = AS_SHIPPED,
    work: float | None = None,
) -> WrittenSplit:
    """Split application ``name`` into ``fragments`` (None: as many as are shipped); the artifact is ``out_dir``.

    "layer" cuts the shipped trained network anew, "compressed" the pruned one; with ``work`` (the share of the whole
    network's multiply-adds to leave, above 0 and at most 1) the network is pruned to that and fine-tuned. "semantic"
    writes the shipped branches again if their number and no other ``options`` are asked for, else it trains that many
    (a minute). An application that is not shipped is trained whole first. Raises ConfigurationError for an unknown
    name or an impossible number, with the possible range; ResultExistsError if ``out_dir`` holds anything;
    DataFileError if the shipped artifacts are missing or damaged.
    """
    settings = application_settings(name)
    _refuse_foreign_options(strategy, options, work)
    out_dir = Path(out_dir)
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise ResultExistsError(f"{out_dir} exists and is not empty; choose another folder")
    shipped = Path(shipped_dir) / "artifacts" / name if settings.shipped else None
    try:
        with limited_threads(_TRAINING_THREADS):
            network = _Splitting(settings, shipped, seed, data_dir, progress).split(strategy, fragments, options, work)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    images = load_images(name, data_dir, source=network.source, train=False)
    return _write_split(network, images, out_dir, progress)


def _refuse_foreign_options(strategy: str, options: SemanticOptions, work: float | None) -> None:
    """Options that another strategy has would be without effect."""
    if strategy not in SPLITS:
        raise unknown_name("strategy", strategy, SPLITS)
    if strategy != SEMANTIC and options != AS_SHIPPED:
        raise ConfigurationError(f"grouping, stem and distillation are options of {SEMANTIC}, not of {strategy}")
    if strategy != COMPRESSED and work is not None:
        raise ConfigurationError(f"the work to leave is an option of {COMPRESSED}, not of {strategy}")


@dataclass(frozen=True)
class _Splitting:
    """One split of one application: from what is shipped where that serves, else trained."""

    settings: ApplicationSettings
    shipped: Path | None
    seed: int
    data_dir: Path | str | None
    progress: Progress | None

    def split(
        self, strategy: str, fragments: int | None, options: SemanticOptions, work: float | None
    ) -> SplitNetwork:
        """The network; ValueError for what is impossible."""
        if strategy == SEMANTIC:
            return self._semantic(fragments, options)
        whole = self._shipped(LAYER) if strategy == LAYER else self._compressed(work)
        if whole is None:
            whole = self._whole()
        return whole if fragments is None else resplit_layers(whole, fragments)

    def _semantic(self, branches: int | None, options: SemanticOptions) -> SplitNetwork:
        settings = self.settings
        count = settings.semantic_branches if branches is None else branches
        if not 1 <= count <= settings.n_classes:
            raise ValueError(f"branches must be 1 to {settings.n_classes} (the classes of {settings.name}), "
                             f"got {count}")
        stem_length(settings, options.stem_stages)
        if count == settings.semantic_branches and options == AS_SHIPPED:
            shipped = self._shipped(SEMANTIC)
            if shipped is not None:
                return shipped
        whole = self._whole()
        return train_semantic_split(settings, self._images(whole), whole, count, self.seed,
                                    self._told(f"training {count} branches"), options)

    def _compressed(self, work: float | None) -> SplitNetwork:
        shipped = self._shipped(COMPRESSED) if work is None else None
        if shipped is not None:
            return shipped
        settings = self.settings
        share = None if work is None else share_for_work(whole_network(settings), settings.image_shape, work)
        whole = self._whole()
        return train_compressed(settings, self._images(whole), whole, self.seed, self._told("pruning, fine-tuning"),
                                share)

    def _whole(self) -> SplitNetwork:
        shipped = self._shipped(LAYER)
        if shipped is not None:
            return shipped
        images = load_images(self.settings.name, self.data_dir)
        return train_layer_split(self.settings, images, self.seed, self._told("training the whole network"))

    def _shipped(self, split: str) -> SplitNetwork | None:
        return None if self.shipped is None else load_artifact(self.shipped / split)

    def _images(self, whole: SplitNetwork) -> ImageSet:
        """Those that the whole network was trained on."""
        return load_images(self.settings.name, self.data_dir, source=whole.source)

    def _told(self, what: str) -> Callable[[int, int], None] | None:
        return _named(self.progress, f"{self.settings.name}: {what}")


def _train_application(
    name: str, out_dir: Path, seed: int, data_dir: Path | str | None, progress: Progress | None
) -> dict[str, Any]:
    """Train and write every split of one application; returns its entry in ``apps.json``."""
    settings = application_settings(name)
    images = load_images(name, data_dir)
    whole = train_layer_split(settings, images, seed, _named(progress, f"{name}: training the whole network"))
    branched = train_semantic_split(settings, images, whole, settings.semantic_branches, seed,
                                    _named(progress, f"{name}: training the branches"))
    compressed = train_compressed(settings, images, whole, seed, _named(progress, f"{name}: pruning, fine-tuning"))
    splits: dict[str, Any] = {}
    for network in (whole, branched, compressed):
        artifact = f"{name}/{network.split}"
        written = _write_split(network, images, out_dir / "artifacts" / artifact, progress)
        splits[network.split] = {"structure": written.structure, "artifact": artifact, "accuracy": written.accuracy,
                                 "fragments": profile_entries(written.fragments)}
        if written.class_groups:
            splits[network.split]["class_groups"] = [list(group) for group in written.class_groups]
    return {"data_set": settings.data_set, "source": images.source, "synthetic": images.synthetic,
            "n_classes": settings.n_classes, "image_shape": list(settings.image_shape),
            "deadline_scale_intervals": settings.deadline_scale_intervals,
            "held_out_images": len(images.test_labels), "splits": splits}


def _write_split(network: SplitNetwork, images: ImageSet, folder: Path, progress: Progress | None) -> WrittenSplit:
    save_artifact(network, folder)
    measured = measure_artifact(folder, _named(progress, f"{network.application}: measuring the {network.split} split"))
    return WrittenSplit(network.application, network.split, network.structure, folder, images.source, images.synthetic,
                        len(images.test_labels), measured_accuracy(network, images), network.class_groups, measured)


def _written_entries(file: Path, everything: bool) -> dict[str, Any]:
    """The applications that ``file`` holds. A damaged file is no obstacle where everything is made again."""
    if not file.exists():
        return {}
    try:
        return dict(field(read_json(file, REMEDY), "applications", dict, file, REMEDY))
    except DataFileError as error:
        if not everything:
            raise
        logger.warning("%s is replaced: %s", file, error)
        return {}


def _named(progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(what, done, total)


def _command(names: Sequence[str], seed: int) -> str:
    chosen = "" if tuple(names) == application_names() else f" --applications {','.join(names)}"
    return f"{REMEDY}{chosen} --seed {seed}"


def _write_json(file: Path, content: dict[str, Any]) -> None:
    temporary = file.with_name(f".{file.name}.new")
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, file)
