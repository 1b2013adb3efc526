"""The cluster of Table 3 as what COSCO calls a datacenter."""
from __future__ import annotations

from typing import Any, List, Sequence, Tuple

import numpy as np
from metrics.powermodels.PM import PM
from simulator.host.Bandwidth import Bandwidth
from simulator.host.Disk import Disk
from simulator.host.RAM import RAM

from ..cluster import Cluster


class CurvePower(PM):
    """Power by linear interpolation of a host's SPECpower curve."""

    def __init__(self, powers_w: Sequence[float]) -> None:
        super().__init__()
        self.powerlist = list(powers_w)

    def powerFromCPU(self, cpu: float) -> float:
        """Watts at `cpu` percent."""
        return float(np.interp(cpu, np.linspace(0.0, 100.0, len(self.powerlist)), self.powerlist))

    def power(self) -> float:
        """Watts now."""
        return self.powerFromCPU(self.host.getCPU())


class SplitPlaceDatacenter:
    """Makes the host tuples that ``SplitPlaceSimulator`` and ``SplitPlaceFramework`` are built from."""

    def __init__(self, cluster: Cluster) -> None:
        self.num_hosts = cluster.n_hosts
        self._cluster = cluster

    def generateNodes(self, addresses: Sequence[str]) -> List[Tuple[Any, ...]]:
        """(IP, IPS, RAM, Disk, Bandwidth, Powermodel) for each host, as COSCO's Framework takes them."""
        return [(address, *one[:4], one[5]) for address, one in zip(addresses, self.generateHosts())]

    def generateHosts(self) -> List[Tuple[Any, ...]]:
        """(IPS, RAM, Disk, Bandwidth, Latency, Powermodel) for each host; disks are not modelled."""
        one = self._cluster
        return [
            (
                float(one.mips[i]),
                RAM(float(one.ram_mb[i]), 0.0, 0.0),
                Disk(0.0, 0.0, 0.0),
                Bandwidth(float(one.link_mb_s[i]), float(one.link_mb_s[i])),
                float(one.ping_s[i]),
                CurvePower(one.power_w[i].tolist()),
            )
            for i in range(one.n_hosts)
        ]
