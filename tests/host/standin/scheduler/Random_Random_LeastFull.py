from .Scheduler import *


class RLScheduler(Scheduler):
    def selection(self):
        return []

    def placement(self, containerIDs):
        return self.MaxFullPlacement(containerIDs)
