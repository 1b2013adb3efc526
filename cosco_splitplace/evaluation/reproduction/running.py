"""From experiments to measured data: one sweep for all of them, so that what they share is run once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional, Sequence

from ...config import Settings
from ...errors import require
from ..measures import RunMeasures, measured_run
from ..sweep import Progress, Run, RunFailure, Sweep, refuse_unknown_parts, sweep
from .experiment import Data, Experiment
from .folder import ReproductionFolder


@dataclass(frozen=True)
class Reproduction:
    """What was measured, experiment by experiment; those of which no run was done are left out."""

    data: Sequence[Data]
    failures: Sequence[RunFailure]
    runs: int
    skipped: int
    interrupted: bool


def all_runs(experiments: Sequence[Experiment], seeds: Sequence[int], base: Settings) -> "list[Run]":
    """Every run that the experiments need, each once."""
    planned = [one.run for experiment in experiments for one in experiment.plan(seeds, base)]
    return list({one.content: one for one in planned}.values())


def reproduce(
    experiments: Sequence[Experiment],
    seeds: Sequence[int],
    base: Settings,
    folder: ReproductionFolder,
    jobs: int = 1,
    progress: Optional[Progress] = None,
    backend: str = "joblib",
    options: Optional[Mapping[str, Any]] = None,
    work: Callable[[Run], RunMeasures] = measured_run,
) -> Reproduction:
    """Do what is missing of the experiments' runs and gather what was measured.

    Parameters
    ----------
    experiments : of the registry.
    seeds : each is run in every world.
    base : the settings that all worlds begin with.
    folder : where runs are kept, and found again.
    jobs, progress, backend, options : see `sweep`.
    work : does one run; must be importable by worker processes.

    Raises
    ------
    ConfigurationError
        There are no seeds, or a model or setting of an experiment is unknown.
    """
    require(len(seeds) > 0, "no seeds; give a count or a list such as 3,7,10-14")
    runs = all_runs(experiments, seeds, base)
    refuse_unknown_parts(runs)
    swept = sweep(runs, work, folder.kept, folder.keep, jobs, progress, backend, options)
    return Reproduction(
        data=[one for one in (_data(experiment, seeds, base, swept) for experiment in experiments) if one.measured],
        failures=swept.failures,
        runs=len(runs),
        skipped=swept.skipped,
        interrupted=swept.interrupted,
    )


def _data(experiment: Experiment, seeds: Sequence[int], base: Settings, swept: Sweep[RunMeasures]) -> Data:
    planned = experiment.plan(seeds, base)
    return Data(experiment, [(one, swept.done[one.run.content]) for one in planned if one.run.content in swept.done])
