"""Vehicles in a city: SUMO (Lopez et al., ITSC 2018) makes the streets, the trips, and each vehicle's place by second.

``netgenerate`` makes a grid of streets with traffic lights, ``randomTrips.py`` sends vehicles from one random street to
the next, and ``sumo`` writes floating car data. Those that carry hosts drive on to the end; others share the streets.
"""
from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Callable, List, Optional, Tuple

import numpy as np
import pandas as pd

from ..config import setting
from ..errors import ConfigurationError, SplitPlaceError, require
from ..records import FloatArray

EXTRA = "pip install 'cosco-splitplace[mobility]'"
WARM_UP_S = 300  # until traffic has spread; nothing of it is recorded
LEG_S = 80.0  # no leg of a trip takes less on average: a third of the city's width and height, at the speed limit
STEP_LOG_S = 1000
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CitySettings:
    """Streets and traffic."""

    columns: int = setting(6, "junctions from west to east (made up)")
    rows: int = setting(9, "junctions from south to north (made up)")
    block_x_m: float = setting(433.0, "from one junction to the next, west to east (3GPP TR 36.885: 433 m)")
    block_y_m: float = setting(250.0, "from one junction to the next, south to north (3GPP TR 36.885: 250 m)")
    lanes: int = setting(2, "lanes each way (3GPP TR 36.885: 2)")
    speed_m_s: float = setting(13.9, "speed limit (50 km/h in European cities)")
    others: int = setting(75, "vehicles that share the streets and carry no host (made up)")

    def __post_init__(self) -> None:
        for name, least, most in (("columns", 2, 100), ("rows", 2, 100), ("lanes", 1, 6), ("others", 0, 100_000)):
            require(
                least <= getattr(self, name) <= most,
                f"city.{name} is {getattr(self, name)}; give {least} to {most}",
            )
        for name in ("block_x_m", "block_y_m"):
            require(30 <= getattr(self, name), f"city.{name} is {getattr(self, name)}; give at least 30 m")
        require(0 < self.speed_m_s <= 60, f"city.speed_m_s is {self.speed_m_s}; give a number in (0, 60]")

    @property
    def junctions(self) -> Tuple[FloatArray, FloatArray]:
        """The junctions' x (n_columns,) and y (n_rows,) in m."""
        return self.block_x_m * np.arange(self.columns, dtype=float), self.block_y_m * np.arange(self.rows, dtype=float)


@dataclass(frozen=True)
class Programs:
    """Where SUMO is, and which."""

    home: Path
    version: str

    def binary(self, name: str) -> str:
        """The program called `name`."""
        return str(self.home / "bin" / name)


def find_sumo() -> Programs:
    """The SUMO of the extra.

    Raises
    ------
    ConfigurationError
        It is not installed; the message names the extra.
    """
    try:
        import sumo

        return Programs(Path(sumo.SUMO_HOME), metadata.version("eclipse-sumo"))
    except ImportError:
        raise ConfigurationError(
            f"SUMO, which drives the vehicles, is not installed; install the extra: {EXTRA} "
            "(or make a random-waypoint trace, which needs none: mobility make --model waypoint)"
        ) from None


def drive(
    programs: Programs, city: CitySettings, vehicles: int, seconds: int, seed: int, progress: Optional[Progress] = None
) -> FloatArray:
    """Where `vehicles` are in each of `seconds`, (seconds, vehicles, 2), in m from the south-west junction.

    Raises
    ------
    SplitPlaceError
        A program of SUMO failed; the message holds what it said.
    """
    with tempfile.TemporaryDirectory(prefix="cosco-splitplace-sumo-") as name:
        folder = Path(name)
        until = seconds + WARM_UP_S
        _do(programs, folder, [
            programs.binary("netgenerate"), "--grid", "--grid.x-number", city.columns, "--grid.y-number", city.rows,
            "--grid.x-length", city.block_x_m, "--grid.y-length", city.block_y_m,
            "--default.lanenumber", city.lanes, "--default.speed", city.speed_m_s,
            "--default-junction-type", "traffic_light", "--no-turnarounds", "--output-file", "city.net.xml",
        ])  # fmt: skip
        trips = []
        for prefix, count, number in (("host", vehicles, 0), ("other", city.others, 1)):
            if count:
                trips.append(f"{prefix}.trips.xml")
                _do(programs, folder, [
                    sys.executable, programs.home / "tools" / "randomTrips.py", "--net-file", "city.net.xml",
                    "--output-trip-file", trips[-1], "--prefix", prefix, "--begin", 0, "--end", count, "--period", 1,
                    "--intermediate", math.ceil(until / LEG_S), "--no-validate", "--seed", 2 * seed + number,
                ])  # fmt: skip
        _do(programs, folder, [
            programs.binary("sumo"), "--net-file", "city.net.xml", "--route-files", ",".join(trips),
            "--seed", seed, "--end", until, "--fcd-output", "places.csv", "--fcd-output.attributes", "x,y",
            "--device.fcd.begin", WARM_UP_S, "--precision", 1,
            "--device.fcd.explicit", ",".join(f"host{number}" for number in range(vehicles)),
            "--step-log.period", STEP_LOG_S, "--no-warnings",
        ], progress and (lambda second: progress(min(second, until), until)))  # fmt: skip
        return read_places(folder / "places.csv", vehicles, seconds)


def read_places(path: Path, vehicles: int, seconds: int) -> FloatArray:
    """The floating car data in SUMO's CSV file, (seconds, vehicles, 2).

    A vehicle that is not told of for a while (SUMO lifts those that have waited long out of a jam) stays where it was.
    """
    table = pd.read_csv(path, sep=";", dtype={"vehicle_id": "category"})
    found = np.full((seconds, vehicles, 2), np.nan)
    second = table["timestep_time"].to_numpy().astype(np.int64) - WARM_UP_S
    names = {f"host{number}": number for number in range(vehicles)}
    vehicle = table["vehicle_id"].map(names).to_numpy(dtype=np.int64)
    inside = (second >= 0) & (second < seconds)
    found[second[inside], vehicle[inside]] = table[["vehicle_x", "vehicle_y"]].to_numpy()[inside]
    flat = pd.DataFrame(found.reshape(seconds, -1)).ffill().bfill().to_numpy()
    require(bool(np.isfinite(flat).all()), f"SUMO moved fewer than {vehicles} vehicles", SplitPlaceError)
    return flat.reshape(seconds, vehicles, 2)


def _do(programs: Programs, folder: Path, words: List[Any], progress: Optional[Callable[[int], None]] = None) -> None:
    """Run a program of SUMO in `folder`; `progress` is told the simulated second."""
    command = [str(one) for one in words]
    process = subprocess.Popen(  # noqa: S603
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "SUMO_HOME": str(programs.home)},
    )  # fmt: skip
    said = b""
    try:
        while process.stdout is not None:
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                break
            said = (said + chunk)[-4000:]
            steps = re.findall(rb"Step #(\d+)", chunk)
            if steps and progress is not None:
                progress(int(steps[-1]))
    except BaseException:
        process.kill()
        raise
    finally:
        process.wait()
    if process.returncode:
        reason = said.decode(errors="replace").strip() or f"exit status {process.returncode}"
        raise SplitPlaceError(f"SUMO's {Path(command[0]).name} failed: {reason[-600:]}")
