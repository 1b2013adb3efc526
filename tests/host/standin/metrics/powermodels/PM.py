class PM:
    def __init__(self):
        self.host = None
        self.powerlist = [100.0] * 11

    def allocHost(self, h):
        self.host = h

    def powerFromCPU(self, cpu):
        below = min(9, int(cpu // 10))
        share = cpu / 10 - below
        return self.powerlist[below] * (1 - share) + self.powerlist[below + 1] * share

    def power(self):
        return self.powerFromCPU(self.host.getCPU())
