from metrics.Bandwidth import Bandwidth
from metrics.Disk import Disk
from metrics.RAM import RAM


class Task:
    def __init__(self, ID, creationID, creationInterval, sla, application, Framework, HostID=-1):
        self.id, self.creationID, self.createAt, self.sla = ID, creationID, creationInterval, sla
        self.application, self.env, self.hostid, self.startAt = application, Framework, HostID, Framework.interval
        self.ips, self.ram, self.bw, self.disk = 0, RAM(0, 0, 0), Bandwidth(0, 0), Disk(0, 0, 0)
        self.totalExecTime = self.totalMigrationTime = self.lastReadBytes = self.lastWriteBytes = 0
        self.active, self.destroyAt, self.execError, self.json_body = True, -1, "", {}
        self.containerDBInsert()

    def containerDBInsert(self):
        self.json_body = {
            "measurement": "CreatedContainers",
            "tags": {"container_id": self.id, "container_creation_id": self.creationID, "active": self.active},
            "fields": {"Host_id": self.hostid, "name": f"{self.creationID}_{self.id}", "image": self.application},
        }
        self.env.db.insert([self.json_body])

    def getBaseIPS(self):
        return self.ips

    def getApparentIPS(self):
        return self.ips

    def getRAM(self):
        return self.ram.size, self.ram.read, self.ram.write

    def getDisk(self):
        return self.disk.size, self.disk.read, self.disk.write

    def getContainerSize(self):
        return self.ram.size

    def getHostID(self):
        return self.hostid

    def getHost(self):
        return self.env.getHostByID(self.hostid)

    def allocateAndExecute(self, hostID):
        self.hostid = hostID
        self._spent(self.env.controller.create(self.json_body, self.getHost().ip)[1])

    def allocateAndrestore(self, hostID):
        before, self.hostid = self.getHost().ip, hostID
        after, remote = self.getHost().ip, self.env.controller
        self._spent(
            remote.checkpoint(self.creationID, self.id, before)[1]
            + remote.migrate(self.creationID, self.id, before, after)[1]
            + remote.restore(self.creationID, self.id, self.application, after)[1]
        )

    def _spent(self, seconds):
        self.totalMigrationTime += seconds
        self.totalExecTime += self.env.intervaltime - seconds

    def destroy(self):
        assert not self.active
        self.env.controller.destroy(self.json_body, self.getHost().ip)
        self.destroyAt, self.hostid = self.env.interval, -1

    def updateUtilizationMetrics(self, data):
        self.ips = data["cpu"] * self.getHost().ipsCap / 100
        self.ram.size = data["memory"] * self.getHost().ramCap.size / 100
        self.active = data["running"]
