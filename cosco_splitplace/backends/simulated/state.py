"""What the engine's kernel works on: structured arrays of fragments, hosts and stations."""
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...cluster import POWER_POINTS, Cluster

Rows = Any  # a structured array; numba knows its fields, mypy does not

# In order of id; amounts in MI and MB, times in seconds, NaN for what has not happened.
FRAGMENT = np.dtype(
    [
        ("phase", np.int64),
        ("purpose", np.int64),
        ("host", np.int64),
        ("source", np.int64),
        ("target", np.int64),
        ("is_last", np.bool_),
        ("transfer_mb", np.float64),
        ("work_left", np.float64),
        ("ram_mb", np.float64),
        ("output_mb", np.float64),
        ("placed", np.float64),
        ("started", np.float64),
        ("finished", np.float64),
        ("delivered", np.float64),
        ("migration_began", np.float64),
        ("migration_s", np.float64),
        ("migrations", np.int64),
        ("work_done", np.float64),
        ("received_mb", np.float64),
        ("station", np.int64),
        ("mark", np.float64),
        ("child", np.int64),
        ("sibling", np.int64),
        ("parent", np.int64),  # or the sibling before it
        ("remaining", np.float64),  # when it entered the station
        ("next", np.int64, (2,)),  # the next transfer on the same uplink, and on the same downlink
        ("before", np.int64, (2,)),  # the one before it
    ],
    align=True,
)
# The last one is the broker; what is done is counted since the last reading.
HOST = np.dtype(
    [
        ("mips", np.float64),
        ("fragment_mips", np.float64),
        ("ram_mb", np.float64),
        ("power_w", np.float64, (POWER_POINTS,)),
        ("link_mb_s", np.float64),
        ("latency_s", np.float64),
        ("ram_used_mb", np.float64),
        ("settled", np.float64),
        ("busy_s", np.float64),
        ("work_mi", np.float64),
        ("energy_j", np.float64),
        ("sent_mb", np.float64),
        ("received_mb", np.float64),
        ("first", np.int64, (2,)),  # of the transfers on its uplink, and on its downlink
    ]
)
# See kernel.
STATION = np.dtype(
    [
        ("sharers", np.int64),
        ("rate", np.float64),
        ("clock", np.float64),
        ("settled", np.float64),  # the time at which the clock was brought up to date
        ("root", np.int64),
        ("slowest_end", np.float64),  # of the broker's links: no host's link at the other end gives less than this
    ]
)


class State(NamedTuple):
    """Rows of FRAGMENT, HOST and STATION, the tournament of the stations, and a setting."""

    fragments: Rows
    hosts: Rows
    stations: Rows
    tournament: Any
    swap_penalty: float


def make_state(cluster: Cluster, fragment_cores: float, swap_penalty: float) -> State:
    """An idle cluster. The tournament's second half holds a time for each station, and the rest is the earlier of the
    two below each place."""
    stations = 3 * (cluster.n_hosts + 1) + 1
    return State(
        fragments=no_fragments(1024),
        hosts=_hosts(cluster, fragment_cores),
        stations=np.zeros(stations, STATION),
        tournament=np.full(2 << (stations - 1).bit_length(), np.inf),
        swap_penalty=swap_penalty,
    )


def with_room_for(state: State, fragments: int) -> State:
    """`state`, with at least so many rows of fragments."""
    rows = state.fragments
    if len(rows) >= fragments:
        return state
    more = no_fragments(max(fragments, 2 * len(rows)) - len(rows))
    return state._replace(fragments=np.concatenate([rows, more]))


def _hosts(cluster: Cluster, fragment_cores: float) -> Rows:
    hosts = np.zeros(cluster.n_hosts + 1, HOST)
    for column, values, brokers in (
        ("mips", cluster.mips, 1.0),
        ("fragment_mips", cluster.fragment_mips(fragment_cores), 1.0),
        ("ram_mb", cluster.ram_mb, np.inf),
        ("power_w", cluster.power_w, 0.0),
        ("link_mb_s", cluster.link_mb_s, cluster.broker_link_mb_s),
        ("latency_s", cluster.ping_s, cluster.broker_ping_s),
    ):
        hosts[column][:-1] = values
        hosts[column][-1] = brokers
    return hosts


def no_fragments(rows: int) -> Rows:
    """So many rows of fragments that were never started."""
    fragments = np.zeros(rows, FRAGMENT)
    for column in ("placed", "started", "finished", "delivered", "migration_began"):
        fragments[column] = np.nan
    return fragments
