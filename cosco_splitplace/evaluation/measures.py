"""What a sweep keeps of a run: every metric over all tasks and by application, and what happened interval by interval.

It is small (tens of kilobytes of JSON), the same for one worker or many, and holds the settings that repeat the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

import numpy as np

from .. import __version__
from ..config import Settings
from ..errors import DataFileError, SplitPlaceError
from ..records import RunResult, TaskOutcome
from ..rewards.metrics import METRICS, drained_metrics, run_metrics
from .applications import applications_of
from .files import read_json, write_json
from .result_folder import WALL_CLOCK_METRIC
from .sweep import Run, simulate_model

FORMAT = 1
ALL = "all"  # the "application" of what was measured over all tasks
# what belongs to the hosts, and to no application
_OF_HOSTS = (
    "energy_mwh", "fairness", "ram_utilisation", "cost_usd", "cost_per_task_usd", "migrations", "losses",
    "fallbacks", WALL_CLOCK_METRIC,
)  # fmt: skip


@dataclass(frozen=True)
class RunMeasures:
    """What is kept of a run.

    ``metrics`` holds every metric, ``applications`` the same by application (NaN for those
    of the hosts). ``curves`` has one value an interval of the window: "arrived", "layer" (decisions), "reward" and
    "response" (means of the tasks that arrived in it), and a decider's state, where that was in training.
    """

    run: Run
    data_sources: Mapping[str, str]
    metrics: Mapping[str, float]
    applications: Mapping[str, Mapping[str, float]]
    curves: Mapping[str, Sequence[float]]

    def rows(self) -> List[Dict[str, Any]]:
        """One row for all tasks and one an application: ``content``, ``model``, ``seed``, ``application``, metrics."""
        about = {"content": self.run.content, "model": self.run.model, "seed": self.run.seed}
        by_application = {ALL: self.metrics, **self.applications}
        return [{**about, "application": name, **values} for name, values in by_application.items()]


def measured_run(one: Run) -> RunMeasures:
    """Simulate a run and keep what a sweep needs of it; the work of a sweep, in its workers."""
    result = simulate_model(one.settings, one.model)
    if not result.complete:
        raise KeyboardInterrupt  # the loop stops early, and keeps what it has, only when it is told to
    return measures_of(result, one)


def measures_of(result: RunResult, one: Run) -> RunMeasures:
    """What is kept of `result`."""
    return RunMeasures(
        run=one,
        data_sources=dict(result.data_sources),
        metrics=_ordered(result.metrics),
        applications={name: _of_application(result, name) for name in applications_of(result)},
        curves=_curves(result),
    )


def _ordered(metrics: Mapping[str, float]) -> Dict[str, float]:
    return {one.name: float(metrics[one.name]) for one in METRICS}


def _of_application(result: RunResult, application: str) -> Dict[str, float]:
    splits = [
        decision.split
        for task, decision in zip(result.tasks, result.decisions)
        if task.application == application
    ]
    interval_s = result.settings.run.interval_s
    values = {
        **result.metrics,
        **run_metrics(
            [one for one in result.left_in_window if one.task.application == application], splits,
            host_utilisation=np.ones(1), ram_utilisation=np.nan, energy_wh=np.nan, cost_usd=np.nan,
            interval_s=interval_s, scheduling_s=np.nan, migrations=0, losses=0, fallbacks=0,
        ),
        **drained_metrics(
            [one for one in result.outcomes if one.task.application == application], len(splits), interval_s
        ),
    }  # fmt: skip
    nothing = {name: float("nan") for name in _OF_HOSTS}
    return {**_ordered(values), **nothing}


def _curves(result: RunResult) -> Dict[str, List[float]]:
    window = range(result.intervals_done)
    arrived: List[List[TaskOutcome]] = [[] for _ in window]
    for one in result.outcomes:
        arrived[one.task.arrival_interval].append(one)
    curves = {
        "arrived": [float(result.intervals[one].arrived) for one in window],
        "layer": [float(result.intervals[one].layer_decisions) for one in window],
        "reward": [_mean([one.reward for one in outcomes]) for outcomes in arrived],
        "response": [_mean([float(one.response_intervals) for one in outcomes]) for outcomes in arrived],
    }
    if result.settings.run.decider.endswith("-training"):
        for name in result.intervals[-1].decider:
            curves[name] = [result.intervals[one].decider.get(name, float("nan")) for one in window]
    return curves


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def write_measures(measures: RunMeasures, path: Path) -> None:
    """Write what is kept of a run as JSON; the wall-clock metric stands on its own."""
    metrics = dict(measures.metrics)
    seconds = metrics.pop(WALL_CLOCK_METRIC)
    write_json(path, {
        "format": FORMAT, "version": __version__, "model": measures.run.model, "content": measures.run.content,
        "settings": measures.run.settings.to_mapping(), "data_sources": measures.data_sources, "metrics": metrics,
        "applications": measures.applications, "curves": measures.curves, "timing": {WALL_CLOCK_METRIC: seconds},
    })  # fmt: skip


def read_measures(path: Path) -> RunMeasures:
    """Read back what `write_measures` wrote.

    Raises
    ------
    DataFileError
        The file is missing, damaged, of another version, or not of the run that its name says.
    """
    mend = f"remove it and repeat the command: only this run is done again ({path.name})"
    found = read_json(path, mend)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise DataFileError(f"{path} holds no run of format {FORMAT}; {mend}")
    try:
        run = Run(str(found["model"]), Settings.from_mapping(found["settings"], str(path)))
        metrics = {**_numbers(found["metrics"]), **_numbers(found["timing"])}
        measures = RunMeasures(
            run=run,
            data_sources={str(name): str(value) for name, value in found["data_sources"].items()},
            metrics={one.name: metrics[one.name] for one in METRICS},
            applications={name: _numbers(values) for name, values in found["applications"].items()},
            curves={name: [_number(one) for one in values] for name, values in found["curves"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, SplitPlaceError) as error:
        raise DataFileError(f"{path} is damaged ({type(error).__name__}: {error}); {mend}") from error
    if run.content != found.get("content"):
        raise DataFileError(f"{path} is damaged: it is not of the run that it says it is of; {mend}")
    return measures


def _numbers(values: Mapping[str, Any]) -> Dict[str, float]:
    return {str(name): _number(value) for name, value in values.items()}


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
