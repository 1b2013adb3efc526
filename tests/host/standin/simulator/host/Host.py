class Host:
    def __init__(self, ID, IPS, RAM, Disk, Bw, Latency, Powermodel, Environment):
        self.id, self.ipsCap, self.ramCap, self.diskCap, self.bwCap = ID, IPS, RAM, Disk, Bw
        self.latency, self.powermodel, self.env = Latency, Powermodel, Environment
        Powermodel.allocHost(self)

    def _containers(self):
        return [self.env.getContainerByID(one) for one in self.env.getContainersOfHost(self.id)]

    def getPower(self):
        return self.powermodel.power()

    def getPowerFromIPS(self, ips):
        return self.powermodel.powerFromCPU(min(100, 100 * ips / self.ipsCap))

    def getCPU(self):
        return 100 * self.getApparentIPS() / self.ipsCap

    def getBaseIPS(self):
        return sum(one.getBaseIPS() for one in self._containers())

    def getApparentIPS(self):
        return int(sum(one.getApparentIPS() for one in self._containers()))

    def getIPSAvailable(self):
        return self.ipsCap - self.getBaseIPS()

    def getCurrentRAM(self):
        return tuple(sum(one.getRAM()[i] for one in self._containers()) for i in range(3))

    def getRAMAvailable(self):
        size, read, write = self.getCurrentRAM()
        return self.ramCap.size - size, self.ramCap.read - read, self.ramCap.write - write

    def getCurrentDisk(self):
        return tuple(sum(one.getDisk()[i] for one in self._containers()) for i in range(3))

    def getDiskAvailable(self):
        size, read, write = self.getCurrentDisk()
        return self.diskCap.size - size, self.diskCap.read - read, self.diskCap.write - write
