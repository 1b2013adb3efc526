"""Which agents there are, and how one talks to them: a TOML file.

::

    token_file = "token"          # beside this file, or a whole path; only its owner may read it
    types_file = "hosts.json"     # host types; left out: those of cluster.hosts_file, by default Table 3's
    ca = "ca.pem"                 # only with TLS: who signed the agents' certificates
    certificate = "broker.pem"    # only with mutual TLS
    key = "broker.key"
    influxdb = "http://127.0.0.1:8086/cosco"   # only inside COSCO: where its measurements go

    [[hosts]]
    address = "192.168.0.2:8082"
    type = "B2ms"
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Tuple

from ...agent.client import Credentials
from ...agent.serving import read_token
from ...config import read_toml
from ...errors import ConfigurationError, require

TOP = {"token_file", "types_file", "ca", "certificate", "key", "influxdb", "hosts"}
EXAMPLE = 'token_file = "token" and, for each host, [[hosts]] address = "192.168.0.2:8082" type = "B2ms"'
_ADDRESS = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:]+\]):\d{1,5}", re.ASCII)


@dataclass(frozen=True)
class HostsFile:
    """The agents of a testbed: their addresses, the types of their hosts, and what they ask for."""

    path: Path
    addresses: Tuple[str, ...]
    types: Tuple[str, ...]
    types_file: str
    credentials: Credentials
    tls: bool
    influxdb: str = ""

    @property
    def urls(self) -> Tuple[str, ...]:
        """Of the agents."""
        return tuple(f"{'https' if self.tls else 'http'}://{one}" for one in self.addresses)


def is_hosts_file(path: Path) -> bool:
    """Does the file name a token, so that its agents are ours?"""
    return "token_file" in read_toml(path)


def read_hosts_file(path: Path) -> HostsFile:
    """The agents that `path` lists.

    Raises
    ------
    ConfigurationError
        It is missing or damaged, a key is unknown, an address is none or is there twice, or the token can't be read.
    """
    content = read_toml(path)
    unknown = sorted(set(content) - TOP)
    require(not unknown, f"{path}: unknown {', '.join(unknown)}; known: {', '.join(sorted(TOP))}")
    hosts = content.get("hosts")
    if not isinstance(hosts, list) or not hosts:
        raise ConfigurationError(f"{path} lists no hosts; give {EXAMPLE}")
    for one in hosts:
        good = (
            isinstance(one, dict) and set(one) == {"address", "type"} and all(isinstance(v, str) for v in one.values())
        )
        require(good, f"{path}: {one!r} is not a host; give {EXAMPLE}")
        require(bool(_ADDRESS.fullmatch(one["address"])), f"{path}: {one['address']!r} is no address; give HOST:PORT")
    addresses = tuple(one["address"] for one in hosts)
    twice = sorted({one for one in addresses if addresses.count(one) > 1})
    require(not twice, f"{path}: {', '.join(twice)} is there more than once; each host has one agent")
    files = {key: _beside(path, content, key) for key in ("token_file", "types_file", "ca", "certificate", "key")}
    require(bool(files["token_file"]), f"{path} names no token_file; give {EXAMPLE}")
    require(bool(files["certificate"]) == bool(files["key"]), f"{path}: certificate and key come together")
    certificate = (files["certificate"], files["key"]) if files["key"] else None
    return HostsFile(
        path=path,
        addresses=addresses,
        types=tuple(one["type"] for one in hosts),
        types_file=files["types_file"],
        credentials=Credentials(read_token(Path(files["token_file"])), files["ca"] or None, certificate),
        tls=bool(files["ca"]),
        influxdb=str(content.get("influxdb", "")),
    )


def _beside(path: Path, content: Dict[str, Any], key: str) -> str:
    """The file that `key` names, relative to the hosts file; "" where it names none."""
    name = content.get(key, "")
    require(isinstance(name, str), f"{path}: {key} is {name!r}; give the name of a file")
    return str(path.parent / name) if name else ""
