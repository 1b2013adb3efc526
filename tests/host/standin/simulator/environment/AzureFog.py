from metrics.powermodels.PMConstant import PMConstant
from simulator.host.Bandwidth import Bandwidth
from simulator.host.Disk import Disk
from simulator.host.RAM import RAM


class AzureFog:
    def __init__(self, num_hosts):
        self.num_hosts = num_hosts

    def generateHosts(self):
        return [
            (4000, RAM(4000, 3000, 3000), Disk(30000, 2000, 2000), Bandwidth(5000, 5000), 0.003, PMConstant(100))
            for _ in range(self.num_hosts)
        ]
