"""What a container asks for, as COSCO's IPS, RAM and disk models: a fragment's work and memory."""
from __future__ import annotations

from typing import Tuple

from simulator.container.DiskModels.DM import DM
from simulator.container.IPSModels.IPSM import IPSM
from simulator.container.RAMModels.RM import RM

from ..records import Fragment


class FragmentIPSModel(IPSM):
    """A fragment's work.

    Parameters
    ----------
    fragment : whose.
    deadline_interval : the task's absolute deadline, as COSCO's simulator counts.
    max_mips : the most that a fragment gets of any host.
    """

    def __init__(self, fragment: Fragment, deadline_interval: int, max_mips: float) -> None:
        super().__init__()
        self.fragment = fragment
        self.SLA = deadline_interval
        self.totalInstructions = fragment.work_mi
        self._max_mips = max_mips

    @property
    def completedInstructions(self) -> float:
        """MI that are done."""
        return float(self.totalInstructions - self.container.work_left_mi)

    def getIPS(self) -> float:
        """MIPS that would finish it within an interval."""
        return float(self.container.getBaseIPS())

    def getMaxIPS(self) -> float:
        """The most MIPS that it gets of any host."""
        return self._max_mips


class FragmentRAMModel(RM):
    """A fragment's peak memory, which it holds from placement to its end."""

    def __init__(self, fragment: Fragment) -> None:
        super().__init__()
        self._ram_mb = fragment.ram_mb

    def ram(self) -> Tuple[float, float, float]:
        """(MB, read, write); traffic is not modelled."""
        return self._ram_mb, 0.0, 0.0


class FragmentDiskModel(DM):
    """Disks are not modelled."""

    def disk(self) -> Tuple[float, float, float]:
        """(MB, read, write)."""
        return 0.0, 0.0, 0.0
