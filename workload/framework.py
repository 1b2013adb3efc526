"""The workload of section 6.2 as the Workload of COSCO's framework."""
from __future__ import annotations

from framework.workload.Workload import Workload

from ..records import Fragment
from .offers import FragmentOffers, Info

IMAGE = "cosco-splitplace/{application}-{split}-{index}"


class SplitPlaceFrameworkWorkload(FragmentOffers, Workload):
    """For a SplitPlaceFramework; see `FragmentOffers`."""

    def containerInfo(self, fragment: Fragment) -> Info:
        """(CreationID, CreationInterval, SLA, Application): a deadline counts from the task's arrival, as COSCO's."""
        task = self.taskOf(fragment)
        return fragment.fragment_id, task.arrival_interval, task.deadline_intervals, self.image(fragment)

    def image(self, fragment: Fragment) -> str:
        """The image that an agent runs for the fragment."""
        application = self.taskOf(fragment).application.lower()  # Docker allows no capital letters
        return IMAGE.format(application=application, split=fragment.split, index=fragment.index)
