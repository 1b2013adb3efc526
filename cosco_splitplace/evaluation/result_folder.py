"""The folder of one run's results: made once, never overwritten, read back when runs are compared.

The same settings and seed give the same bytes in every file but ``timing.*`` (wall clock) and ``versions.json``.
"""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from ..errors import DataFileError, ResultExistsError
from ..live import LIVE_FILE
from ..records import RunResult
from ..rewards.metrics import METRICS
from . import rows
from .applications import application_summaries
from .files import read_json, strict, write_csv, write_json, write_rows, write_text
from .versions import versions

FORMAT_VERSION = 1
SETTINGS_FILE = "settings.toml"
METRICS_FILE = "metrics.json"
TIMING_FILE = "timing.json"
WALL_CLOCK_METRIC = "scheduling_s"
_MEND = (
    "remove the folder and repeat its run ('cosco-splitplace run --config FOLDER/settings.toml' or 'compare --resume')"
)


@dataclass(frozen=True)
class RunMetrics:
    """What is read back of a run: every metric by name (NaN where it has no value), by application too."""

    model: str
    seed: int
    intervals_done: int
    complete: bool
    data_sources: Mapping[str, str]
    metrics: Mapping[str, float]
    applications: Mapping[str, Mapping[str, Any]]


def new_result_folder(out: Optional[Path], stem: str, parent: Path = Path("results")) -> Path:
    """Make the folder for a new result.

    Parameters
    ----------
    out : the folder that the user asked for; None takes the first free ``parent/stem-001``, ``-002``, ...
    stem : what the result is of ("run", "compare").
    parent : where numbered folders go.

    Raises
    ------
    ResultExistsError
        `out` exists already.
    """
    if out is not None:
        return _explicit_folder(Path(out))
    parent.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        folder = parent / f"{stem}-{number:03d}"
        try:
            folder.mkdir()  # fails if somebody else made it meanwhile
        except FileExistsError:
            continue
        return folder
    raise AssertionError("unreachable: itertools.count has no end")


@contextmanager
def result_folder(out: Optional[Path], stem: str, parent: Path = Path("results")) -> Iterator[Path]:
    """`new_result_folder`, for a time: if that ends in an exception before anything was written, no folder is left."""
    place = parent if out is None else Path(out).parent
    made = [one for one in (place, *place.parents) if not one.exists()]
    folder = new_result_folder(out, stem, parent)
    try:
        yield folder
    except BaseException:
        for one in (folder, *made):
            if any(one.iterdir()):
                break
            one.rmdir()
        raise


def _explicit_folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True)
    except (FileExistsError, NotADirectoryError):
        raise ResultExistsError(
            f"{out} exists already and results are never overwritten; give another --out, "
            "or go on with an interrupted one by --resume"
        ) from None
    return out


def write_result(result: RunResult, folder: Path) -> None:
    """Write all of a run's data into `folder`; plots and report are written on their own."""
    write_text(folder / SETTINGS_FILE, result.settings.to_toml())
    write_rows(folder, "tasks", rows.TASK_COLUMNS, rows.task_rows(result))
    intervals = rows.interval_rows(result.intervals, result.hosts)
    write_rows(folder, "intervals", rows.interval_columns(result.intervals), intervals)
    write_rows(
        folder, "hosts", rows.HOST_COLUMNS, rows.host_rows(result.hosts, result.settings.run.interval_s)
    )
    write_rows(folder, "fragments", rows.FRAGMENT_COLUMNS, rows.fragment_rows(result.fragments))
    write_rows(folder, "moves", rows.MOVE_COLUMNS, rows.move_rows(result.moves))
    _write_timing(result, folder)
    write_json(folder / "versions.json", versions())
    write_json(folder / METRICS_FILE, metrics_document(result))  # last: a folder that has it is whole
    (folder / LIVE_FILE).unlink(missing_ok=True)  # which held parts of it


def metrics_document(result: RunResult) -> Dict[str, Any]:
    """What ``metrics.json`` holds: every metric but the wall-clock one, NaN as null."""
    document: Dict[str, Any] = strict(
        {
            "version": FORMAT_VERSION,
            "model": result.model,
            "seed": result.settings.run.seed,
            "intervals_done": result.intervals_done,
            "complete": result.complete,
            "intervals": result.settings.run.intervals,
            "data_sources": dict(result.data_sources),
            "metrics": {
                one.name: result.metrics[one.name] for one in METRICS if one.name != WALL_CLOCK_METRIC
            },
            "applications": {one.application: one.as_row() for one in application_summaries(result)},
        }
    )
    return document


def _write_timing(result: RunResult, folder: Path) -> None:
    write_json(folder / TIMING_FILE, {WALL_CLOCK_METRIC: result.metrics[WALL_CLOCK_METRIC]})
    seconds = [{"interval": one.interval, WALL_CLOCK_METRIC: one.scheduling_s} for one in result.intervals]
    write_csv(folder / "timing.csv", ("interval", WALL_CLOCK_METRIC), seconds)


def read_metrics(folder: Path) -> RunMetrics:
    """Read back the metrics of the run in `folder`, the wall-clock one included.

    Raises
    ------
    DataFileError
        A file is missing, damaged or of another version.
    """
    path = folder / METRICS_FILE
    document = read_json(path, _MEND)
    if not isinstance(document, dict) or document.get("version") != FORMAT_VERSION:
        raise DataFileError(f"{path} is not a metrics file of version {FORMAT_VERSION}; {_MEND}")
    wanted = tuple(one.name for one in METRICS if one.name != WALL_CLOCK_METRIC)
    timing = read_json(folder / TIMING_FILE, _MEND)
    try:
        return RunMetrics(
            model=str(document["model"]),
            seed=int(document["seed"]),
            intervals_done=int(document["intervals_done"]),
            complete=bool(document["complete"]),
            data_sources=dict(document["data_sources"]),
            metrics={**_numbers(document["metrics"], wanted), **_numbers(timing, (WALL_CLOCK_METRIC,))},
            applications={name: dict(values) for name, values in document["applications"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataFileError(f"{path} is damaged ({type(error).__name__}: {error}); {_MEND}") from error


def _numbers(values: Mapping[str, Any], names: Tuple[str, ...]) -> Dict[str, float]:
    found: List[Tuple[str, float]] = []
    for name in names:
        value = values[name]
        found.append((name, float("nan") if value is None else float(value)))
    return dict(found)
