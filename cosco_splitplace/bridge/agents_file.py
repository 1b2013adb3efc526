"""Which agents there are: a TOML file of addresses and host types, named by the user.

::

    [[hosts]]
    address = "192.168.0.2"   # "host" or "host:port"
    type = "B2ms"             # a type of cluster.hosts_file, by default Table 3's

COSCO's own ``framework/config/VLAN_config.json`` is not read: it holds the public machines of COSCO's authors, and
neither memory nor price of any. A file that names a token lists agents of ours (``backends/testbed/hosts_file.py``).
"""
from __future__ import annotations

import ipaddress
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

from ..backends.testbed.hosts_file import HostsFile, is_hosts_file, read_hosts_file
from ..errors import ConfigurationError, DataFileError, require, unknown_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENVIRONMENTS = ("AWS", "Azure", "Openstack", "VLAN", "Vagrant")  # what COSCO's -e may be
KEYS = {"address", "type"}
REMEDY = (
    'give --hosts-file FILE with a table a host: [[hosts]] address = "192.168.0.2" (or "host:port") and type = "B2ms" '
    "(a host type of Table 3, or of cluster.hosts_file)"
)
_ADDRESS = re.compile(r"([A-Za-z0-9][A-Za-z0-9.-]*)(?::(\d{1,5}))?")
LARGEST_PORT = 65535


@dataclass(frozen=True)
class Agents:
    """Where a run's agents are.

    environment : what COSCO's ``-e`` says.
    addresses, types : of each host, "host" or "host:port", and a type of the cluster's hosts file.
    testbed : the file, if it names a token: its agents are ours and are driven by their own API, not by opcodes.
    """

    environment: str
    addresses: Tuple[str, ...]
    types: Tuple[str, ...]
    testbed: Optional[HostsFile] = None

    @property
    def user(self) -> str:
        """Whom COSCO's agents copy checkpoints as."""
        return "vagrant" if self.environment == "Vagrant" else "ansible"


def read_agents(environment: str, path: Optional[Path]) -> Agents:
    """The agents that `path` lists.

    Raises
    ------
    ConfigurationError
        COSCO has no such environment, or an address is none, is named twice or is public.
    DataFileError
        There is no such file, or it is damaged.
    """
    if environment not in ENVIRONMENTS:
        raise unknown_name("environment", environment, ENVIRONMENTS)
    if path is None:
        raise ConfigurationError(f"-e {environment} runs on real hosts and needs their agents' addresses: {REMEDY}")
    if path.exists() and is_hosts_file(path):
        hosts = read_hosts_file(path)
        return Agents(environment, hosts.addresses, hosts.types, hosts)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("hosts")
    except FileNotFoundError:
        raise DataFileError(f"there is no hosts file {str(path)!r}; {REMEDY}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataFileError(f"{path} can't be read ({error}); {REMEDY}") from None
    if not isinstance(tables, list) or not tables:
        raise DataFileError(f"{path} lists no hosts; {REMEDY}")
    for one in tables:
        if not isinstance(one, dict) or set(one) != KEYS or not all(isinstance(value, str) for value in one.values()):
            raise DataFileError(f"{path}: {one!r} is not a host; {REMEDY}")
    addresses = tuple(one["address"] for one in tables)
    for address in addresses:
        _check(address, path)
    twice = sorted({one for one in addresses if addresses.count(one) > 1})
    require(not twice, f"{path}: {', '.join(twice)} is there more than once; each host has one agent")
    return Agents(environment, addresses, tuple(one["type"] for one in tables))


def _check(address: str, path: Path) -> None:
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found[2] or 1) <= LARGEST_PORT:
        raise ConfigurationError(f"{path}: {address!r} is no address; give a name or an IPv4 address, and :port if any")
    try:
        public = ipaddress.ip_address(found[1]).is_global
    except ValueError:
        return  # a name
    require(
        not public,
        f"{path}: {address} is a public address; COSCO's opcodes carry no authentication, so that agents are driven in "
        "private networks only: give their private addresses, if need be through a VPN",
    )
