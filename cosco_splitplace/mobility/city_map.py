"""What is drawn of a city: its streets, the road-side units, and where vehicles went in the first hour."""
from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict

import numpy as np

from ..datafiles import field
from ..errors import DataFileError
from ..records import FloatArray, IntArray

FORMAT = 1
REMEDY = "cosco-splitplace mobility make"
TRACK_STEP_S, TRACKED_S = 5, 3600


@dataclass(frozen=True)
class CityMap:
    """Places in m: of streets ``junctions_x`` (n,) and ``junctions_y`` (m,), ``units`` (n_units, 2), and
    ``tracks`` (n_steps, n_vehicles, 2), every TRACK_STEP_S; ``hosts`` (n_vehicles,) says whom each vehicle carries.
    """

    junctions_x: FloatArray
    junctions_y: FloatArray
    units: FloatArray
    hosts: IntArray
    tracks: FloatArray


def map_path(trace: Path) -> Path:
    """Where the map of the trace in file `trace` is."""
    return trace.with_name(trace.name.partition(".")[0] + ".map.json.gz")


def origin_path(trace: Path) -> Path:
    """Where it says how the trace in file `trace` was made."""
    return trace.with_name(trace.name.partition(".")[0] + ".origin.json")


def write_map(city: CityMap, path: Path) -> None:
    """Write a map, to whole metres; the same map gives the same bytes."""
    content: Dict[str, Any] = {
        "format": FORMAT,
        **{name: np.rint(values).astype(int).tolist() for name, values in vars(city).items()},
    }
    path.write_bytes(gzip.compress(json.dumps(content, separators=(",", ":")).encode(), mtime=0))


def read_map(path: Path) -> CityMap:
    """The map in `path`.

    Raises
    ------
    DataFileError
        The file is missing or damaged.
    """
    try:
        content = json.loads(gzip.decompress(path.read_bytes()))
        known = isinstance(content, dict) and content.get("format") == FORMAT
        arrays = {name: np.array(field(content, name, list, path, REMEDY), float) for name in CityMap.__annotations__}
    except FileNotFoundError:
        raise DataFileError(f"{path} is missing; make it again with: {REMEDY}") from None
    except (OSError, EOFError, ValueError, TypeError) as error:
        raise DataFileError(f"{path} is damaged ({error}); make it again with: {REMEDY}") from error
    dimensions = {"junctions_x": 1, "junctions_y": 1, "units": 2, "hosts": 1, "tracks": 3}
    fits = known and all(arrays[name].ndim == count for name, count in dimensions.items())
    if not fits or arrays["tracks"].shape[1:] != (len(arrays["hosts"]), 2) or arrays["units"].shape[1] != 2:
        raise DataFileError(f"{path} is not a map of format {FORMAT}; make it again with: {REMEDY}")
    return CityMap(**{**arrays, "hosts": arrays["hosts"].astype(np.int64)})
