from .IPSM import IPSM


class IPSMConstant(IPSM):
    def __init__(self, constant_ips, max_ips, duration, SLA):
        super().__init__()
        self.constant_ips, self.max_ips, self.duration, self.SLA = constant_ips, max_ips, duration, SLA
        self.completedInstructions = 0
        self.totalInstructions = 0

    def getIPS(self):
        self.totalInstructions = self.constant_ips * self.duration * self.container.env.intervaltime
        return self.constant_ips if self.completedInstructions < self.totalInstructions else 0

    def getMaxIPS(self):
        return self.max_ips
