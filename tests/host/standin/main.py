"""Runs the stand-in for three intervals and prints what it did."""
import optparse

from scheduler.Random_Random_Random import RandomScheduler
from simulator.environment.AzureFog import AzureFog
from simulator.Simulator import Simulator
from simulator.workload.StaticWorkload_StaticDistribution import SWSD
from utils.ColorUtils import color

parser = optparse.OptionParser()
parser.add_option("-e", "--environment", dest="env", default="")
parser.add_option("-m", "--mode", dest="mode", default="0")
opts, args = parser.parse_args()

NUM_SIM_STEPS = 3
HOSTS = 2 * 5 if opts.env == '' else 4
CONTAINERS = HOSTS
TOTAL_POWER = 1000
ROUTER_BW = 10000
INTERVAL_TIME = 300  # seconds
NEW_CONTAINERS = 0 if HOSTS == 4 else 5
DB_NAME = ''
DB_HOST = ''
DB_PORT = 0
HOSTS_IP = []

if __name__ == '__main__':
    scheduler = RandomScheduler()
    workload = SWSD(NEW_CONTAINERS)
    env = Simulator(TOTAL_POWER, ROUTER_BW, scheduler, CONTAINERS, INTERVAL_TIME, AzureFog(HOSTS).generateHosts())
    for step in range(NUM_SIM_STEPS):
        print(color.BOLD + "interval", step, color.ENDC, end="")
        deployed, destroyed = env.addContainers(workload.generateNewContainers(env.interval))
        decision = scheduler.filter_placement(scheduler.placement(deployed))
        migrations = env.simulationStep(decision)
        workload.updateDeployedContainers(env.getCreationIDs(migrations, deployed))
        print(" waiting or placed:", len(workload.createdContainers), "of arguments", args)
