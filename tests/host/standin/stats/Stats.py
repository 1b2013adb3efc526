import matplotlib.pyplot as plt
from scheduler.GOBI import GOBIScheduler

plt.style.use(["science"])
plt.rcParams["text.usetex"] = False


class Stats:
    def __init__(self, Environment, WorkloadModel, Datacenter, Scheduler):
        self.env, self.workload, self.datacenter, self.scheduler = Environment, WorkloadModel, Datacenter, Scheduler
        self.env.stats = self
        self.simulated_scheduler = GOBIScheduler("energy_latency_" + str(Datacenter.num_hosts))
        self.simulated_scheduler.env = self.env
        self.initStats()

    def initStats(self):
        self.hostinfo, self.workloadinfo, self.activecontainerinfo = [], [], []
        self.allcontainerinfo, self.metrics, self.schedulerinfo = [], [], []

    def saveStats(self, deployed, migrations, destroyed, selectedcontainers, decision, schedulingtime):
        self.metrics.append({"interval": self.env.interval, "numdestroyed": len(destroyed)})

    def runSimulationGOBI(self):
        return 0.0, 0.0

    def generateDatasets(self, dirname):
        with open(dirname + "/metrics.csv", "w") as stream:
            stream.writelines(str(one) + "\n" for one in self.metrics)

    def generateCompleteDatasets(self, dirname):
        self.generateDatasets(dirname)

    def generateGraphs(self, dirname):
        _, axes = plt.subplots()
        axes.plot([one["numdestroyed"] for one in self.metrics])
        axes.grid(b=True)
        plt.savefig(dirname + "/Metrics.pdf")
