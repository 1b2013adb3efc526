"""From a profile to the catalogue that the simulator reads (the format of ``data/apps.json``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..datafiles import DATA_DIR, field, read_json
from ..errors import ConfigurationError
from ..records import LAYER
from .application_settings import application_names, application_settings
from .artifacts import load_artifact
from .datasets import load_images
from .graphs.artifact import GRAPH_FORMAT, load_graph_artifact
from .graphs.chain import chain_accuracy
from .profiles import ProfiledFragment, measured_on, profile_entries, read_manifest
from .split_training import measured_accuracy

__all__ = ["ArtifactFacts", "artifact_facts", "catalogue_with"]

_MEND = "give another file, or remove it and profile again"


@dataclass(frozen=True)
class ArtifactFacts:
    """What a catalogue says of an artifact besides its costs."""

    application: str
    split: str
    structure: str
    source: str
    deadline_scale_intervals: float
    accuracy: float


def artifact_facts(
    folder: Path, accuracy: float | None = None, deadline_scale: float | None = None,
    data_dir: Path | str | None = None,
) -> ArtifactFacts:
    """The facts of the artifact in ``folder``; accuracy is measured on its application's held-out images.

    ``accuracy`` (0 to 1) and ``deadline_scale`` (in intervals) are needed where the application is none that we know,
    and are taken instead of ours where they are given. Raises ConfigurationError if one is missing or impossible, and
    DataFileError for a damaged artifact.
    """
    manifest = read_manifest(folder)
    name = manifest["application"]
    known = name in application_names(shipped=False)
    for option, value in (("--accuracy", accuracy), ("--deadline-scale", deadline_scale)):
        if value is None and not known:
            raise ConfigurationError(f"{folder} is of {name!r}, of which we have no images and no deadlines: "
                                     f"give {option}")
    if accuracy is not None and not 0 <= accuracy <= 1:
        raise ConfigurationError(f"--accuracy is {accuracy}; give a share from 0 to 1")
    if deadline_scale is not None and not deadline_scale > 0:
        raise ConfigurationError(f"--deadline-scale is {deadline_scale}; give a positive number of intervals")
    source = str(manifest.get("source", "unknown"))
    if manifest["format"] == GRAPH_FORMAT and known:
        source = load_artifact(DATA_DIR / "artifacts" / name / LAYER).source  # of the network that was split
    if accuracy is None:
        images = load_images(name, data_dir, source=source, train=False)
        accuracy = (chain_accuracy(load_graph_artifact(folder).fragments, images)
                    if manifest["format"] == GRAPH_FORMAT else measured_accuracy(load_artifact(folder), images))
    if deadline_scale is None:
        deadline_scale = application_settings(name).deadline_scale_intervals
    return ArtifactFacts(name, manifest["split"], manifest["structure"], source, deadline_scale, accuracy)


def catalogue_with(
    file: Path, folder: Path, facts: ArtifactFacts, profiled: Sequence[ProfiledFragment], command: str
) -> dict[str, Any]:
    """The catalogue ``file`` (a new one, if it is not there) with the artifact in ``folder`` in it.

    The same split of the same application is replaced, everything else is kept. Raises DataFileError if ``file`` is no
    catalogue.
    """
    content: dict[str, Any] = {"format": 1, "applications": {}}
    if file.exists():
        content = read_json(file, _MEND)
        field(content, "applications", dict, file, _MEND)
    before: Mapping[str, Any] = content["applications"].get(facts.application, {})
    split = {
        "structure": facts.structure,
        "artifact": _place(folder.resolve(), file.resolve().parent / "artifacts"),
        "accuracy": facts.accuracy,
        "fragments": profile_entries(tuple(one.costs for one in profiled)),
    }
    content["measured"] = measured_on(command)
    content["applications"][facts.application] = {
        **before, "source": facts.source, "deadline_scale_intervals": facts.deadline_scale_intervals,
        "splits": {**before.get("splits", {}), facts.split: split},
    }
    return content


def _place(folder: Path, artifacts: Path) -> str:
    """As a catalogue names an artifact: from its own folder of artifacts if it is in there, else from the root."""
    return folder.relative_to(artifacts).as_posix() if artifacts in folder.parents else str(folder)
