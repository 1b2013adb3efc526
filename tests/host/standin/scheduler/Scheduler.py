import numpy as np
from utils.MathConstants import *
from utils.MathUtils import *


class Scheduler:
    def __init__(self):
        self.env = None

    def setEnvironment(self, env):
        self.env = env

    def selection(self):
        pass

    def placement(self, containerlist):
        pass

    def filter_placement(self, decision):
        return [(one, host) for one, host in decision if self.env.getContainerByID(one).getHostID() != host]

    def getMigrationFromHost(self, hostID, decision):
        return [one for one, _ in decision if self.env.getContainerByID(one).getHostID() == hostID]

    def getMigrationToHost(self, hostID, decision):
        return [one for one, host in decision if host == hostID]

    def RandomPlacement(self, containerIDs):
        return [(one, np.random.randint(0, len(self.env.hostlist))) for one in containerIDs]

    def FirstFitPlacement(self, containerIDs):
        hosts = range(len(self.env.hostlist))
        first = [(one, next((h for h in hosts if self.env.getPlacementPossible(one, h)), None)) for one in containerIDs]
        return [(one, host) for one, host in first if host is not None]

    def MaxFullPlacement(self, containerIDs):
        """Broken as COSCO's is: the name is defined nowhere."""
        return [(one, leastFullHost) for one in containerIDs]
