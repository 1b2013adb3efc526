from .Scheduler import *


class RFScheduler(Scheduler):
    def selection(self):
        return []

    def placement(self, containerIDs):
        return self.FirstFitPlacement(containerIDs)
