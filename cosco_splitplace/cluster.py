"""The edge hosts: Table 3's machine types, as many of each as a cluster of N hosts needs, as arrays."""
from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from .config import CLOUD, ClusterSettings
from .datafiles import data_path, field, read_json
from .errors import ConfigurationError, DataFileError, unknown_name
from .records import FloatArray, IntArray

REMEDY = "reinstall cosco-splitplace (hosts.json is hand-written from Table 3), or mend your hosts_file"
POWER_POINTS = 11


@dataclass(frozen=True)
class Cluster:
    """The hosts and the broker.

    Arrays have shape (n_hosts,), ``power_w`` (n_hosts, 11): power at 0, 10, ... 100 % CPU utilisation in watts.
    ``mips`` is the whole host's (all cores), in million instructions a second; links are full duplex, ``link_mb_s``
    each way. The broker computes nothing; it has a link and a price.
    """

    host_types: Tuple[str, ...]
    cores: FloatArray
    mips: FloatArray
    ram_mb: FloatArray
    ping_s: FloatArray
    link_mb_s: FloatArray
    price_usd_h: FloatArray
    power_w: FloatArray
    broker_link_mb_s: float
    broker_ping_s: float

    @property
    def n_hosts(self) -> int:
        """Number of hosts, and the index that stands for the broker."""
        return len(self.host_types)

    def fragment_mips(self, fragment_cores: float) -> FloatArray:
        """The most that one fragment of `fragment_cores` cores gets of each host, (n_hosts,), in MIPS."""
        share: FloatArray = np.minimum(1.0, fragment_cores / self.cores)
        return self.mips * share


def load_cluster(settings: ClusterSettings) -> Cluster:
    """The cluster that `settings` describe, in the order of the file's types.

    A cluster of another size than the file's quantities add up to keeps their proportions (largest remainders).

    Raises
    ------
    DataFileError
        The hosts file is missing or damaged, or a number in it is impossible.
    """
    path, types, broker = _host_types(settings)
    counts = proportional_counts(np.array([_positive(one, "quantity", path) for one in types]), settings.hosts)
    return _of_types(settings, path, types, broker, np.repeat(np.arange(len(types)), counts))


def cluster_of(settings: ClusterSettings, type_names: Sequence[str]) -> Cluster:
    """Hosts of the named types, in this order.

    Parameters
    ----------
    settings : says which file describes the types.
    type_names : the type of each host.

    Raises
    ------
    UnknownNameError
        A type is not in the file.
    DataFileError
        As `load_cluster`.
    """
    path, types, broker = _host_types(settings)
    known = {field(one, "name", str, path, REMEDY): index for index, one in enumerate(types)}
    for name in type_names:
        if name not in known:
            raise unknown_name("host type", name, known)
    return _of_types(settings, path, types, broker, np.array([known[one] for one in type_names], dtype=np.int64))


def _host_types(settings: ClusterSettings) -> Tuple[Path, List[Dict[str, Any]], Dict[str, Any]]:
    """The hosts file, its types of workers, and its broker."""
    path = data_path(settings.hosts_file, "hosts.json")
    content = read_json(path, REMEDY)
    types: List[Dict[str, Any]] = field(content, "workers", list, path, REMEDY)
    if not types or not all(isinstance(one, dict) for one in types):
        raise DataFileError(f"{path}: 'workers' must list at least one host type; {REMEDY}")
    broker = field(content, "broker", dict, path, REMEDY)
    if settings.location == CLOUD:
        wide_area = {"name": "wide_area", **field(content, "wide_area", dict, path, REMEDY)}
        types = [_in_the_cloud(one, wide_area, path) for one in types]
        broker = _far_away(broker, wide_area, path)
    return path, types, broker


def _in_the_cloud(host: Dict[str, Any], wide_area: Dict[str, Any], path: Path) -> Dict[str, Any]:
    """The same machine with a data centre's memory."""
    return {**host, "ram_mb": _positive(host, "ram_mb", path) * _positive(wide_area, "ram_factor", path)}


def _far_away(broker: Dict[str, Any], wide_area: Dict[str, Any], path: Path) -> Dict[str, Any]:
    """The broker at the other end of a wide-area link: all that goes between it and the hosts crosses that link."""
    return {
        **broker,
        "link_mb_s": min(_positive(broker, "link_mb_s", path), _positive(wide_area, "link_mb_s", path)),
        "ping_ms": _positive(broker, "ping_ms", path) + _positive(wide_area, "rtt_ms", path),
    }


def _of_types(
    settings: ClusterSettings, path: Path, types: List[Dict[str, Any]], broker: Dict[str, Any], chosen: IntArray
) -> Cluster:
    """A host for each entry of `chosen`, (n_hosts,), indices into `types`; the settings' factors change it."""

    def column(key: str) -> FloatArray:
        values: FloatArray = np.array([_positive(one, key, path) for one in types])[chosen]
        return values

    return Cluster(
        host_types=tuple(field(types[index], "name", str, path, REMEDY) for index in chosen),
        cores=column("cores") * settings.compute_factor,
        mips=column("mips") * settings.compute_factor,
        ram_mb=column("ram_mb") * settings.memory_factor,
        ping_s=column("ping_ms") / 1e3,
        link_mb_s=column("link_mb_s") * settings.network_factor,
        price_usd_h=column("price_usd_h"),
        power_w=np.array([_power_curve(one, path) for one in types])[chosen],
        broker_link_mb_s=_positive(broker, "link_mb_s", path) * settings.network_factor,
        broker_ping_s=_positive(broker, "ping_ms", path) / 1e3,
    )


def proportional_counts(quantities: FloatArray, total: int) -> IntArray:
    """`total` split in proportion to `quantities` by largest remainders, ties to the first; (n_types,)."""
    exact = quantities * total / quantities.sum()
    counts: IntArray = np.floor(exact).astype(np.int64)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: total - counts.sum()]] += 1
    return counts


def _positive(table: Dict[str, Any], key: str, path: Path) -> float:
    value: float = field(table, key, float, path, REMEDY)
    if value <= 0:
        raise ConfigurationError(f"{path}: {key!r} of host type {table.get('name')!r} is {value}; it must be positive")
    return value


def _power_curve(table: Dict[str, Any], path: Path) -> List[float]:
    curve = field(table, "power_w", list, path, REMEDY)
    if len(curve) != POWER_POINTS or not all(isinstance(one, (int, float)) and 0 <= one < math.inf for one in curve):
        raise DataFileError(
            f"{path}: 'power_w' of host type {table.get('name')!r} must hold {POWER_POINTS} powers in watts; {REMEDY}"
        )
    return [float(one) for one in curve]
