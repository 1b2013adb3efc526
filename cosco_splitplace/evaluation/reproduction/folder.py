"""The folder of reproduced experiments: one small file a run, kept as soon as it is done, and one table of all.

``runs/<hash>.json`` are what was measured; everything else is made from them and can be made again. ``results.parquet``
has one row a run and application: the run's hash and model, every setting (columns ``table.key``), every metric.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ... import __version__
from ...datafiles import DATA_DIR
from ...errors import DataFileError, ResultExistsError
from ...rewards.metrics import METRICS
from ..files import read_json, write_bytes, write_json
from ..measures import RunMeasures, read_measures, write_measures
from ..result_folder import WALL_CLOCK_METRIC
from ..sweep import Run

FORMAT = 1
ABOUT_FILE = "reproduction.json"
TABLE_FILE = "results.parquet"
_ABOUT_METRICS = [one.name for one in METRICS if one.name != WALL_CLOCK_METRIC]


@lru_cache(maxsize=1)
def data_digest() -> str:
    """A hash of everything that is shipped in ``data/``: networks, trained deciders and placers, worlds, traces."""
    digest = hashlib.sha256()
    for path in sorted(one for one in DATA_DIR.rglob("*") if one.is_file() and one.suffix != ".pyc"):
        digest.update(f"{path.relative_to(DATA_DIR).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _made_with() -> Dict[str, Any]:
    return {"format": FORMAT, "version": __version__, "data": data_digest()}


class ReproductionFolder:
    """What was measured, in a folder that was made by this version with the same data, or is made with the first run.

    Raises
    ------
    ResultExistsError
        The folder holds something else, or results of another version or other data: they would not be comparable.
    DataFileError
        Its description is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        about = self.path / ABOUT_FILE
        if about.is_file():
            found = read_json(about, "remove the folder, or give another --out")
            if found != _made_with():
                raise ResultExistsError(_of_another_version(self.path, found))
        elif self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise ResultExistsError(f"{self.path} exists and holds no reproduced experiments; give another --out")

    def _file(self, run: Run) -> Path:
        return self.path / "runs" / f"{run.content[:32]}.json"

    def kept(self, run: Run) -> Optional[RunMeasures]:
        """What was kept of the run, or None.

        Raises
        ------
        DataFileError
            Its file is damaged.
        """
        path = self._file(run)
        if not path.is_file():
            return None
        found = read_measures(path)
        if found.run.content != run.content:
            raise DataFileError(f"{path} is of another run; remove it and repeat the command")
        return found

    def _begin(self) -> None:
        (self.path / "runs").mkdir(parents=True, exist_ok=True)
        if not (self.path / ABOUT_FILE).is_file():
            write_json(self.path / ABOUT_FILE, _made_with())

    def keep(self, run: Run, measures: RunMeasures) -> RunMeasures:
        """Write what was measured, under its name in one step; returns it."""
        self._begin()
        write_measures(measures, self._file(run))
        return measures

    def write_table(self) -> Path:
        """Write ``results.parquet`` from all runs that are kept; the same runs give the same bytes."""
        self._begin()
        runs = [read_measures(path) for path in sorted((self.path / "runs").glob("*.json"))]
        write_table([row for one in runs for row in table_rows(one)], self.path / TABLE_FILE)
        return self.path / TABLE_FILE


def _of_another_version(path: Path, found: Any) -> str:
    known = found if isinstance(found, dict) else {}
    if known.get("format") == FORMAT and known.get("version") == __version__:
        what = "with other shipped data (networks, trained policies or worlds)"
    else:
        what = f"by version {known.get('version', '?')} (format {known.get('format', '?')})"
    return (
        f"{path} was made {what}; this is version {__version__} (format {FORMAT}), and results of both would not be "
        "comparable. It was left alone: give another --out, or remove it"
    )


def table_rows(measures: RunMeasures) -> List[Dict[str, Any]]:
    """The rows of a run in the table: one for all tasks, one an application."""
    settings = {
        f"{table}.{key}": ";".join(map(str, value)) if isinstance(value, list) else value
        for table, values in measures.run.settings.to_mapping().items()
        for key, value in values.items()
    }
    rows = []
    for row in measures.rows():
        about = {name: row[name] for name in ("content", "model", "seed", "application")}
        source = measures.data_sources.get(row["application"], "")
        rows.append({**about, "images": source, **settings, **{name: row[name] for name in _ABOUT_METRICS}})
    return rows


def write_table(rows: Sequence[Dict[str, Any]], path: Path) -> None:
    """Write rows as Parquet, under a temporary name first."""
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(pd.DataFrame(list(rows)), preserve_index=False), buffer, compression="zstd")
    write_bytes(path, buffer.getvalue().to_pybytes())


def read_table(path: Path) -> pd.DataFrame:
    """The table that `write_table` wrote.

    Raises
    ------
    DataFileError
        It is missing or damaged; the message says how it is made again, from runs that are kept.
    """
    mend = f"make it again, from the runs that are kept: cosco-splitplace reproduce table4 --out {path.parent}"
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except FileNotFoundError:
        raise DataFileError(f"{path} is missing; {mend}") from None
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DataFileError(f"{path} is damaged ({error}); {mend}") from error
