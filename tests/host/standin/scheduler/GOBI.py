"""Like COSCO's in what it needs: a model for as many rows as hosts, a checkpoint, a table of past placements."""
import sys

sys.path.append("scheduler/BaGTI/")

from .BaGTI.train import *
from .Scheduler import *


class GOBIScheduler(Scheduler):
    def __init__(self, data_type):
        super().__init__()
        self.model = eval(data_type + "()")
        self.model, _, _, _ = load_model(data_type, self.model, data_type)
        self.data_type = data_type
        self.hosts = int(data_type.split("_")[-1])
        self.max_container_ips = largest_ips()

    def selection(self):
        return []

    def placement(self, containerIDs):
        hosts, slots = self.env.hostlist, self.env.containerlist
        state = np.zeros((self.hosts, 2 + self.hosts))
        state[:, 0] = [host.getCPU() / 100 for host in hosts]
        state[:, 1] = [one.getApparentIPS() / self.max_container_ips if one else 0 for one in slots]
        wanted = int(self.model(torch.tensor(state, dtype=torch.float)).argmax())
        return [(one.id, (one.id + wanted) % self.hosts) for one in slots if one and one.getHostID() == -1]
