"""The workload of section 6.2 as the Workload of COSCO's simulator."""
from __future__ import annotations

from simulator.workload.Workload import Workload

from ..records import Fragment
from .models import FragmentDiskModel, FragmentIPSModel, FragmentRAMModel
from .offers import FragmentOffers, Info


class SplitPlaceWorkload(FragmentOffers, Workload):
    """For a SplitPlaceSimulator; see `FragmentOffers`."""

    def containerInfo(self, fragment: Fragment) -> Info:
        """(CreationID, CreationInterval, IPSModel, RAMModel, DiskModel)."""
        task = self.taskOf(fragment)
        return (
            fragment.fragment_id,
            task.arrival_interval,
            FragmentIPSModel(fragment, task.arrival_interval + task.deadline_intervals, self.environment.max_mips),
            FragmentRAMModel(fragment),
            FragmentDiskModel(),
        )
