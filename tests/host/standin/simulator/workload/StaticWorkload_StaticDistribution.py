from simulator.container.DiskModels.DMConstant import DMConstant
from simulator.container.IPSModels.IPSMConstant import IPSMConstant
from simulator.container.RAMModels.RMConstant import RMConstant

from .Workload import Workload


class SWSD(Workload):
    def __init__(self, num_workloads):
        super().__init__()
        self.num_workloads = num_workloads

    def generateNewContainers(self, interval):
        for _ in range(self.num_workloads):
            models = IPSMConstant(1000, 1500, 2, interval + 3), RMConstant(100, 50, 20), DMConstant(0, 0, 0)
            self.createdContainers.append((self.creation_id, interval, *models))
            self.deployedContainers.append(False)
            self.creation_id += 1
        return self.getUndeployedContainers()
