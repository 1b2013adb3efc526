"""From settings to a result: build the parts, run the loop, check the laws of the system."""
from __future__ import annotations

import gc
import logging
from contextlib import contextmanager
from typing import Callable, Iterator, List, Mapping, Optional

import numpy as np

from .arrivals.catalogue import Application, load_catalogue
from .arrivals.poisson import PoissonArrivals
from .backends.port import Backend
from .backends.simulated.backend import SimulatedBackend
from .backends.simulated.churn import Churn
from .cluster import Cluster, load_cluster
from .config import Settings
from .deciders import DECIDERS, Decider, DeciderSetup
from .errors import require
from .fragments.workflow import fragment_ram_mb
from .invariants import check_result
from .live import LiveJournal
from .loop import Loop
from .mobility.trace import read_trace
from .pipeline.inference import AccuracyOf, SampledAccuracy
from .placement import PLACERS, Placer, PlacerSetup
from .records import UNSPLIT, RunResult
from .threads import limited_threads

logger = logging.getLogger(__name__)

NEW_OBJECTS = 100_000  # between two looks of the garbage collector; Python's own 700 suits programs that make few
Progress = Callable[[int, int], None]


def generators(seed: int) -> List[np.random.Generator]:
    """The sources of a run's random draws: arrivals, decider, placer."""
    return [np.random.default_rng(one) for one in np.random.SeedSequence(seed).spawn(3)]


def build_loop(
    settings: Settings,
    placer: Optional[Callable[[PlacerSetup], Placer]] = None,
    decider: Optional[Callable[[DeciderSetup], Decider]] = None,
    cluster: Optional[Cluster] = None,
    backend: Optional[Backend] = None,
    accuracy: Optional[AccuracyOf] = None,
) -> Loop:
    """All parts of a run, simulated unless a backend is given.

    Arrivals, decider and placer draw from generators of their own, so that the workload of a seed is the same for
    every policy.

    Parameters
    ----------
    settings : everything about the run.
    placer, decider : take the place of the registered ones that the settings name.
    cluster, backend : take the place of the hosts that the settings describe, and of the engine.
    accuracy : takes the place of running the fragments here, where they really ran.

    Raises
    ------
    SplitPlaceError
        A name is unknown, a data file missing or damaged, or a setting impossible: before anything runs.
    """
    decider = decider or DECIDERS.get(settings.run.decider)
    placer = placer or PLACERS.get(settings.run.placer)
    cluster = cluster or load_cluster(settings.cluster)
    applications = load_catalogue(settings.arrivals.apps_file, settings.arrivals.applications)
    refuse_unplaceable(settings, cluster, applications)
    arrivals, decisions, placements = generators(settings.run.seed)
    return Loop(
        settings=settings,
        cluster=cluster,
        applications=applications,
        arrivals=PoissonArrivals(settings.arrivals, applications, arrivals, settings.run.intervals),
        decider=decider(DeciderSetup(settings, applications, cluster, decisions)),
        placer=placer(PlacerSetup(settings, cluster, placements)),
        backend=backend or simulated_backend(settings, cluster),
        accuracy=accuracy or SampledAccuracy(applications, settings.arrivals.sample_images),
    )


def simulated_backend(settings: Settings, cluster: Cluster) -> Backend:
    """The engine, with the mobility trace and the hosts that come and go as `settings` say."""
    return SimulatedBackend(
        cluster,
        settings.fragments,
        settings.engine,
        read_trace(settings.cluster.mobility_file) if settings.cluster.mobility else None,
        settings.run.interval_s,
        churn_of(settings, cluster.n_hosts),
    )


def churn_of(settings: Settings, hosts: int) -> Optional[Churn]:
    """The hosts that come and go, by a generator of their own, the fourth of the seed's; None where all stay."""
    if settings.churn.stay_intervals == 0:
        return None
    generator = np.random.default_rng(np.random.SeedSequence(settings.run.seed).spawn(4)[3])
    return Churn(hosts, settings.churn, generator)


