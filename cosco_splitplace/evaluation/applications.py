"""A run seen by application, and how an application is called wherever people read it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Dict, List, Mapping, Sequence

import numpy as np

from ..records import LAYER, RunResult

SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class ApplicationSummary:
    """The main numbers of one application's tasks; NaN for a mean over no task."""

    application: str
    source: str
    tasks: int
    finished: int
    accuracy: float
    response_intervals: float
    violations: float
    reward: float
    layer_fraction: float

    def as_row(self) -> Dict[str, object]:
        """All fields by name."""
        return asdict(self)


def application_label(application: str, sources: Mapping[str, str]) -> str:
    """The name to show: an application whose images were generated says so."""
    return f"{application} ({SYNTHETIC})" if sources.get(application) == SYNTHETIC else application


def synthetic_note(sources: Mapping[str, str]) -> str:
    """A sentence that names the applications with generated images; empty if there are none."""
    names = [application_label(name, sources) for name, source in sources.items() if source == SYNTHETIC]
    return f"Generated images stand in for the published data set: {', '.join(names)}" if names else ""


def applications_of(result: RunResult) -> List[str]:
    """The run's applications: those with a data source first, in that order, then any others by name."""
    others = sorted({one.application for one in result.tasks} - set(result.data_sources))
    return [*result.data_sources, *others]


def application_summaries(result: RunResult) -> List[ApplicationSummary]:
    """One summary for each of the run's applications."""
    return [_summary(result, name) for name in applications_of(result)]


def _summary(result: RunResult, application: str) -> ApplicationSummary:
    splits = [
        decision.split
        for task, decision in zip(result.tasks, result.decisions)
        if task.application == application
    ]
    outcomes = [one for one in result.left_in_window if one.task.application == application]
    return ApplicationSummary(
        application=application,
        source=result.data_sources.get(application, ""),
        tasks=len(splits),
        finished=len(outcomes),
        accuracy=_mean([one.accuracy for one in outcomes]),
        response_intervals=_mean([one.response_intervals for one in outcomes]),
        violations=_mean([one.violated for one in outcomes]),
        reward=_mean([one.reward for one in outcomes]),
        layer_fraction=_mean([split == LAYER for split in splits]),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
