"""What this plugin needs of a COSCO checkout: files, classes and methods; and what they were when it was written."""
from __future__ import annotations

from typing import Mapping, Sequence

KNOWN_COMMIT = "d2c073c59ff297b96b2ffe189b1c169e55695b86"  # of imperial-qore/COSCO, branch master
PACKAGES = ("framework", "simulator", "scheduler", "stats", "utils", "metrics")
MAIN = "main.py"

Interface = Mapping[str, Mapping[str, Sequence[str]]]

_ENVIRONMENT = (
    "addHostlistInit", "addContainerListInit", "addContainerList", "getContainersOfHost", "getContainerByID",
    "getContainerByCID", "getHostByID", "getCreationIDs", "getPlacementPossible", "addContainersInit", "allocateInit",
    "destroyCompletedContainers", "getNumActiveContainers", "getSelectableContainers", "addContainers",
    "getActiveContainerList", "getContainersInHosts", "simulationStep",
)  # fmt: skip
_HOST = (
    "getPower", "getPowerFromIPS", "getCPU", "getBaseIPS", "getApparentIPS", "getIPSAvailable", "getCurrentRAM",
    "getRAMAvailable", "getCurrentDisk", "getDiskAvailable",
)  # fmt: skip
_CONTAINER = (
    "getBaseIPS", "getApparentIPS", "getRAM", "getDisk", "getContainerSize", "getHostID", "getHost",
    "allocateAndExecute", "destroy",
)  # fmt: skip
_WORKLOAD = ("getUndeployedContainers", "updateDeployedContainers")

# file -> class -> methods; "" holds the functions of the module itself
INTERFACE: Interface = {
    "framework/Framework.py": {"Framework": _ENVIRONMENT},
    "framework/node/Node.py": {"Node": (*_HOST, "updateUtilizationMetrics")},
    "framework/task/Task.py": {"Task": (*_CONTAINER, "allocateAndrestore", "updateUtilizationMetrics")},
    "framework/workload/Workload.py": {"Workload": _WORKLOAD},
    "framework/server/controller.py": {
        "RequestHandler": ("create", "destroy", "gethostStat", "getContainerStat", "checkpoint", "migrate", "restore")
    },
    "simulator/Simulator.py": {"Simulator": _ENVIRONMENT},
    "simulator/host/Host.py": {"Host": _HOST},
    "simulator/host/RAM.py": {"RAM": ()},
    "simulator/host/Disk.py": {"Disk": ()},
    "simulator/host/Bandwidth.py": {"Bandwidth": ()},
    "simulator/container/Container.py": {"Container": (*_CONTAINER, "allocate", "execute")},
    "simulator/container/IPSModels/IPSM.py": {"IPSM": ("allocContainer",)},
    "simulator/container/RAMModels/RM.py": {"RM": ("allocContainer",)},
    "simulator/container/DiskModels/DM.py": {"DM": ("allocContainer",)},
    "simulator/workload/Workload.py": {"Workload": _WORKLOAD},
    "scheduler/Scheduler.py": {
        "Scheduler": (
            "setEnvironment", "selection", "placement", "filter_placement", "getMigrationFromHost",
            "getMigrationToHost", "RandomPlacement", "FirstFitPlacement",
        )
    },
    "stats/Stats.py": {"Stats": ("initStats", "saveStats", "runSimulationGOBI", "generateDatasets", "generateGraphs")},
    "metrics/powermodels/PM.py": {"PM": ("allocHost", "powerFromCPU")},
}

# SHA-256 of the files at KNOWN_COMMIT, line ends made \n, first 16 digits
KNOWN_DIGESTS: Mapping[str, str] = {
    "framework/Framework.py": "67b8218fabba4f2b",
    "framework/node/Node.py": "e34e5e2df14c5ac1",
    "framework/task/Task.py": "6ae371d9d70cc385",
    "framework/workload/Workload.py": "09d3db108720bea4",
    "framework/server/controller.py": "3d064c473b6a97ba",
    "simulator/Simulator.py": "01558d1adabf9fba",
    "simulator/host/Host.py": "9572104f1455bcad",
    "simulator/host/RAM.py": "a26db8fc879eb78c",
    "simulator/host/Disk.py": "e56a5751620bca6a",
    "simulator/host/Bandwidth.py": "0bcac7dbd6513823",
    "simulator/container/Container.py": "9963d1a82e25242a",
    "simulator/container/IPSModels/IPSM.py": "d1489726319046bd",
    "simulator/container/RAMModels/RM.py": "882efe32c9d743cf",
    "simulator/container/DiskModels/DM.py": "1a7b9622d25c3a65",
    "simulator/workload/Workload.py": "09d3db108720bea4",
    "scheduler/Scheduler.py": "76649d68d387d14f",
    "scheduler/GOBI.py": "5208a9e07fa15512",
    "scheduler/BaGTI/train.py": "a5a59b03c2241c3c",
    "scheduler/BaGTI/src/utils.py": "ab2b6635392e5d94",
    "scheduler/BaGTI/src/models.py": "15541218af996296",
    "scheduler/BaGTI/src/opt.py": "b0437c34123a6ab6",
    "stats/Stats.py": "cfd9d2c5528919db",
    "metrics/powermodels/PM.py": "0861cd387ab053b0",
    "utils/MathUtils.py": "b7b973e1fe20adb0",
}
