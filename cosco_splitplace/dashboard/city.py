"""The map of a run's mobility trace, where one is beside the trace: streets, road-side units, where hosts were."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

import numpy as np

from ..mobility.city_map import TRACK_STEP_S, map_path, read_map
from ..mobility.trace import trace_path


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
    path = map_path(trace_path(cluster["mobility_file"]))
    if not cluster["mobility"] or not path.is_file():
        return None
    city = read_map(path)
    here = city.hosts < n_hosts
    intervals = int(len(city.tracks) * TRACK_STEP_S // interval_s)
    middles = ((np.arange(intervals) + 0.5) * interval_s / TRACK_STEP_S).astype(int)
    return {
        "streets_x_m": city.junctions_x.tolist(),
        "streets_y_m": city.junctions_y.tolist(),
        "units_m": city.units.tolist(),
        "hosts": city.hosts[here].tolist(),
        "positions_m": city.tracks[middles][:, here].tolist(),
    }
