"""COSCO's Stats, per task and without a GOBI model of its own."""
from __future__ import annotations

from pathlib import Path
from typing import Any, List, Optional, Sequence, Tuple, Union

import numpy as np
import pandas as pd
from stats.Stats import Stats

from ..evaluation.files import write_text
from ..records import TaskOutcome

Pairs = Sequence[Tuple[int, int]]
COMPLETE_SETS = ("hostinfo", "workloadinfo", "metrics", "activecontainerinfo", "allcontainerinfo", "schedulerinfo")
OBJECTIVES = ("energytotalinterval", "avgresponsetime")
RESPONSES = 5  # intervals whose mean response stands for the next one's, as in COSCO


class SplitPlaceStats(Stats):
    """The same lists and columns as COSCO's; what is about responses counts tasks, not containers.

    Parameters
    ----------
    Environment, WorkloadModel, Datacenter, Scheduler : as COSCO's.
    simulated_scheduler : the GOBI that co-simulating schedulers (GOBI2, ...) ask `runSimulationGOBI` for; None for
        the others, whose columns of predictions stay empty.
    """

    def __init__(
        self,
        Environment: Any,
        WorkloadModel: Any,
        Datacenter: Any,
        Scheduler: Any,
        simulated_scheduler: Optional[Any] = None,
    ) -> None:
        # not COSCO's own constructor: it builds a GOBI model, trained or not, and draws from the global stream
        self.env = Environment
        self.env.stats = self
        self.workload = WorkloadModel
        self.datacenter = Datacenter
        self.scheduler = Scheduler
        self.simulated_scheduler = simulated_scheduler
        if simulated_scheduler is not None:
            simulated_scheduler.env = Environment
        self.initStats()

    def saveConcluded(self) -> None:
        """Save the interval that the loop has just driven through a SchedulerPlacer."""
        env, placer = self.env, self.env.loop.placer
        record = env.loop.history.intervals[-1]
        self.saveStats(env.deployed, env.migrations, env.destroyed, placer.selected, placer.decision,
                       record.scheduling_s)

    def saveStats(
        self,
        deployed: Sequence[int],
        migrations: Pairs,
        destroyed: Sequence[Any],
        selectedcontainers: Sequence[int],
        decision: Pairs,
        schedulingtime: float,
    ) -> None:
        """Keep everything about the interval that has ended; call it once an interval."""
        self.saveHostInfo()
        self.saveWorkloadInfo(deployed, migrations)
        self.saveContainerInfo()
        self.saveAllContainerInfo()
        self.saveMetrics(destroyed, migrations)
        self.saveSchedulerInfo(selectedcontainers, decision, schedulingtime)

    def saveHostInfo(self) -> None:
        hosts = self.env.hostlist
        self.hostinfo.append({
            "interval": self.env.interval,
            "cpu": [one.getCPU() for one in hosts],
            "numcontainers": [int(one) for one in self.env.view.fragments],
            "power": [one.getPower() for one in hosts],
            "baseips": [one.getBaseIPS() for one in hosts],
            "ipsavailable": [one.getIPSAvailable() for one in hosts],
            "ipscap": [one.ipsCap for one in hosts],
            "apparentips": [one.getApparentIPS() for one in hosts],
            "ram": [one.getCurrentRAM() for one in hosts],
            "ramavailable": [one.getRAMAvailable() for one in hosts],
            "disk": [one.getCurrentDisk() for one in hosts],
            "diskavailable": [one.getDiskAvailable() for one in hosts],
        })

    def saveWorkloadInfo(self, deployed: Sequence[int], migrations: Pairs) -> None:
        total = len(self.workload.createdContainers)
        before = self.workloadinfo[-1]["totalcontainers"] if self.workloadinfo else 0
        self.workloadinfo.append({
            "interval": self.env.interval,
            "totalcontainers": total,
            "newcontainers": total - before,
            "deployed": len(deployed),
            "migrations": len(migrations),
            "inqueue": len(self.workload.getUndeployedContainers()),
        })

    def saveContainerInfo(self) -> None:
        """One entry a slot; an empty slot has zeros."""
        slots = self.env.containerlist
        self.activecontainerinfo.append({
            "interval": self.env.interval,
            "activecontainers": self.env.getNumActiveContainers(),
            "ips": [one.getBaseIPS() if one else 0 for one in slots],
            "apparentips": [one.getApparentIPS() if one else 0 for one in slots],
            "ram": [one.getRAM() if one else 0 for one in slots],
            "disk": [one.getDisk() if one else 0 for one in slots],
            "creationids": [one.creationID if one else -1 for one in slots],
            "hostalloc": [one.getHostID() if one else -1 for one in slots],
            "active": [bool(one and one.active) for one in slots],
        })

    def saveSchedulerInfo(self, selectedcontainers: Sequence[int], decision: Pairs, schedulingtime: float) -> None:
        self.schedulerinfo.append({
            "interval": self.env.interval,
            "selection": list(selectedcontainers),
            "decision": list(decision),
            "schedule": [(one.id, one.getHostID()) if one else (None, None) for one in self.env.containerlist],
            "schedulingtime": schedulingtime,
        })

    def saveAllContainerInfo(self) -> None:
        placed = [one for one in self.env.created.values() if one.hostid != -1 or one.destroyAt != -1]
        self.allcontainerinfo.append({
            "interval": self.env.interval,
            "ips": [one.getBaseIPS() if one.active else 0 for one in placed],
            "create": [one.createAt for one in placed],
            "start": [one.startAt for one in placed],
            "destroy": [one.destroyAt for one in placed],
            "apparentips": [one.getApparentIPS() if one.active else 0 for one in placed],
            "ram": [one.getRAM() if one.active else 0 for one in placed],
            "disk": [one.getDisk() if one.active else 0 for one in placed],
            "hostalloc": [one.hostid if one.active else -1 for one in placed],
            "active": [one.active for one in placed],
        })

    def saveMetrics(self, destroyed: Sequence[Any], migrations: Pairs) -> None:
        """What the tasks that left tell; times in seconds, waiting in intervals, energy in joules."""
        interval_s = self.env.intervaltime
        energy_j = [one.getPower() * interval_s for one in self.env.hostlist]
        left = self.outcomes()
        responses = [one.response_s for one in left]
        moving = [one.migration_s for one in left]
        violated = sum(one.violated for one in left)
        predicted = self.predictions()
        self.metrics.append({
            "interval": self.env.interval,
            "numdestroyed": len(left),
            "nummigrations": len(migrations),
            "energy": energy_j,
            "energytotalinterval": sum(energy_j),
            "energypercontainerinterval": sum(energy_j) / max(1, self.env.getNumActiveContainers()),
            "responsetime": responses,
            "avgresponsetime": _mean(responses),
            "migrationtime": moving,
            "avgmigrationtime": _mean(moving),
            "slaviolations": violated,
            "slaviolationspercentage": violated * 100.0 / len(left) if left else 0,
            "waittime": [one.wait_s / interval_s for one in left],
            "energytotalinterval_pred": predicted[0],
            "avgresponsetime_pred": predicted[1],
        })

    def outcomes(self) -> List[TaskOutcome]:
        """The tasks that left in the interval that has ended."""
        last = self.env.loop.history.intervals[-1].interval
        return [one for one in self.env.loop.history.outcomes if one.left_interval == last]

    def predictions(self) -> Tuple[Any, Any]:
        """What a co-simulating scheduler would be told now; nothing for the others."""
        return self.runSimulationGOBI() if self.simulated_scheduler is not None else ("", "")

    def runSimulationGOBI(self) -> Tuple[float, float]:
        """What if GOBI decided the next interval: (energy in J, mean response in s of the last five intervals).

        Asked for while a page is shown, GOBI decides that page and the others stay; else it decides all.
        """
        if self.simulated_scheduler is None:
            raise RuntimeError("SplitPlaceStats was given no simulated_scheduler to run")
        env = self.env
        mips = np.zeros(len(env.hostlist))
        for one in env.containers.values():
            if one.hostid != -1:
                mips[one.hostid] += one.getApparentIPS()
        shown = env.page
        for page in range(env.pages()) if shown is None else [shown]:
            env.turnTo(page)
            self._move_as_gobi_would(mips)
        env.turnTo(shown)
        energy_j = sum(one.getPowerFromIPS(mips[one.id]) for one in env.hostlist) * env.intervaltime
        return float(energy_j), _mean([one["avgresponsetime"] for one in self.metrics[-RESPONSES:]])

    def _move_as_gobi_would(self, mips: Any) -> None:
        """GOBI's decision on the page that is shown, applied to the hosts' MIPS, (n_hosts,)."""
        gobi = self.simulated_scheduler
        for container_id, host in gobi.filter_placement(gobi.placement(gobi.selection())):
            container = self.env.containerlist[container_id]
            if container.hostid != -1 and self.env.getPlacementPossible(container_id, host):
                mips[container.hostid] -= container.getApparentIPS()
                mips[host] += container.getApparentIPS()

    def generateDatasets(self, dirname: str) -> None:
        """The two tables that COSCO's models are trained on, one row an interval, and what came of the next."""
        self._training_table(Path(dirname), ())
        self._training_table(Path(dirname), ("energytotalinterval_pred", "avgresponsetime_pred"))

    def _training_table(self, folder: Path, predicted: Tuple[str, ...]) -> None:
        """Hosts' CPU, containers' MIPS, their hosts, predictions; then energy and response of the next interval."""
        slots = max(len(one["hostalloc"]) for one in self.activecontainerinfo)

        def padded(values: List[Any], filler: int) -> List[Any]:
            return values + [filler] * (slots - len(values))

        rows = [
            [
                *host["cpu"], *padded(container["apparentips"], 0), *padded(container["hostalloc"], -1),
                *(now[name] for name in predicted),
                *(then[name] for name in OBJECTIVES),
            ]
            for host, container, now, then in zip(
                self.hostinfo, self.activecontainerinfo, self.metrics, self.metrics[1:]
            )
        ]  # fmt: skip
        name = "_".join(("cpu", "apparentips", *predicted, *OBJECTIVES, "with_interval.csv"))
        _write(folder / name, rows, header=False)

    def generateCompleteDatasets(self, dirname: str) -> None:
        """Everything that was kept, a table a kind."""
        for name in COMPLETE_SETS:
            kept = getattr(self, name)
            _write(Path(dirname) / f"{name}_with_interval.csv", [list(one.values()) for one in kept], list(kept[0]))

    def generateGraphs(self, dirname: str) -> None:
        """This package's plots of the run."""
        from ..evaluation.plots import run_plots, write_plots
        from ..simulation import result_of

        write_plots(run_plots(result_of(self.env.loop)), Path(dirname))

    def writeTables(self, folder: Path) -> None:
        """All of COSCO's CSV files into `folder`."""
        self.generateDatasets(str(folder))
        self.generateCompleteDatasets(str(folder))
        write_text(folder / "COLUMNS.txt", COLUMNS)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _write(path: Path, rows: List[List[Any]], header: Union[bool, List[str]]) -> None:
    frame = pd.DataFrame(rows)
    frame.to_csv(path, index=False, header=header)


COLUMNS = """The files *_with_interval.csv have COSCO's names and columns.

A container is a fragment. cpu and power are means of the interval that ended; ips is the MIPS that would finish a
container within an interval, apparentips what it gets. In metrics_with_interval.csv responsetime (s), migrationtime
(s), waittime (intervals) and slaviolations count the tasks that left, along their critical paths. Energies are in
joules. Disks are not modelled: 0.
"""
