"""What is only simulated is refused on real hosts, by name, before anything is asked of them."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cosco_splitplace.agent.client import Credentials
from cosco_splitplace.backends.testbed.hosts_file import HostsFile
from cosco_splitplace.backends.testbed.running import settings_on_hosts
from cosco_splitplace.config import Settings
from cosco_splitplace.errors import ConfigurationError

HOSTS = HostsFile(Path("hosts.toml"), ("127.0.0.1:1",), ("B2ms",), "", Credentials("x" * 32, None, None), False)


@pytest.mark.parametrize(
    ("table", "changes"),
    [("cluster", {"location": "cloud"}), ("churn", {"stay_intervals": 9.5}), ("run", {"decider": "unsplit"})],
)
def test_what_is_simulated_only(table: str, changes: Any) -> None:
    assert settings_on_hosts(Settings(), HOSTS).cluster.hosts == 1
    with pytest.raises(ConfigurationError, match=rf"{next(iter(changes.values()))}.* is simulated only; leave it out"):
        settings_on_hosts(Settings().replace(**{table: changes}), HOSTS)
