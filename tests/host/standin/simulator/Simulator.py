from simulator.container.Container import Container
from simulator.host.Host import Host


class Simulator:
    def __init__(self, TotalPower, RouterBw, Scheduler, ContainerLimit, IntervalTime, hostinit):
        self.totalpower, self.totalbw = TotalPower, RouterBw
        self.scheduler, self.containerlimit, self.intervaltime = Scheduler, ContainerLimit, IntervalTime
        self.hostlimit, self.interval, self.stats = len(hostinit), 0, None
        self.hostlist, self.containerlist, self.inactiveContainers = [], [], []
        Scheduler.setEnvironment(self)
        self.addHostlistInit(hostinit)

    def addHostInit(self, IPS, RAM, Disk, Bw, Latency, Powermodel):
        self.hostlist.append(Host(len(self.hostlist), IPS, RAM, Disk, Bw, Latency, Powermodel, self))

    def addHostlistInit(self, hostList):
        for IPS, RAM, Disk, Bw, Latency, Powermodel in hostList:
            self.addHostInit(IPS, RAM, Disk, Bw, Latency, Powermodel)

    def addContainer(self, CreationID, CreationInterval, IPSModel, RAMModel, DiskModel):
        slot = self.containerlist.index(None)
        made = Container(slot, CreationID, CreationInterval, IPSModel, RAMModel, DiskModel, self, HostID=-1)
        self.containerlist[slot] = made
        return made

    def addContainerListInit(self, containerInfoList):
        self.containerlist += [None] * (self.containerlimit - len(self.containerlist))
        return self.addContainerList(containerInfoList)

    def addContainerList(self, containerInfoList):
        self.containerlist += [None] * (self.containerlimit - len(self.containerlist))
        room = self.containerlimit - self.getNumActiveContainers()
        return [self.addContainer(*one).id for one in containerInfoList[:room]]

    def getContainersOfHost(self, hostID):
        return [one.id for one in self.containerlist if one and one.hostid == hostID]

    def getContainerByID(self, containerID):
        return self.containerlist[containerID]

    def getContainerByCID(self, creationID):
        every = [one for one in self.containerlist + self.inactiveContainers if one]
        return next((one for one in every if one.creationID == creationID), None)

    def getHostByID(self, hostID):
        return self.hostlist[hostID]

    def getCreationIDs(self, migrations, containerIDs):
        return [self.containerlist[one].creationID for one, _ in migrations if one in containerIDs]

    def getPlacementPossible(self, containerID, hostID):
        container, host = self.containerlist[containerID], self.hostlist[hostID]
        return (
            container.getBaseIPS() <= host.getIPSAvailable()
            and container.getRAM()[0] <= host.getRAMAvailable()[0]
            and container.getDisk()[0] <= host.getDiskAvailable()[0]
        )

    def addContainersInit(self, containerInfoListInit):
        self.interval += 1
        return self.addContainerListInit(containerInfoListInit)

    def allocateInit(self, decision):
        return self._place(decision)

    def destroyCompletedContainers(self):
        done = [one for one in self.containerlist if one and one.getBaseIPS() == 0]
        for one in done:
            one.destroy()
            self.containerlist[one.id] = None
            self.inactiveContainers.append(one)
        return done

    def getNumActiveContainers(self):
        return sum(1 for one in self.containerlist if one and one.active)

    def getSelectableContainers(self):
        return [one.id for one in self.containerlist if one and one.active and one.getHostID() != -1]

    def addContainers(self, newContainerList):
        self.interval += 1
        destroyed = self.destroyCompletedContainers()
        return self.addContainerList(newContainerList), destroyed

    def getActiveContainerList(self):
        return [one.getHostID() if one and one.active else -1 for one in self.containerlist]

    def getContainersInHosts(self):
        return [len(self.getContainersOfHost(one)) for one in range(self.hostlimit)]

    def simulationStep(self, decision):
        moved = self._place(decision)
        for one in self.containerlist:
            if one and (one.id, one.hostid) not in moved:
                one.execute(0)
        return moved

    def _place(self, decision):
        """What fits is placed, at an equal share of the router; containers that find no host are forgotten."""
        moved = []
        for container, host in decision:
            if host != self.containerlist[container].hostid and self.getPlacementPossible(container, host):
                moved.append((container, host))
                self.containerlist[container].allocateAndExecute(host, self.totalbw / len(decision))
        for container, _ in decision:
            if self.containerlist[container] and self.containerlist[container].hostid == -1:
                self.containerlist[container] = None
        return moved
