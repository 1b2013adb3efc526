"""A host of the engine as COSCO's Host."""
from __future__ import annotations

from typing import Tuple

from simulator.host.Host import Host


class SplitPlaceHost(Host):
    """Shows one host: utilisation, memory and power are the engine's, not sums over containers."""

    def getPower(self) -> float:
        """Watts: now, while an interval is decided; the interval's mean, once it has ended."""
        return float(self.env.view.power_w[self.id])

    def getCPU(self) -> float:
        """Percent of the CPU that is used: now, or in the mean of the interval that has ended."""
        return 100.0 * float(self.env.view.cpu_share[self.id])

    def getApparentIPS(self) -> float:
        return float(self.ipsCap * self.env.view.cpu_share[self.id])

    def getIPSAvailable(self) -> float:
        return float(self.ipsCap - self.getApparentIPS())

    def getCurrentRAM(self) -> Tuple[float, float, float]:
        return float(self.env.view.ram_used_mb[self.id]), 0.0, 0.0

    def getRAMAvailable(self) -> Tuple[float, float, float]:
        """MB that placements may still take."""
        return float(self.env.free_ram_mb[self.id]), 0.0, 0.0

    def getCurrentDisk(self) -> Tuple[float, float, float]:
        """Disks are not modelled."""
        return 0.0, 0.0, 0.0
