from .Scheduler import *


class RandomScheduler(Scheduler):
    def selection(self):
        return []

    def placement(self, containerIDs):
        return self.RandomPlacement(containerIDs)
