"""Runs inside a COSCO checkout: the parts under COSCO's classes, one loop, COSCO's tables beside ours."""
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

from ..cluster import load_cluster
from ..config import Settings
from ..evaluation.files import write_json
from ..loop import Loop
from ..placement import Placer, PlacerSetup
from ..records import RunResult
from ..simulation import Progress, build_loop, run_loop
from ..threads import limited_threads
from . import bundled
from .checkout import open_checkout
from .entry import enter
from .quiet import quiet
from .scheduler_placer import SchedulerPlacer

TOTAL_POWER_W, ROUTER_MB_S = 1000, 10000  # what COSCO's main.py says; both are per host here and not used


@dataclass(frozen=True)
class Assembly:
    """The five objects that COSCO's main.py works with, and the scheduler's checkpoint ("" where it has none)."""

    datacenter: Any
    workload: Any
    scheduler: Any
    environment: Any
    stats: Any
    checkpoint: str = ""
    root: Path = Path()

    @property
    def origin(self) -> Dict[str, str]:
        """What a result says about where it was made."""
        return {"cosco": str(self.root), "checkpoint": self.checkpoint}

    @property
    def loop(self) -> Loop:
        """The loop behind them."""
        loop: Loop = self.environment.loop
        return loop


def assemble(settings: Settings, root: Path) -> Assembly:
    """Everything for a run in the checkout at `root`, which must be anchored.

    ``settings.run.placer`` is one of our placers, or "cosco/NAME" for COSCO's scheduler NAME.

    Raises
    ------
    SplitPlaceError
        A name is unknown, a model is missing, or a setting impossible: before anything runs.
    """
    from ..scheduler import SplitPlaceScheduler

    name, gobi = settings.run.placer, None
    if name.startswith(bundled.PREFIX):
        bundled.seed_everything(settings.run.seed)
        built = bundled.build(root, name, settings.cluster.hosts)
        if built.co_simulates:
            gobi = bundled.build(root, "GOBI", settings.cluster.hosts).scheduler
    else:
        built = bundled.Built(SplitPlaceScheduler(name))
    return assemble_around(built, settings, root, gobi)


def assemble_around(built: bundled.Built, settings: Settings, root: Path, gobi: Optional[Any] = None) -> Assembly:
    """The same around a scheduler that is built already; `gobi` is what a co-simulating one asks."""
    from ..framework_patches import SplitPlaceDatacenter, SplitPlaceSimulator, SplitPlaceStats
    from ..workload import SplitPlaceWorkload

    cluster = load_cluster(settings.cluster)
    datacenter = SplitPlaceDatacenter(cluster)
    environment = SplitPlaceSimulator(
        TOTAL_POWER_W,
        ROUTER_MB_S,
        built.scheduler,
        built.page_size(cluster.n_hosts),
        settings.run.interval_s,
        datacenter.generateHosts(),
        overflow=built.overflow,
    )

    def placer(setup: PlacerSetup) -> Placer:
        return SchedulerPlacer(environment, setup)

    environment.drive(build_loop(settings, placer))
    workload = SplitPlaceWorkload(environment)
    stats = SplitPlaceStats(environment, workload, datacenter, built.scheduler, gobi)
    return Assembly(datacenter, workload, built.scheduler, environment, stats, built.checkpoint, root)


def simulate_inside(
    settings: Settings, root: Path, model: str = "", progress: Optional[Progress] = None
) -> Tuple[RunResult, Assembly]:
    """Run `settings` inside the checkout at `root`, which must be anchored; see `simulation.simulate`."""
    with limited_threads(1):
        assembly = assemble(settings, root)

        def concluded(number: int) -> None:
            assembly.environment.conclude()
            if number < settings.run.intervals:  # COSCO's tables have the window only
                with quiet():
                    assembly.stats.saveConcluded()

        return run_loop(assembly.loop, model, progress, concluded), assembly


def write_tables(assembly: Assembly, folder: Path) -> None:
    """COSCO's tables into `folder`, and what the scheduler's model was."""
    assembly.stats.writeTables(folder)
    write_json(folder / "cosco.json", {"scheduler": type(assembly.scheduler).__name__, **assembly.origin})


def run_inside(settings: Settings, model: str, root: Path) -> RunResult:
    """What a worker process of a comparison does; it anchors the checkout by itself."""
    open_inside(root)
    return simulate_inside(settings, root, model)[0]


def open_inside(path: Path) -> Path:
    """Make the checkout at `path` this process's COSCO; the current directory stays what it was. Returns its root.

    Raises
    ------
    CheckoutError
        It is not a COSCO that we understand, or another one is in use.
    """
    before = Path.cwd()
    try:
        checkout = open_checkout(path)
        enter(checkout)
    finally:
        os.chdir(before)
    return checkout.root.resolve()


def refuse_unbuildable(settings: Sequence[Settings], root: Path) -> None:
    """Build COSCO's schedulers among the placers once, so that what they lack is told before anything runs."""
    needed = {(one.run.placer, one.cluster.hosts) for one in settings if one.run.placer.startswith(bundled.PREFIX)}
    for placer, n_hosts in sorted(needed):
        bundled.build(root, placer, n_hosts)
