"""A host of the engine as COSCO's Host."""
from __future__ import annotations

from simulator.host.Host import Host

from .views import HostShown


class SplitPlaceHost(HostShown, Host):
    """Shows one host of the engine."""