def simulate(
    settings: Settings, model: str = "", progress: Optional[Progress] = None, live: Optional[LiveJournal] = None
) -> RunResult:
    """Run `settings.run.intervals` intervals of `settings` from nothing; see `build_loop` and `run_loop`.

    Parameters
    ----------
    settings : everything about the run.
    model : its policy's name, for tables; default "decider+placer".
    progress : called with (intervals done, intervals asked for).
    live : writes down what happens while it happens.
    """
    with limited_threads(1):
        return run_loop(build_loop(settings), model, progress, live=live)


@contextmanager
def rare_collection() -> Iterator[None]:
    """Let the garbage collector look seldom, and not at what is there already.

    A run makes many small records and hardly a cycle, while torch and pandas bring 300,000 objects with them: looking
    through all of them again and again takes up to a third of a run.
    """
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


@rare_collection()
def run_loop(
    loop: Loop,
    model: str = "",
    progress: Optional[Progress] = None,
    concluded: Optional[Callable[[int], None]] = None,
    live: Optional[LiveJournal] = None,
) -> RunResult:
    """Run all intervals of a fresh loop, let the tasks that are left run to their end, and check the system's laws.

    Ctrl-C ends the run after the last finished interval; the result is then not ``complete``.

    Parameters
    ----------
    loop : fresh from `build_loop`.
    model : its policy's name, for tables.
    progress : called with (intervals done, intervals asked for).
    concluded : called with the number of every interval that has ended, also of those without arrivals.
    live : writes down what happens while it happens.

    Raises
    ------
    InvariantError
        The run broke a law of the system: a defect of this program.
    KeyboardInterrupt
        Ctrl-C came before the first interval was done.
    """
    run = loop.settings.run
    complete = True
    if live is not None:
        live.begin(loop)
    try:
        for number in range(run.intervals + run.drain_intervals):
            if number >= run.intervals and not loop.workflows.workflows:
                break
            loop.run_interval(number)
            if concluded is not None:
                concluded(number)
            if live is not None:
                live.interval(loop)
            if progress is not None and number < run.intervals:
                progress(number + 1, run.intervals)
    except KeyboardInterrupt:
        if not loop.history.intervals:
            raise
        loop.history.forget_unfinished()
        logger.warning("interrupted after %d of %d intervals", len(loop.history.intervals), run.intervals)
        complete = False
    except Exception:
        if live is not None:
            live.discard()  # there will be no result, and no folder
        raise
    finally:
        if live is not None and not loop.history.intervals:
            live.close()  # nothing came of it; else whoever writes the result closes it then
    result = result_of(loop, model, complete)
    if complete:
        check_result(result, loop.cluster, loop.backend.exact, loop.backend.pipelined)
    return result


def result_of(loop: Loop, model: str = "", complete: bool = False) -> RunResult:
    """The result of what `loop` has done so far."""
    run = loop.settings.run
    return loop.history.result(
        model or f"{run.decider}+{run.placer}",
        loop.settings,
        loop.cluster,
        loop.applications,
        loop.workflows.ready_s,
        loop.backend.times,
        complete,
    )


def refuse_unplaceable(settings: Settings, cluster: Cluster, applications: Mapping[str, Application]) -> None:
    """Refuse a workload with a fragment that fits on no host: its task would wait for ever.

    Raises
    ------
    ConfigurationError
        Naming application, split, fragment, what it needs and what the largest host has.
    """
    room = float(cluster.ram_mb.max()) * settings.engine.ram_overcommit
    for application in applications.values():
        chosen = [application.split(UNSPLIT)] if settings.run.decider == UNSPLIT else []
        for split in [*application.splits.values(), *chosen]:
            for index, profile in enumerate(split.fragments):
                need = fragment_ram_mb(profile, split, settings.arrivals.batch_max, settings.fragments)
                require(
                    need <= room,
                    f"fragment {index} of {application.name}'s {split.name} split needs {need:.0f} MB for a batch of "
                    f"{settings.arrivals.batch_max} images and fits on no host (the largest offers {room:.0f} MB); "
                    "lower arrivals.batch_max, set fragments.resident_batch = false, or use larger hosts",
                )
