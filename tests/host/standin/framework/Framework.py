from framework.node.Node import Node
from framework.server.controller import RequestHandler
from framework.task.Task import Task


class Framework:
    def __init__(self, Scheduler, ContainerLimit, IntervalTime, hostinit, database, env, logger):
        self.scheduler, self.containerlimit, self.intervaltime = Scheduler, ContainerLimit, IntervalTime
        self.hostlimit, self.interval, self.stats = len(hostinit), 0, None
        self.db, self.environment, self.logger = database, env, logger
        self.hostlist, self.containerlist, self.inactiveContainers, self.intervalAllocTimings = [], [], [], []
        Scheduler.setEnvironment(self)
        self.controller = RequestHandler(self.db, self)
        self.addHostlistInit(hostinit)

    def addHostInit(self, IP, IPS, RAM, Disk, Bw, Powermodel):
        self.hostlist.append(Node(len(self.hostlist), IP, IPS, RAM, Disk, Bw, Powermodel, self))

    def addHostlistInit(self, hostList):
        for one in hostList:
            self.addHostInit(*one)

    def addContainer(self, CreationID, CreationInterval, SLA, Application):
        slot = self.containerlist.index(None)
        self.containerlist[slot] = Task(slot, CreationID, CreationInterval, SLA, Application, self, HostID=-1)
        return self.containerlist[slot]

    def addContainerListInit(self, containerInfoList):
        self.containerlist += [None] * (self.containerlimit - len(self.containerlist))
        return self.addContainerList(containerInfoList)

    def addContainerList(self, containerInfoList):
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
        return self.simulationStep(decision)

    def destroyCompletedContainers(self):
        done = [one for one in self.containerlist if one and not one.active]
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

    def parallelizedFunc(self, i):
        container, host = self.getContainerByID(i[0]), i[1]
        (container.allocateAndExecute if container.hostid == -1 else container.allocateAndrestore)(host)
        return container

    def visualSleep(self, t):
        """COSCO waits here until the interval is over."""

    def simulationStep(self, decision):
        wanted = [(one, host) for one, host in decision if host != self.containerlist[one].hostid]
        moved = [one for one in wanted if self.getPlacementPossible(*one)]
        for one in moved:
            self.parallelizedFunc(one)
        for one, _ in decision:
            if self.containerlist[one].hostid == -1:
                self.containerlist[one] = None
        self.intervalAllocTimings.append(0.0)
        self.visualSleep(self.intervaltime)
        for host in self.hostlist:
            host.updateUtilizationMetrics()
        return moved
