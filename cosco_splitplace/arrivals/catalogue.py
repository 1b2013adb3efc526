"""The catalogue of applications: what each split of each application costs and delivers, as it was measured."""
from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Mapping, Sequence, Tuple

from ..datafiles import data_path, field, read_json
from ..errors import DataFileError, unknown_name
from ..records import LAYER, UNSPLIT

REMEDY = "cosco-splitplace train applications"
CHAIN = "chain"
BRANCHES = "branches"


@dataclass(frozen=True)
class FragmentProfile:
    """Measured cost of one fragment: multiply-adds and bytes an image, RAM as base + images * slope; its file."""

    multiply_adds: int
    input_bytes: int
    output_bytes: int
    ram_base_mb: float
    ram_per_image_kb: float
    weights_bytes: int


@dataclass(frozen=True)
class SplitProfile:
    """One way to split an application: ``structure`` is "chain" (in sequence) or "branches" (in parallel).

    ``joined`` is the number of layer fragments that are one here.
    """

    name: str
    structure: str
    artifact: Path
    accuracy: float
    fragments: Tuple[FragmentProfile, ...]
    joined: int = 1

    def whole(self) -> "SplitProfile":
        """The same network in one container: it does the same work, and keeps no activations between its layers."""
        parts = self.fragments
        one = FragmentProfile(
            multiply_adds=sum(part.multiply_adds for part in parts),
            input_bytes=parts[0].input_bytes,
            output_bytes=parts[-1].output_bytes,
            ram_base_mb=max(part.ram_base_mb for part in parts),
            ram_per_image_kb=max(part.ram_per_image_kb for part in parts),
            weights_bytes=sum(part.weights_bytes for part in parts),
        )
        return replace(self, name=UNSPLIT, fragments=(one,), joined=len(parts))


@dataclass(frozen=True)
class Application:
    """A DNN application a in A, with its deadline law's l and its splits by name."""

    name: str
    data_source: str
    deadline_scale_intervals: float
    splits: Mapping[str, SplitProfile]

    def split(self, name: str) -> SplitProfile:
        """The split called `name`, or the layer split's network whole; an unknown one lists what there is."""
        if name == UNSPLIT and LAYER in self.splits:
            return self.splits[LAYER].whole()
        if name not in self.splits:
            raise unknown_name(f"split of {self.name}", name, self.splits)
        return self.splits[name]


def load_catalogue(apps_file: str = "", names: Sequence[str] = ()) -> Dict[str, Application]:
    """The applications of `apps_file` (empty: the shipped one), all or those called `names`.

    Raises
    ------
    DataFileError
        The file is missing or damaged; the message names it and the command that makes it again.
    UnknownNameError
        `names` holds one that the file has not.
    """
    path = data_path(apps_file, "apps.json")
    content = field(read_json(path, REMEDY), "applications", dict, path, REMEDY)
    if not content:
        raise DataFileError(f"{path} lists no application; make it again with: {REMEDY}")
    for name in names:
        if name not in content:
            raise unknown_name("application", name, content)
    return {name: _application(name, content[name], path) for name in (names or content)}


def _application(name: str, table: Dict[str, Any], path: Path) -> Application:
    splits = field(table, "splits", dict, path, REMEDY)
    return Application(
        name=name,
        data_source=field(table, "source", str, path, REMEDY),
        deadline_scale_intervals=field(table, "deadline_scale_intervals", float, path, REMEDY),
        splits={split: _split(split, entry, path) for split, entry in splits.items()},
    )


def _split(name: str, table: Dict[str, Any], path: Path) -> SplitProfile:
    structure = field(table, "structure", str, path, REMEDY)
    if structure not in (CHAIN, BRANCHES):
        raise DataFileError(f"{path}: structure {structure!r} of split {name!r} is neither {CHAIN!r} nor {BRANCHES!r}")
    profiles = field(table, "fragments", list, path, REMEDY)
    if not profiles:
        raise DataFileError(f"{path}: split {name!r} has no fragments; make it again with: {REMEDY}")
    return SplitProfile(
        name=name,
        structure=structure,
        artifact=path.parent / "artifacts" / field(table, "artifact", str, path, REMEDY),
        accuracy=field(table, "accuracy", float, path, REMEDY),
        fragments=tuple(_fragment(one, path) for one in profiles),
    )


def _fragment(table: Dict[str, Any], path: Path) -> FragmentProfile:
    profile = FragmentProfile(
        multiply_adds=field(table, "multiply_adds", int, path, REMEDY),
        input_bytes=field(table, "input_bytes", int, path, REMEDY),
        output_bytes=field(table, "output_bytes", int, path, REMEDY),
        ram_base_mb=field(table, "ram_base_mb", float, path, REMEDY),
        ram_per_image_kb=field(table, "ram_per_image_kb", float, path, REMEDY),
        weights_bytes=field(table, "weights_bytes", int, path, REMEDY),
    )
    negative = {name: value for name, value in vars(profile).items() if value < 0}
    if negative:
        raise DataFileError(f"{path} holds negative amounts {negative}; make it again with: {REMEDY}")
    return profile
