"""The map of a run's mobility trace, where one is beside the trace: streets, road-side units, where hosts were."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

import numpy as np

from ..datafiles import DATA_DIR
from ..errors import DataFileError

FORMAT = 1
STEP_S = 5  # between two places of a track
SHIPPED = {"sumo": DATA_DIR / "mobility-sumo-50.csv.gz"}


def city_of(settings: Mapping[str, Mapping[str, Any]], interval_s: float, n_hosts: int) -> Optional[Dict[str, Any]]:
    """Streets, units, the hosts that move, and where each was in the middle of every interval that was tracked.

    Parameters
    ----------
    settings : the run's.
    interval_s : length of an interval.
    n_hosts : hosts of the run; vehicles of others are left out.

    Returns
    -------
    None where the run's hosts do not move, or its trace has no map.

    Raises
    ------
    DataFileError
        The map is damaged.
    """
    cluster = settings["cluster"]
    given = str(cluster["mobility_file"])
    trace = SHIPPED.get(given, Path(given))
    path = trace.with_name(trace.name.partition(".")[0] + ".map.json.gz") if given else Path()
    if not cluster["mobility"] or not given or not path.is_file():
        return None
    try:
        content = json.loads(gzip.decompress(path.read_bytes()))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}, expected {FORMAT}")
        tracks = np.array(content["tracks"], dtype=float)  # (n_steps, n_vehicles, 2) in m
        hosts = np.array(content["hosts"], dtype=int)
        here = hosts < n_hosts
        middles = ((np.arange(len(tracks) * STEP_S // interval_s) + 0.5) * interval_s / STEP_S).astype(int)
        return {
            "streets_x_m": content["junctions_x"],
            "streets_y_m": content["junctions_y"],
            "units_m": content["units"],
            "hosts": hosts[here].tolist(),
            "positions_m": tracks[middles][:, here].tolist(),
        }
    except (OSError, EOFError, ValueError, TypeError, KeyError, IndexError) as error:
        raise DataFileError(f"{path} is damaged ({type(error).__name__}: {error})") from error
