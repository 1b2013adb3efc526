"""A real host as COSCO's Node."""
from __future__ import annotations

from framework.node.Node import Node

from .views import HostShown


class SplitPlaceNode(HostShown, Node):
    """Shows one host of the backend. COSCO's own mixes RAM in percent with RAM in MB; here both are MB."""

    def createHost(self) -> None:
        """There is no database to tell."""

    def updateUtilizationMetrics(self) -> None:
        """The backend asks the agents; see ``bridge/opcode_backend.py``."""
