"""What a host and a fragment show, whichever of COSCO's classes they wear."""
from __future__ import annotations

from typing import Any, Tuple

Triple = Tuple[float, float, float]


class HostShown:
    """Utilisation, memory and power are those of the environment's view, not sums over containers."""

    id: int
    ipsCap: float
    env: Any

    def getPower(self) -> float:
        """Watts: now, while an interval is decided; the interval's mean, once it has ended."""
        return float(self.env.view.power_w[self.id])

    def getCPU(self) -> float:
        """Percent of the CPU that is used: now, or in the mean of the interval that has ended."""
        return 100.0 * float(self.env.view.cpu_share[self.id])

    def getBaseIPS(self) -> float:
        """MIPS that would finish all its containers within an interval."""
        return float(sum(self.env.containerlist[one].getBaseIPS() for one in self.env.getContainersOfHost(self.id)))

    def getApparentIPS(self) -> float:
        """MIPS that are used."""
        return float(self.ipsCap * self.env.view.cpu_share[self.id])

    def getIPSAvailable(self) -> float:
        """MIPS that are not."""
        return float(self.ipsCap - self.getApparentIPS())

    def getCurrentRAM(self) -> Triple:
        """(MB, read, write) in use; traffic is not modelled."""
        return float(self.env.view.ram_used_mb[self.id]), 0.0, 0.0

    def getRAMAvailable(self) -> Triple:
        """MB that placements may still take."""
        return float(self.env.free_ram_mb[self.id]), 0.0, 0.0

    def getCurrentDisk(self) -> Triple:
        """Disks are not modelled."""
        return 0.0, 0.0, 0.0


class FragmentShown:
    """One fragment; nothing is executed here.

    ``id`` is its index in the container list, ``creationID`` the fragment's id, ``slot`` the index over all pages.
    The environment keeps ``hostid``, ``work_left_mi`` and ``movable`` up to date.
    """

    id: int
    hostid: int
    active: bool
    destroyAt: int
    env: Any

    def showFragment(self, fragment: Any) -> None:
        """Begin to show `fragment`."""
        self.fragment = fragment
        self.slot = self.id
        self.work_left_mi = float(fragment.work_mi)
        self.movable = False

    def getBaseIPS(self) -> float:
        """MIPS that would finish it within an interval, at most what it can use; 0 when it is complete."""
        return float(min(self.env.max_mips, self.work_left_mi / self.env.intervaltime))

    def getApparentIPS(self) -> float:
        """MIPS that it gets on its host now; without a host, the most that it could use."""
        if self.hostid == -1:
            return float(self.env.max_mips)
        return 0.0 if self.work_left_mi <= 0 else float(self.env.view.apparent_mips[self.hostid])

    def getRAM(self) -> Triple:
        """(MB, read, write); it holds its peak memory from placement to its end."""
        return float(self.fragment.ram_mb), 0.0, 0.0

    def getDisk(self) -> Triple:
        """Disks are not modelled."""
        return 0.0, 0.0, 0.0

    def getContainerSize(self) -> float:
        """MB that a migration moves."""
        return float(self.fragment.ram_mb)

    def finish(self, interval: int) -> None:
        """It has no work left; its host is free of it."""
        self.work_left_mi = 0.0
        self.destroyAt = interval
        self.active = False
