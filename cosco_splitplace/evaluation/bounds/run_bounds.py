"""Both bounds of a run, and where they are kept: a plan takes half a minute to find and serves every comparison.

They belong to a world and a seed: which decider and placer a run has does not matter.
"""
from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Iterator, Optional, Sequence, Tuple

from joblib import Parallel, delayed

from ... import __version__
from ...config import Settings
from ...errors import DataFileError, require
from ..files import read_json, write_json
from .clairvoyant import clairvoyant_plan
from .no_contention import no_contention

FORMAT = 1
PLANNERS_DECIDER, PLANNERS_PLACER = "deadline", "daso-set"  # where a plan's climb starts, and who places for it


@dataclass(frozen=True)
class RunBounds:
    """The drained rewards that bound a run.

    ``no_contention`` is exceeded by no policy. ``plan`` is what the best plan that was found reaches, after
    ``evaluations`` runs; None (and 0) before it is searched. ``trajectory`` is the best reward after each of them.
    """

    seed: int
    tasks: int
    no_contention: float
    plan: Optional[float] = None
    evaluations: int = 0
    trajectory: Tuple[float, ...] = ()


def kept_bounds(settings: Settings) -> RunBounds:
    """The bounds of the run that `settings` describe; the plan only if it was searched before."""
    world = _world(settings)
    kept = _read(world)
    if kept is not None:
        return kept
    bound = no_contention(world)
    return RunBounds(settings.run.seed, len(bound.tasks), bound.reward)


def search_bounds(settings: Settings, evaluations: int) -> RunBounds:
    """The same, with a plan of at least so many evaluations; keeps what it finds."""
    world = _world(settings)
    kept = _read(world)
    if kept is not None and kept.evaluations >= evaluations:
        return kept
    bound = no_contention(world)
    require(bool(bound.tasks), f"no task arrives with seed {settings.run.seed}: there is nothing to plan")
    plan = clairvoyant_plan(world, bound, evaluations=evaluations)
    found = RunBounds(
        settings.run.seed, len(bound.tasks), bound.reward, plan.reward, evaluations, plan.trajectory
    )
    path = _path(world)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"format": FORMAT, **asdict(found)})
    return found


def search_all(settings: Settings, seeds: Sequence[int], evaluations: int, jobs: int) -> Iterator[RunBounds]:
    """The bounds of every seed, each as soon as it is found, in no order; what was kept is not searched again."""
    require(jobs >= 1, f"jobs is {jobs}; give at least 1 worker")
    require(evaluations >= 2, f"evaluations is {evaluations}; give at least 2, one for each start of the climb")
    worlds = [settings.replace(run={"seed": seed}) for seed in seeds]
    if jobs == 1:
        yield from (search_bounds(one, evaluations) for one in worlds)
        return
    workers = Parallel(n_jobs=min(jobs, max(2, len(worlds))), return_as="generator_unordered", batch_size=1)
    yield from workers(delayed(search_bounds)(one, evaluations) for one in worlds)


def _world(settings: Settings) -> Settings:
    return settings.replace(run={"decider": PLANNERS_DECIDER, "placer": PLANNERS_PLACER})


def _path(world: Settings) -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    content = hashlib.sha256(f"{FORMAT}\n{__version__}\n{world.to_toml()}".encode()).hexdigest()
    return Path(base) / "cosco-splitplace" / "bounds" / f"{content[:32]}.json"


def _read(world: Settings) -> Optional[RunBounds]:
    path = _path(world)
    if not path.is_file():
        return None
    mend = "remove it and run: cosco-splitplace bound"
    found = read_json(path, mend)
    try:
        kept = RunBounds(**{name: value for name, value in found.items() if name != "format"})
        return replace(kept, trajectory=tuple(kept.trajectory))
    except (TypeError, AttributeError) as error:
        raise DataFileError(f"{path} is damaged ({error}); {mend}") from error
