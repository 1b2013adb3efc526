"""What comes out of many runs: one table of all, a summary over the seeds, plots and a report.

``timing.csv`` holds the wall-clock metric on its own, so that all other data files are the same bytes every time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

import pandas as pd

from ..config import Settings
from ..rewards.metrics import METRICS
from .bounds.run_bounds import RunBounds
from .files import write_csv, write_json, write_text
from .pairing import Standing, standing_row, standings
from .plots import comparison_plots, write_plots
from .report import write_comparison_report
from .result_folder import SETTINGS_FILE, WALL_CLOCK_METRIC, RunMetrics
from .summaries import Summary, application_spreads, seeds_by_model, summarise, summary_rows
from .sweep import RunFailure

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Comparison:
    """A finished or interrupted comparison; ``frame`` has one row a model and seed, with every metric."""

    folder: Path
    frame: pd.DataFrame
    applications: Mapping[str, Summary]
    data_sources: Mapping[str, str]
    failures: Sequence[RunFailure] = field(default=())
    standings: Sequence[Standing] = field(default=())
    bounds: Sequence[RunBounds] = field(default=())
    skipped: int = 0
    interrupted: bool = False


def write_comparison(
    folder: Path,
    settings: Settings,
    runs: Sequence[RunMetrics],
    failures: Sequence[RunFailure],
    command: str = "",
    skipped: int = 0,
    interrupted: bool = False,
    baseline: str = "",
    bounds: Sequence[RunBounds] = (),
) -> Comparison:
    """Write tables, plots and report of `runs` into `folder`; with no run at all, the failures only.

    Without a `baseline` among the models that ran, nothing is said about differences and gaps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows: List[Dict[str, Any]] = [{"model": one.model, "seed": one.seed, **one.metrics} for one in runs]
    by_application = [
        {"model": one.model, "seed": one.seed, **{k: _number(k, v) for k, v in values.items()}}
        for one in runs
        for values in one.applications.values()
    ]
    frame = pd.DataFrame(rows, columns=["model", "seed", *(one.name for one in METRICS)])
    sources: Dict[str, str] = {}
    for one in runs:
        sources.update(one.data_sources)
    spreads = application_spreads(by_application) if by_application else {}
    stands = standings(frame, baseline, bounds) if baseline in set(frame["model"]) else []
    comparison = Comparison(
        folder, frame, spreads, sources, tuple(failures), stands, tuple(bounds), skipped, interrupted
    )
    write_json(folder / "failures.json", [one.as_row() for one in failures])
    write_text(folder / SETTINGS_FILE, settings.to_toml())
    if runs:
        _write_tables(comparison, rows, by_application)
        plots = comparison_plots(frame, spreads, sources)
        write_plots(plots, folder)
        failed = [one.as_row() for one in failures]
        write_comparison_report(frame, spreads, sources, settings, folder, plots, failed, command, stands)
    return comparison


def _write_tables(
    comparison: Comparison, rows: Sequence[Mapping[str, Any]], by_application: List[Dict[str, Any]]
) -> None:
    folder, frame = comparison.folder, comparison.frame
    names = [one.name for one in METRICS if one.name != WALL_CLOCK_METRIC]
    write_csv(folder / "comparison.csv", ("model", "seed", *names), rows)
    write_csv(folder / "timing.csv", ("model", "seed", WALL_CLOCK_METRIC), rows)
    if by_application:
        write_csv(folder / "applications.csv", tuple(by_application[0]), by_application)
    seeds = seeds_by_model(frame)
    summary = summarise(frame[["model", "seed", *names]])
    flat = summary_rows(summary, seeds)
    write_csv(folder / "comparison_summary.csv", tuple(flat[0]), flat)
    write_json(folder / "comparison_summary.json", summary_document(comparison))
    if comparison.standings:
        paired = [standing_row(one) for one in comparison.standings]
        write_csv(folder / "paired.csv", tuple(paired[0]), paired)
    if comparison.bounds:
        columns = ("seed", "tasks", "no_contention", "plan", "evaluations")
        write_csv(folder / "bounds.csv", columns, [vars(one) for one in comparison.bounds])


def summary_document(comparison: Comparison) -> Dict[str, Any]:
    """The comparison as one object: for each model its seeds and, by metric, mean, std (null for one seed) and n."""
    frame = comparison.frame.drop(columns=[WALL_CLOCK_METRIC])
    seeds = {
        str(model): [int(one) for one in part["seed"]] for model, part in frame.groupby("model", sort=False)
    }
    return {
        "version": FORMAT_VERSION,
        "data_sources": dict(comparison.data_sources),
        "models": {
            model: {"seeds": seeds[model], "metrics": {name: asdict(one) for name, one in spreads.items()}}
            for model, spreads in summarise(frame).items()
        },
    }


def _number(name: str, value: Any) -> Any:
    """A value of metrics.json: null there is "no value" here."""
    return float("nan") if value is None and name not in ("application", "source") else value
