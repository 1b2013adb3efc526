"""Long work in parts that are kept: each unit's rows are a file as soon as it is done, and are not computed again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from joblib import Parallel, delayed

from ...errors import DataFileError, ResultExistsError, require
from ..files import read_json, write_json

Row = Dict[str, Any]
Progress = Callable[[str, int, int], None]
VERSION = 1


@dataclass(frozen=True)
class Unit:
    """A part of a study: ``function(**arguments)`` gives its rows; both must be importable by worker processes."""

    name: str
    function: Callable[..., List[Row]]
    arguments: Mapping[str, Any]  # plain JSON types: they are kept beside the rows

    def file(self, folder: Path) -> Path:
        """Where its rows are kept."""
        return folder / "units" / f"{self.name}.json"


def run_units(
    units: Sequence[Unit], folder: Path, jobs: int = 1, stage: str = "units", progress: Optional[Progress] = None
) -> List[Row]:
    """The rows of all `units`, in their order; those that `folder` has already are read, the others computed and kept.

    Parameters
    ----------
    jobs : worker processes, 1 or more; rows do not depend on it.
    progress : called with (stage, units done, units in all).

    Raises
    ------
    ResultExistsError
        `folder` holds a unit that was computed with other arguments.
    DataFileError
        A unit's file is damaged.
    """
    require(jobs >= 1, f"jobs is {jobs}; give at least 1 worker")
    kept = {one.name: _kept(one, folder) for one in units}
    pending = [one for one in units if kept[one.name] is None]
    (folder / "units").mkdir(exist_ok=True)
    tell = progress or (lambda *_: None)
    tell(stage, len(units) - len(pending), len(units))
    workers = Parallel(n_jobs=min(jobs, max(1, len(pending))), return_as="generator_unordered", batch_size=1)
    for done, one in enumerate(workers(delayed(_run)(one, folder) for one in pending), 1):
        kept[one.name] = _kept(one, folder)
        tell(stage, len(units) - len(pending) + done, len(units))
    return [row for one in units for row in kept[one.name] or []]


def _run(one: Unit, folder: Path) -> Unit:
    rows = one.function(**one.arguments)
    write_json(one.file(folder), {"version": VERSION, "arguments": one.arguments, "rows": rows})
    return one


def _kept(one: Unit, folder: Path) -> Optional[List[Row]]:
    path = one.file(folder)
    if not path.exists():
        return None
    mend = f"remove it and repeat the command with --resume {folder}"
    found = read_json(path, mend)
    if not isinstance(found, dict) or found.get("version") != VERSION or not isinstance(found.get("rows"), list):
        raise DataFileError(f"{path} is damaged; {mend}")
    if found.get("arguments") != dict(one.arguments):
        raise ResultExistsError(
            f"{path} was computed with {found.get('arguments')}, now asked: {dict(one.arguments)}; results are never "
            "overwritten; give another --out, or the options that the study began with"
        )
    rows: List[Row] = found["rows"]
    return rows
