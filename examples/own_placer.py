"""A placer of your own: the host with the best link among those with room.

python examples/own_placer.py
cosco-splitplace run --placer own_placer:BestLinkPlacer      (with examples/ on PYTHONPATH)
COSCO_SPLITPLACE_PLACERS=own_placer:BestLinkPlacer pytest --pyargs cosco_splitplace.contract
"""
import numpy as np

from cosco_splitplace.config import Settings
from cosco_splitplace.placement import WAIT, PlacementProblem, Placer, PlacerSetup
from cosco_splitplace.records import IntArray
from cosco_splitplace.simulation import simulate


class BestLinkPlacer(Placer):
    """Least loaded first, the faster link where that is equal."""

    def __init__(self, setup: PlacerSetup) -> None:
        """`setup` holds the settings, the cluster and a random generator."""

    def place(self, problem: PlacementProblem) -> IntArray:
        hosts, free = problem.current.copy(), problem.free_ram_mb.copy()
        load = np.bincount(hosts[hosts != WAIT], minlength=problem.cluster.n_hosts) / problem.cluster.cores
        for i in np.flatnonzero(problem.queued):
            fits = np.flatnonzero(free >= problem.ram_mb[i])
            if len(fits):
                order = np.lexsort((-problem.snapshot.bandwidth_mb_s[fits], load[fits]))
                hosts[i] = host = fits[order[0]]
                free[host] -= problem.ram_mb[i]
                load[host] += 1 / problem.cluster.cores[host]
        return hosts


if __name__ == "__main__":
    world = Settings().replace(cluster={"hosts": 10}, arrivals={"rate": 1.2}, run={"intervals": 20, "seed": 1})
    for placer in ("own_placer:BestLinkPlacer", "least-loaded", "random"):
        metrics = simulate(world.replace(run={"decider": "layer", "placer": placer})).metrics
        print(f"{placer:26} {metrics['response_s']:5.0f} s of which {metrics['transfer_s']:4.0f} s in transfer")
