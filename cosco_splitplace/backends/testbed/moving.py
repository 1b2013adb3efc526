"""Links of a testbed that follow a mobility trace: bandwidth by `tc`, interval by interval.

Latency stays as it is: that takes the kernel's netem, which not every kernel has.
"""

from __future__ import annotations

from ...mobility.trace import MobilityTrace
from ...records import FloatArray
from .network import Network


class MovingLinks:
    """The links of `network`, nominally of `link_mb_s`, as `trace` says."""

    def __init__(self, network: Network, link_mb_s: float, trace: MobilityTrace) -> None:
        self._network = network
        self._link_mb_s = link_mb_s
        self._trace = trace

    def follow(self, interval: int) -> FloatArray:
        """Change the links to those of `interval`; their bandwidths in MB/s, (n_agents,)."""
        bandwidth: FloatArray = self._link_mb_s * self._trace.at(interval, self._network.workers)[1]
        for number, link_mb_s in enumerate(bandwidth.tolist()):
            self._network.shape(number, link_mb_s)
        return bandwidth

    def settle(self) -> None:
        """Give all links their nominal bandwidth back."""
        for number in range(self._network.workers):
            self._network.shape(number, self._link_mb_s)
