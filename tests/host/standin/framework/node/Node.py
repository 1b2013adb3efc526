from metrics.Bandwidth import Bandwidth
from metrics.Disk import Disk
from metrics.RAM import RAM


class Node:
    def __init__(self, ID, IP, IPS, RAM_, Disk_, Bw, Powermodel, Framework):
        self.id, self.ip, self.ipsCap, self.ramCap, self.diskCap, self.bwCap = ID, IP, IPS, RAM_, Disk_, Bw
        self.ips, self.ram, self.bw, self.disk = 0, RAM(0, 0, 0), Bandwidth(0, 0), Disk(0, 0, 0)
        self.powermodel, self.env, self.json_body = Powermodel, Framework, {}
        Powermodel.allocHost(self)
        self.createHost()

    def createHost(self):
        self.json_body = {"measurement": "host", "tags": {"host_id": self.id, "host_ip": self.ip}, "fields": {}}
        self.env.db.insert([self.json_body])

    def getPower(self):
        return self.powermodel.power()

    def getPowerFromIPS(self, ips):
        return self.powermodel.powerFromCPU(min(100, 100 * ips / self.ipsCap))

    def getCPU(self):
        return min(100, 100 * self.ips / self.ipsCap)

    def getBaseIPS(self):
        return self.ips

    def getApparentIPS(self):
        return self.ips

    def getIPSAvailable(self):
        return self.ipsCap - self.ips

    def getCurrentRAM(self):
        return self.ram.size, self.ram.read, self.ram.write

    def getRAMAvailable(self):
        return self.ramCap.size - self.ram.size, self.ramCap.read, self.ramCap.write

    def getCurrentDisk(self):
        return self.disk.size, self.disk.read, self.disk.write

    def getDiskAvailable(self):
        return self.diskCap.size - self.disk.size, self.diskCap.read, self.diskCap.write

    def updateUtilizationMetrics(self):
        for sample in self.env.controller.getContainerStat(self.ip)[0]:
            creation = int(sample["fields"]["name"].split("_")[0])
            self.env.getContainerByCID(creation).updateUtilizationMetrics(sample["fields"])
        fields = self.env.controller.gethostStat(self.ip)[0].get("fields", {})
        self.ips = fields.get("cpu", 0) * self.ipsCap / 100
        self.ram.size, self.disk.size = fields.get("memory", 0), fields.get("disk", 0)
