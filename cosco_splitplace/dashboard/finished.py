"""Reads the row files of a result folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

import numpy as np
import pandas as pd

from ..cluster import cluster_of
from ..config import Settings
from ..errors import DataFileError, SplitPlaceError
from ..evaluation.files import read_json
from ..evaluation.result_folder import METRICS_FILE, SETTINGS_FILE
from ..live import CLUSTER_ARRAYS
from .tables import FRAGMENTS, HOST_COLUMNS, MOVES, TASKS, TEXTS, Columns, RunTables

_MEND = "repeat the run ('cosco-splitplace run --config FOLDER/settings.toml')"


def read_finished(folder: Path) -> RunTables:
    """The tables of a run whose result was written.

    Raises
    ------
    DataFileError
        A file is missing or damaged; the message names it.
    """
    metrics = read_json(folder / METRICS_FILE, _MEND)
    settings = Settings.from_toml(folder / SETTINGS_FILE)
    intervals = _numbers(folder / "intervals.csv")
    timing = folder / "timing.csv"
    if timing.is_file():
        intervals["scheduling_s"] = _numbers(timing)["scheduling_s"]
    hosts = _read(folder / "hosts.csv", ("interval", "host", "type", *HOST_COLUMNS, "ram_mb"))
    n_intervals = len(intervals["interval"])
    n_hosts = len(hosts) // n_intervals if n_intervals else 0
    if len(hosts) != n_intervals * n_hosts:
        raise DataFileError(f"{folder / 'hosts.csv'} has {len(hosts)} rows for {n_intervals} intervals; {_MEND}")
    types: List[str] = hosts["type"].astype(str).tolist()[:n_hosts]
    try:
        return RunTables(
            model=str(metrics["model"]),
            settings=settings.to_mapping(),
            tasks=_rows(folder / "tasks.csv", TASKS),
            fragments=_rows(folder / "fragments.csv", FRAGMENTS),
            moves=_rows(folder / "moves.csv", MOVES) if (folder / "moves.csv").is_file() else _no_rows(MOVES),
            intervals=intervals,
            hosts={name: hosts[name].to_numpy(float).reshape(n_intervals, n_hosts) for name in HOST_COLUMNS},
            host_types=types,
            cluster={"ram_mb": hosts["ram_mb"].tolist()[:n_hosts], **_cluster(settings, types)},
            data_sources=dict(metrics["data_sources"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataFileError(f"{folder} is damaged ({type(error).__name__}: {error}); {_MEND}") from error


def _cluster(settings: Settings, types: Sequence[str]) -> Mapping[str, Sequence[float]]:
    """What the hosts file says of these types, if it is still there and knows them."""
    try:
        cluster = cluster_of(settings.cluster, types)
    except SplitPlaceError:
        return {}
    return {name: getattr(cluster, name).tolist() for name in CLUSTER_ARRAYS if name != "ram_mb"}


def _read(path: Path, names: Sequence[str]) -> "pd.DataFrame":
    texts = {name: str for name in (*TEXTS, "type") if name in names}
    try:
        return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values={  # type: ignore[call-overload,no-any-return]
            name: [""] for name in names if name not in texts
        })
    except FileNotFoundError:
        raise DataFileError(f"{path} is missing; {_MEND}") from None
    except (OSError, ValueError) as error:
        raise DataFileError(f"{path} is damaged ({error}); {_MEND}") from error


def _rows(path: Path, names: Sequence[str]) -> Columns:
    frame = _read(path, names)
    found: Dict[str, Any] = {}
    for name in names:
        if name not in frame:
            raise DataFileError(f"{path} has no column {name!r}; {_MEND}")
        values = frame[name]
        if name not in TEXTS and values.dtype == object:  # True and False beside gaps
            values = values.map({"True": 1.0, "False": 0.0, True: 1.0, False: 0.0})
        found[name] = values.to_numpy(object if name in TEXTS else float)
    key = names[0]
    if names is not MOVES and not np.array_equal(found[key], np.arange(len(frame))):
        raise DataFileError(f"{path}: {key} must count from 0 in steps of 1; {_MEND}")
    return found


def _numbers(path: Path) -> Columns:
    frame = _read(path, ())
    return {str(name): pd.to_numeric(frame[name], errors="coerce").to_numpy(float) for name in frame.columns}


def _no_rows(names: Sequence[str]) -> Columns:
    return {name: np.zeros(0, dtype=object if name in TEXTS else float) for name in names}
