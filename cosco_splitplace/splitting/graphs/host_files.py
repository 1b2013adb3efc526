"""The hosts that a split is made for: a testbed's ``hosts.toml``, or a file of host types as ``data/hosts.json``."""

from __future__ import annotations

from pathlib import Path

from ...backends.testbed.hosts_file import read_hosts_file
from ...cluster import Cluster, cluster_of, load_cluster
from ...config import ClusterSettings
from ...datafiles import field, read_json

__all__ = ["read_hosts"]

_REMEDY = "copy cosco_splitplace/data/hosts.json and write your own hosts into it"


def read_hosts(path: Path) -> Cluster:
    """The hosts in `path`.

    A ``.toml`` file lists agents by address and type (``backends/testbed/hosts_file``); any other is JSON with host
    types and their ``quantity``, as the shipped ``hosts.json``.

    Raises
    ------
    ConfigurationError, DataFileError
        It is missing or damaged, or a number in it is impossible.
    """
    if path.suffix == ".toml":
        listed = read_hosts_file(path)
        return cluster_of(ClusterSettings(hosts_file=listed.types_file), listed.types)
    types = field(read_json(path, _REMEDY), "workers", list, path, _REMEDY)
    count = int(sum(field(one, "quantity", float, path, _REMEDY) for one in types))
    return load_cluster(ClusterSettings(hosts_file=str(path), hosts=count))
