"""How the hosts' latency and bandwidth change from interval to interval: a trace, and its file.

Two traces are shipped: "waypoint" (`waypoint.make_trace`), the one that the regimes are calibrated with, and "sumo"
(`sumo`), vehicles of a real traffic simulation.
"""
from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Dict

import numpy as np
import pandas as pd

from ..datafiles import DATA_DIR
from ..errors import DataFileError
from ..records import BoolArray, FloatArray

WAYPOINT, SUMO = "waypoint", "sumo"
SHIPPED = {WAYPOINT: "mobility-50.csv.gz", SUMO: "mobility-sumo-50.csv.gz"}
REMEDY = "cosco-splitplace mobility make"
COLUMNS = ["interval", "host", "latency_factor", "bandwidth_share"]



@dataclass(frozen=True)
class MobilityTrace:
    """Factors on the hosts' nominal links, (n_intervals, n_hosts) each: latency >= 1, bandwidth in (0, 1]."""

    latency_factor: FloatArray
    bandwidth_share: FloatArray

    def at(self, interval: int, n_hosts: int) -> "tuple[FloatArray, FloatArray]":
        """Latency factors and bandwidth shares of `n_hosts` hosts in `interval`, (n_hosts,) each.

        A run that is longer than the trace starts it again. Hosts past the trace's number follow its hosts with a
        head start of a third of the trace a round, so that no two of them move together.
        """
        length, width = self.bandwidth_share.shape
        hosts = np.arange(n_hosts)
        rows = (interval + (hosts // width) * (length // 3 + 1)) % length
        return self.latency_factor[rows, hosts % width], self.bandwidth_share[rows, hosts % width]

    @property
    def moving(self) -> BoolArray:
        """Which hosts' links change, (n_hosts,)."""
        changes: BoolArray = np.any(self.bandwidth_share < 1, axis=0)
        return changes

    def figures(self) -> Dict[str, float]:
        """The moving hosts' links in numbers: bandwidth shares and latency factors of their intervals."""
        moving = self.moving
        if not moving.any():
            return {"moving_hosts": 0}
        share = self.bandwidth_share[:, moving]
        low, middle, high = np.quantile(share, [0.05, 0.5, 0.95]).round(4).tolist()
        return {
            "moving_hosts": int(moving.sum()),
            "share_mean": round(float(share.mean()), 4),
            "share_low_5_percent": low,
            "share_median": middle,
            "share_high_5_percent": high,
            "latency_factor_mean": round(float(self.latency_factor[:, moving].mean()), 4),
        }


def write_trace(trace: MobilityTrace, path: Path) -> None:
    """Write a trace as CSV (gzip if the name ends in .gz); the same trace gives the same bytes."""
    intervals, hosts = trace.bandwidth_share.shape
    table = pd.DataFrame(
        {
            "interval": np.repeat(np.arange(intervals), hosts),
            "host": np.tile(np.arange(hosts), intervals),
            "latency_factor": trace.latency_factor.round(4).ravel(),
            "bandwidth_share": trace.bandwidth_share.round(4).ravel(),
        }
    )
    compression = {"method": "gzip", "mtime": 0} if path.name.endswith(".gz") else None
    table.to_csv(path, index=False, compression=compression)  # type: ignore[arg-type]


def trace_path(mobility_file: str = "") -> Path:
    """The file of the shipped trace that `mobility_file` names (empty: waypoint), or the user's file."""
    name = SHIPPED.get(mobility_file or WAYPOINT)
    return DATA_DIR / name if name else Path(mobility_file)


def read_trace(mobility_file: str = "") -> MobilityTrace:
    """The trace that `mobility_file` names; see `trace_path`.

    Raises
    ------
    DataFileError
        The file is missing, damaged, incomplete, or holds impossible factors.
    """
    path = trace_path(mobility_file)
    try:
        table = pd.read_csv(
            io.BytesIO(path.read_bytes()), compression="gzip" if path.name.endswith(".gz") else None, dtype=float
        )
    except FileNotFoundError:
        raise DataFileError(f"{path} is missing; make it again with: {REMEDY}") from None
    except (OSError, EOFError, ValueError) as error:
        raise DataFileError(f"{path} is damaged ({error}); make it again with: {REMEDY}") from error
    if list(table.columns) != COLUMNS:
        raise DataFileError(f"{path} has columns {list(table.columns)}, expected {COLUMNS}; make it with: {REMEDY}")
    rows = table.sort_values(["interval", "host"]).to_numpy(float)  # (n_intervals * n_hosts, 4)
    intervals, hosts = len(np.unique(rows[:, 0])), len(np.unique(rows[:, 1]))
    latency, share = rows[:, 2], rows[:, 3]
    complete = len(rows) > 0 and np.array_equal(rows[:, :2], np.indices((intervals, hosts)).reshape(2, -1).T)
    possible = np.isfinite(latency) & (latency >= 1) & (share > 0) & (share <= 1)
    if not (complete and possible.all()):
        raise DataFileError(
            f"{path} must hold one row for each interval and host, latency factors from 1 and bandwidth shares in "
            f"(0, 1]; make it again with: {REMEDY}"
        )
    return MobilityTrace(latency.reshape(intervals, hosts), share.reshape(intervals, hosts))
