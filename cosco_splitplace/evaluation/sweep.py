"""A sweep: many runs, each known by the hash of what determines it, each kept as soon as it is done.

What is kept is not run again, so that an interrupted sweep goes on where it stopped, and sweeps share their runs. A
crash is reported with its seed and settings and does not stop the others. Results do not depend on who works: one
process, many, or many machines.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import Any, Callable, Dict, Generic, Mapping, Optional, Sequence, TypeVar

from ..config import Settings
from ..errors import require
from ..records import RunResult
from .executors import Failure, executor

logger = logging.getLogger(__name__)

Made = TypeVar("Made")
Kept = TypeVar("Kept")
Progress = Callable[[int, int, str], None]  # (runs done, runs in all, what was done last)


@dataclass(frozen=True)
class Run:
    """One run to be done: a model's name, and settings that name its decider, placer and seed."""

    model: str
    settings: Settings

    @property
    def seed(self) -> int:
        """The seed of its random draws."""
        return self.settings.run.seed

    @property
    def content(self) -> str:
        """The hash of what determines the run: settings (decider, placer and seed among them) and model name."""
        return hashlib.sha256(f"{self.settings.to_toml()}\n{self.model}".encode()).hexdigest()


@dataclass(frozen=True)
class RunFailure:
    """A run that crashed: which one, why, and what repeats it (``run --config``)."""

    model: str
    seed: int
    error: str
    trace: str = ""
    settings: str = ""

    def as_row(self) -> Dict[str, Any]:
        """What tables and ``failures.json`` say of it."""
        return {"model": self.model, "seed": self.seed, "error": self.error}


@dataclass(frozen=True)
class Sweep(Generic[Kept]):
    """What came of a sweep; ``done`` is by the runs' content, ``skipped`` of them were kept before."""

    done: Mapping[str, Kept]
    failures: Sequence[RunFailure] = ()
    skipped: int = 0
    interrupted: bool = False


def sweep(
    runs: Sequence[Run],
    work: Callable[[Run], Made],
    kept: Callable[[Run], Optional[Kept]],
    keep: Callable[[Run, Made], Kept],
    workers: int = 1,
    progress: Optional[Progress] = None,
    backend: str = "joblib",
    options: Optional[Mapping[str, Any]] = None,
) -> Sweep[Kept]:
    """Do every run that is not kept yet; a run that is listed twice is done once.

    Parameters
    ----------
    runs : what there is to do.
    work : does one run, in a worker; must be importable there, and its result picklable.
    kept : what was kept of a run before, or None.
    keep : keeps what ``work`` returned, in this process.
    workers : 1 or more; 1 of the joblib backend works in this process.
    progress : called with (runs done, runs in all, what was done last).
    backend, options : who works (``executors.BACKENDS``), and what it is told.

    Returns
    -------
    Sweep
        With ``interrupted`` set if Ctrl-C cut it short: what had finished is kept. Runs that crashed are in
        ``failures``, in the order of `runs`.
    """
    require(workers >= 1, f"jobs is {workers}; give at least 1 worker")
    execute = executor(backend)
    distinct = list({one.content: one for one in runs}.values())
    done: Dict[str, Kept] = {}
    _take_kept(distinct, kept, done)
    pending = [one for one in distinct if one.content not in done]
    failed: Dict[int, RunFailure] = {}
    skipped = len(done)
    interrupted = False
    tell = progress or _say_nothing
    tell(skipped, len(distinct), f"{skipped} done before" if skipped else "")
    try:
        for index, result in execute(work, pending, workers, **(options or {})):
            run = pending[index]
            if isinstance(result, Failure):
                failed[index] = RunFailure(run.model, run.seed, result.error, result.trace, run.settings.to_toml())
                logger.warning("%s with seed %d failed: %s", run.model, run.seed, result.error)
            else:
                done[run.content] = keep(run, result)
            tell(len(done) + len(failed), len(distinct), f"{run.model}, seed {run.seed}")
    except KeyboardInterrupt:
        interrupted = True
        _take_kept(pending, kept, done)
    return Sweep(done, [failed[index] for index in sorted(failed)], skipped, interrupted)


def _take_kept(runs: Sequence[Run], kept: Callable[[Run], Optional[Kept]], done: Dict[str, Kept]) -> None:
    for one in runs:
        if one.content not in done:
            found = kept(one)
            if found is not None:
                done[one.content] = found


def simulate_model(settings: Settings, model: str) -> RunResult:
    """The default run function: the loop, on the simulated backend."""
    from ..simulation import simulate  # late: whoever brings another function needs no loop

    return simulate(settings, model=model)


def refuse_unknown_parts(runs: Sequence[Run]) -> None:
    """Look up every decider and placer of `runs` before anything runs.

    Raises
    ------
    ConfigurationError
        A decider or placer is not registered, or its ``module:Name`` can't be imported.
    """
    from ..deciders import DECIDERS
    from ..placement import PLACERS

    for one in runs:
        DECIDERS.get(one.settings.run.decider)
        PLACERS.get(one.settings.run.placer)


def _say_nothing(done: int, total: int, label: str) -> None:
    pass
