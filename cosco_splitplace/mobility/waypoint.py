"""Random-waypoint mobility: hosts on vehicles move between random points of a city and talk to the nearest of some
road-side units; the farther away, the slower the link. All constants are our own choice.
"""
from __future__ import annotations

import numpy as np

from ..errors import require
from .trace import MobilityTrace

CITY_M = 4_000.0
ROAD_SIDE_UNITS = 2  # in each direction: a 2 x 2 grid
SPEED_M_S = (1.0, 6.0)  # city traffic, stops included
HALF_RATE_M = 500.0  # at this distance the link has half its bandwidth
LOWEST_SHARE = 0.2
STEP_S = 10.0


def make_trace(hosts: int, intervals: int, seed: int, interval_s: float = 300.0) -> MobilityTrace:
    """A random-waypoint trace; every second host is on a vehicle, the others are fixed (paper: "some")."""
    require(hosts >= 1 and intervals >= 1, f"a trace of {hosts} hosts and {intervals} intervals is empty; give >= 1")
    draw = np.random.default_rng(seed)
    steps = max(1, round(interval_s / STEP_S))
    moving = np.arange(hosts) % 2 == 1
    units = (np.arange(ROAD_SIDE_UNITS) + 0.5) * CITY_M / ROAD_SIDE_UNITS
    position = draw.uniform(0, CITY_M, (hosts, 2))
    goal = draw.uniform(0, CITY_M, (hosts, 2))
    speed = draw.uniform(*SPEED_M_S, hosts)
    share = np.ones((intervals, hosts))
    for interval in range(intervals):
        total = np.zeros(hosts)
        for _ in range(steps):
            way = goal - position
            distance = np.linalg.norm(way, axis=1)
            reach = speed * STEP_S
            there = distance <= reach
            position += way * np.minimum(1.0, reach / np.maximum(distance, 1e-9))[:, None]
            goal[there] = draw.uniform(0, CITY_M, (int(there.sum()), 2))
            nearest = np.sqrt((np.abs(position[:, :, None] - units).min(axis=2) ** 2).sum(axis=1))
            total += np.maximum(LOWEST_SHARE, 1 / (1 + (nearest / HALF_RATE_M) ** 2))
        share[interval, moving] = (total / steps)[moving]
    return MobilityTrace(latency_factor=1 / share, bandwidth_share=share)
