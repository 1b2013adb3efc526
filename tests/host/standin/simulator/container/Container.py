class Container:
    def __init__(self, ID, creationID, creationInterval, IPSModel, RAMModel, DiskModel, Environment, HostID=-1):
        self.id, self.creationID, self.createAt, self.hostid = ID, creationID, creationInterval, HostID
        self.env, self.startAt = Environment, Environment.interval
        self.ipsmodel, self.rammodel, self.diskmodel = IPSModel, RAMModel, DiskModel
        for model in (IPSModel, RAMModel, DiskModel):
            model.allocContainer(self)
        self.sla = IPSModel.SLA
        self.totalExecTime = self.totalMigrationTime = self.lastContainerSize = 0
        self.active, self.destroyAt = True, -1

    def getBaseIPS(self):
        return self.ipsmodel.getIPS()

    def getApparentIPS(self):
        if self.hostid == -1:
            return self.ipsmodel.getMaxIPS()
        host = self.getHost()
        share = (host.ipsCap - host.getBaseIPS()) / len(self.env.getContainersOfHost(self.hostid))
        return max(0, min(self.ipsmodel.getMaxIPS(), self.getBaseIPS() + share)) if share >= 0 else 0

    def getRAM(self):
        self.lastContainerSize = self.rammodel.ram()[0]
        return self.rammodel.ram()

    def getDisk(self):
        return self.diskmodel.disk()

    def getContainerSize(self):
        return self.lastContainerSize or self.getRAM()[0]

    def getHostID(self):
        return self.hostid

    def getHost(self):
        return self.env.getHostByID(self.hostid)

    def allocate(self, hostID, allocBw):
        seconds = 0 if hostID == self.hostid else self.getContainerSize() / allocBw
        self.hostid = hostID
        return seconds

    def execute(self, lastMigrationTime):
        assert self.hostid != -1
        self.totalMigrationTime += lastMigrationTime
        speed, model = self.getApparentIPS(), self.ipsmodel
        left = (model.totalInstructions - model.completedInstructions) / speed if speed else 0
        seconds = min(self.env.intervaltime - lastMigrationTime, left)
        self.totalExecTime += seconds
        model.completedInstructions += speed * seconds

    def allocateAndExecute(self, hostID, allocBw):
        self.execute(self.allocate(hostID, allocBw))

    def destroy(self):
        self.destroyAt, self.hostid, self.active = self.env.interval, -1, False
