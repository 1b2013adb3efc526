"""From a city with vehicles to a trace: SUMO moves them, the radio makes links of their places, intervals average."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

import numpy as np

from ..config import setting
from ..errors import require
from ..records import BoolArray, FloatArray
from .city_map import TRACK_STEP_S, TRACKED_S, CityMap
from .radio import Radio, RadioSettings
from .sumo import CitySettings, Programs, Progress, drive
from .trace import MobilityTrace


@dataclass(frozen=True)
class HostSettings:
    """Which hosts move, and the links that a trace's factors are of."""

    moving: float = setting(0.5, "share of the hosts that are on vehicles (the paper: some; as in the waypoint trace)")
    nominal_mb_s: float = setting(10.0, "a host's link without the air, in MB/s (paper, section 6.1: 10)")
    nominal_ms: float = setting(2.0, "a host's latency without the air (Table 3: 2 to 3 ms)")
    least_share: float = setting(0.01, "bandwidth share of an interval never falls below this (made up)")

    def __post_init__(self) -> None:
        require(0 < self.moving <= 1, f"host.moving is {self.moving}; give a share in (0, 1]")
        for name in ("nominal_mb_s", "nominal_ms"):
            require(getattr(self, name) > 0, f"host.{name} is {getattr(self, name)}; give a positive number")
        require(0 < self.least_share <= 1, f"host.least_share is {self.least_share}; give a share in (0, 1]")


def make_vehicle_trace(
    programs: Programs,
    hosts: int,
    intervals: int,
    interval_s: int,
    seed: int,
    city: CitySettings,
    radio: RadioSettings,
    host: HostSettings,
    progress: Optional[Progress] = None,
) -> Tuple[MobilityTrace, CityMap]:
    """A trace of `hosts`, of which some are on vehicles of SUMO; the others keep their nominal links.

    Parameters
    ----------
    programs : SUMO.
    interval_s : length of an interval in whole seconds.
    seed : of the trips, the traffic and the shadowing.
    progress : called with (seconds simulated, seconds in all).
    """
    require(hosts >= 1 and intervals >= 1, f"a trace of {hosts} hosts and {intervals} intervals is empty; give >= 1")
    require(interval_s >= 1, f"the length of an interval is {interval_s}; give whole seconds from 1")
    require(0 <= seed < 2**30, f"the seed is {seed}; give a whole number from 0 to 2^30 - 1")
    moving = moving_hosts(hosts, host.moving)
    require(bool(moving.any()), f"none of {hosts} hosts moves at host.moving = {host.moving}; give a larger share")
    units = unit_places(city, radio.units)
    places = drive(programs, city, int(moving.sum()), intervals * interval_s, seed, progress)
    air = Radio(units, int(moving.sum()), radio, np.random.default_rng(seed))
    share, factor = np.ones((intervals, hosts)), np.ones((intervals, hosts))
    for interval in range(intervals):
        bandwidth, latency, _ = air.links(places[interval * interval_s : (interval + 1) * interval_s])
        mean = np.minimum(bandwidth, host.nominal_mb_s).mean(axis=0) / host.nominal_mb_s
        share[interval, moving] = np.maximum(host.least_share, mean)
        factor[interval, moving] = 1 + latency.mean(axis=0) / host.nominal_ms
    streets_x, streets_y = city.junctions
    drawn = CityMap(streets_x, streets_y, units, np.flatnonzero(moving), places[:TRACKED_S:TRACK_STEP_S])
    return MobilityTrace(latency_factor=factor, bandwidth_share=share), drawn


def moving_hosts(hosts: int, share: float) -> BoolArray:
    """Which of `hosts` move, evenly spread; (n_hosts,)."""
    steps = np.floor(np.arange(hosts + 1) * share + 1e-9)
    moving: BoolArray = np.diff(steps) > 0
    return moving


def unit_places(city: CitySettings, units: int) -> FloatArray:
    """Junctions with a road-side unit, evenly spread in rows, each junction once; (n_units, 2) in m."""
    x, y = city.junctions
    require(
        units <= len(x) * len(y), f"radio.units is {units}, and the city has {len(x) * len(y)} junctions; give fewer"
    )
    free = np.array([(a, b) for b in y for a in x])
    found = []
    for row, count in enumerate(np.bincount(np.arange(units) % max(1, int(units**0.5)))):
        of_row = (row + 0.5) / max(1, int(units**0.5)) * y[-1]
        for column in range(count):
            wanted = np.array([(column + 0.5) / count * x[-1], of_row])
            nearest = int(np.argmin(np.linalg.norm(free - wanted, axis=1)))
            found.append(free[nearest])
            free = np.delete(free, nearest, axis=0)
    return np.array(found)
