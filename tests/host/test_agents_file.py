"""The file of agents' addresses."""
from __future__ import annotations

from pathlib import Path

import pytest

from cosco_splitplace.bridge.agents_file import REMEDY, read_agents
from cosco_splitplace.cluster import cluster_of
from cosco_splitplace.config import ClusterSettings
from cosco_splitplace.errors import SplitPlaceError, UnknownNameError

HOST = '[[hosts]]\naddress = "192.168.0.2"\ntype = "B2ms"\n'


def test_addresses_and_types(tmp_path: Path) -> None:
    file = tmp_path / "hosts.toml"
    file.write_text(HOST + '[[hosts]]\naddress = "edge-1.local:9000"\ntype = "E4asv4"\n')
    agents = read_agents("VLAN", file)
    assert (agents.addresses, agents.types) == (("192.168.0.2", "edge-1.local:9000"), ("B2ms", "E4asv4"))
    assert (agents.user, read_agents("Vagrant", file).user) == ("ansible", "vagrant")  # COSCO's
    cluster = cluster_of(ClusterSettings(), agents.types)
    assert (cluster.mips.tolist(), cluster.ram_mb.tolist()) == ([4029.0, 7962.0], [4295.0, 7962.0])  # Table 3
    with pytest.raises(UnknownNameError, match="unknown host type 'B9'; known: B2ms, B4ms, E2asv4, E4asv4"):
        cluster_of(ClusterSettings(), ["B9"])


BAD = {
    "no TOML": ("[[hosts", "can't be read"),
    "empty": ("", "lists no hosts"),
    "no hosts": ("[host]\n", "lists no hosts"),
    "hosts is a number": ("hosts = 3\n", "lists no hosts"),
    "hosts are numbers": ("hosts = [3]\n", "3 is not a host"),
    "no type": ('[[hosts]]\naddress = "192.168.0.2"\n', "is not a host"),
    "unknown key": (HOST + 'token = "x"\n', "is not a host"),
    "a number for an address": ('[[hosts]]\naddress = 3\ntype = "B2ms"\n', "is not a host"),
    "a URL": (HOST.replace("192.168.0.2", "http://192.168.0.2/x"), "is no address"),
    "a port beyond all": (HOST.replace("0.2", "0.2:70000"), "is no address"),
    "port 0": (HOST.replace("0.2", "0.2:0"), "is no address"),
    "an option": (HOST.replace("192.168.0.2", "-oProxyCommand=x"), "is no address"),
    "twice": (HOST + HOST, "192.168.0.2 is there more than once"),
    "public": (HOST.replace("192.168.0.2", "40.120.48.202:8081"), "40.120.48.202:8081 is a public address"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(tmp_path: Path, case: str) -> None:
    content, told = BAD[case]
    file = tmp_path / "hosts.toml"
    file.write_text(content)
    with pytest.raises(SplitPlaceError) as caught:
        read_agents("VLAN", file)
    assert str(file) in str(caught.value) and told in str(caught.value)


def test_no_file_at_all(tmp_path: Path) -> None:
    for path in (None, tmp_path / "none.toml"):
        with pytest.raises(SplitPlaceError) as caught:
            read_agents("VLAN", path)
        assert REMEDY in str(caught.value)


def test_a_file_of_coscos_is_not_taken(cosco_root: Path) -> None:
    with pytest.raises(SplitPlaceError, match="can't be read"):
        read_agents("VLAN", cosco_root / "framework" / "config" / "VLAN_config.json")
