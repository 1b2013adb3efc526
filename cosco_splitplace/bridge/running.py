"""Runs inside a COSCO checkout: the parts under COSCO's classes, one loop, COSCO's tables beside ours."""
from __future__ import annotations

import logging
import os
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ..backends.port import Backend
from ..backends.testbed.backend import TestbedBackend
from ..backends.testbed.journaled import JournaledBackend
from ..backends.testbed.running import put_up_testbed
from ..cluster import Cluster, cluster_of, load_cluster
from ..config import Settings
from ..evaluation.files import write_json
from ..live import LiveJournal
from ..loop import Loop
from ..placement import Placer, PlacerSetup
from ..records import RunResult
from ..simulation import Progress, build_loop, run_loop
from ..threads import limited_threads
from . import bundled
from .agents_file import Agents
from .checkout import open_checkout
from .entry import enter
from .measurements import points_of, sink_for
from .opcode_backend import OpcodeBackend
from .quiet import quiet
from .scheduler_placer import SchedulerPlacer

logger = logging.getLogger(__name__)
ORIGIN_FILE = "cosco.json"
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
    agents: Optional[Agents] = None

    @property
    def origin(self) -> Dict[str, Any]:
        """What a result says about where it was made; on real hosts, what went wrong there too."""
        origin: Dict[str, Any] = {"cosco": str(self.root), "checkpoint": self.checkpoint}
        if self.agents is not None:
            origin.update(environment=self.agents.environment, agents=self.agents.addresses, failures=self.failures)
        return origin

    @property
    def failures(self) -> List[str]:
        """What went wrong on real hosts, in order; simulated ones do not fail."""
        backend = self.loop.backend
        if isinstance(backend, JournaledBackend) and isinstance(backend.inner, TestbedBackend):
            return backend.inner.incidents
        return list(backend.failures) if isinstance(backend, OpcodeBackend) else []

    @property
    def loop(self) -> Loop:
        """The loop behind them."""
        loop: Loop = self.environment.loop
        return loop


def assemble(
    settings: Settings, root: Path, agents: Optional[Agents] = None, folder: Optional[Path] = None
) -> Assembly:
    """Everything for a run in the checkout at `root`, which must be anchored.

    ``settings.run.placer`` is one of our placers, or "cosco/NAME" for COSCO's scheduler NAME. With `agents` it runs on
    their hosts under COSCO's Framework, else on the engine under COSCO's Simulator.

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
    return assemble_around(built, settings, root, gobi, agents, folder)


def assemble_around(
    built: bundled.Built,
    settings: Settings,
    root: Path,
    gobi: Optional[Any] = None,
    agents: Optional[Agents] = None,
    folder: Optional[Path] = None,
) -> Assembly:
    """The same around a scheduler that is built already.

    Parameters
    ----------
    gobi : what a co-simulating scheduler asks.
    folder : where a testbed's journal and results are kept.
    """
    from ..framework_patches import SplitPlaceDatacenter, SplitPlaceStats

    cluster = cluster_of(settings.cluster, agents.types) if agents else load_cluster(settings.cluster)
    datacenter = SplitPlaceDatacenter(cluster)
    put_up = _on_hosts(agents, folder) if agents else _simulated
    environment, workload, backend = put_up(built, settings, cluster, datacenter)

    def placer(setup: PlacerSetup) -> Placer:
        return SchedulerPlacer(environment, setup)

    accuracy = backend.inner if isinstance(backend, JournaledBackend) else None
    if isinstance(accuracy, TestbedBackend):
        cluster = accuracy.cluster  # with the memory that the agents offer
    environment.drive(build_loop(settings, placer, cluster=cluster, backend=backend, accuracy=accuracy))
    stats = SplitPlaceStats(environment, workload, datacenter, built.scheduler, gobi)
    return Assembly(datacenter, workload, built.scheduler, environment, stats, built.checkpoint, root, agents)


Surroundings = Tuple[Any, Any, Optional[Backend]]  # environment, workload, and what takes the engine's place


def _simulated(built: bundled.Built, settings: Settings, cluster: Cluster, datacenter: Any) -> Surroundings:
    """COSCO's Simulator on the engine."""
    from ..framework_patches import SplitPlaceSimulator
    from ..workload import SplitPlaceWorkload

    environment = SplitPlaceSimulator(
        TOTAL_POWER_W,
        ROUTER_MB_S,
        built.scheduler,
        built.page_size(cluster.n_hosts),
        settings.run.interval_s,
        datacenter.generateHosts(),
        overflow=built.overflow,
    )
    return environment, SplitPlaceWorkload(environment), None


def _on_hosts(
    agents: Agents, folder: Optional[Path]
) -> Callable[[bundled.Built, Settings, Cluster, Any], Surroundings]:
    """COSCO's Framework on `agents`."""

    def put_up(built: bundled.Built, settings: Settings, cluster: Cluster, datacenter: Any) -> Surroundings:
        from ..framework_patches import SplitPlaceFramework
        from ..workload import SplitPlaceFrameworkWorkload

        environment = SplitPlaceFramework(
            built.scheduler,
            built.page_size(cluster.n_hosts),
            settings.run.interval_s,
            datacenter.generateNodes(agents.addresses),
            None,
            agents.environment,
            logger,
            overflow=built.overflow,
        )
        workload = SplitPlaceFrameworkWorkload(environment)
        if agents.testbed is not None:
            if folder is None:
                raise ValueError("a testbed needs a folder for its journal and results")
            return environment, workload, put_up_testbed(settings, agents.testbed, folder)
        room_mb = cluster.ram_mb * settings.engine.ram_overcommit
        return environment, workload, OpcodeBackend(cluster, agents.addresses, workload.image, room_mb, agents.user)

    return put_up


def simulate_inside(
    settings: Settings,
    root: Path,
    model: str = "",
    progress: Optional[Progress] = None,
    agents: Optional[Agents] = None,
    folder: Optional[Path] = None,
    live: Optional[LiveJournal] = None,
) -> Tuple[RunResult, Assembly]:
    """Run `settings` inside the checkout at `root`, which must be anchored; see `simulation.simulate`.

    With `agents` it is a run on their hosts, in real time.

    Raises
    ------
    AgentsError, NoAgentError
        None of the agents answers.
    """
    with limited_threads(1), ExitStack() as ending:
        assembly = assemble(settings, root, agents, folder)
        backend = assembly.loop.backend
        if isinstance(backend, JournaledBackend):
            backend = backend.inner
        if isinstance(backend, (OpcodeBackend, TestbedBackend)):
            ending.enter_context(closing(backend))
            backend.greet()

        sink = None
        if isinstance(backend, TestbedBackend) and agents is not None and agents.testbed is not None:
            sink = ending.enter_context(closing(sink_for(agents.testbed.influxdb, folder or root)))

        def concluded(number: int) -> None:
            assembly.environment.conclude()
            if sink is not None and isinstance(backend, TestbedBackend):
                sink.insert(points_of(*backend.measured()))
            if number < settings.run.intervals:  # COSCO's tables have the window only
                with quiet():
                    assembly.stats.saveConcluded()

        return run_loop(assembly.loop, model, progress, concluded, live), assembly


def write_tables(assembly: Assembly, folder: Path) -> None:
    """COSCO's tables into `folder`, and what the scheduler's model was."""
    assembly.stats.writeTables(folder)
    write_json(folder / ORIGIN_FILE, {"scheduler": type(assembly.scheduler).__name__, **assembly.origin})


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
