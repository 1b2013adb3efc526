"""The tables that a run and a comparison show in a terminal, as rich renderables that fit 80 columns."""

from __future__ import annotations

from typing import List, Mapping, Optional, Sequence

import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..records import RunResult
from ..rewards.metrics import metric
from .applications import application_label, application_summaries, synthetic_note
from .labels import BEYOND_TABLE_4, GROUPS, TABLE_4, format_spread, format_value, label, unit
from .pairing import STANDING_HEADS, Standing, standing_cells, standing_title
from .summaries import Summary, best_models, seeds_by_model, summarise

PER_APPLICATION: Sequence[str] = ("accuracy", "response_intervals", "violations", "reward", "layer_fraction")


def summary_table(result: RunResult) -> RenderableType:
    """One run: Table 4's metrics, the others beneath, and a line that names synthetic data sets.

    Parameters
    ----------
    result : a finished or interrupted run.
    """
    run = result.settings.run
    done = (
        f"{result.intervals_done} of {run.intervals}"
        if result.intervals_done < run.intervals
        else run.intervals
    )
    table = Table(
        title=f"{result.model} · seed {run.seed} · {done} intervals · {result.settings.cluster.hosts} hosts",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    table.add_column("Metric", no_wrap=True)
    table.add_column("Value", justify="right", no_wrap=True, style="bold")
    table.add_column("Unit", no_wrap=True)
    table.add_column("Meaning", style="dim")
    for name in (*TABLE_4, *BEYOND_TABLE_4):
        row = (label(name), format_value(name, result.metrics[name]), unit(name), metric(name).meaning)
        table.add_row(*row, end_section=name == TABLE_4[-1])
    fallbacks = result.metrics["fallbacks"]
    told = [Text(fallback_note(fallbacks), style="yellow")] if fallbacks else []
    return Group(table, *told, *_notes(result.data_sources))


def application_table(result: RunResult) -> RenderableType:
    """One row an application: finished tasks and the main means."""
    table = Table(title="By application", box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    table.add_column("Application")
    table.add_column("Finished", justify="right", no_wrap=True)
    for name in PER_APPLICATION:
        table.add_column(_header(name), justify="right", no_wrap=True)
    for one in application_summaries(result):
        values = one.as_row()
        table.add_row(
            application_label(one.application, result.data_sources),
            f"{one.finished}/{one.tasks}",
            *(format_value(name, float(str(values[name]))) for name in PER_APPLICATION),
        )
    return table


def comparison_table(frame: pd.DataFrame, data_sources: Optional[Mapping[str, str]] = None) -> RenderableType:
    """Models by metrics: mean ± sample standard deviation over the seeds, the best mean of a column bold.

    Parameters
    ----------
    frame : one row a model and seed, with columns ``model``, ``seed`` and one a metric.
    data_sources : where each application's images come from; synthetic ones are named under the table.
    """
    summary = summarise(frame)
    seeds = seeds_by_model(frame)
    blocks: List[RenderableType] = [
        _model_table(title, summary, seeds, [name for name in names if name in frame.columns])
        for title, names in GROUPS.items()
    ]
    return Group(
        *blocks, *_notes(data_sources or {}), Text("bold: best mean; ±: sample standard deviation over seeds")
    )


def application_comparison_table(
    spreads: Mapping[str, Summary], data_sources: Mapping[str, str]
) -> RenderableType:
    """One block an application: models by the main means."""
    blocks: List[RenderableType] = [
        _model_table(application_label(name, data_sources), summary, {}, PER_APPLICATION)
        for name, summary in spreads.items()
    ]
    return Group(*blocks)


def standing_table(standings: Sequence[Standing]) -> RenderableType:
    """Every model against the baseline, seed by seed, and how far it stays below the bounds."""
    table = Table(title=standing_title(standings), box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    for number, head in enumerate(STANDING_HEADS):
        table.add_column(head, justify="right" if number else "left", overflow="fold")
    for one in standings:
        table.add_row(*standing_cells(one))
    return table


def _model_table(title: str, summary: Summary, seeds: Mapping[str, int], names: Sequence[str]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    table.add_column("Model", overflow="fold")
    if seeds:
        table.add_column("Seeds", justify="right", no_wrap=True)
    for name in names:
        table.add_column(_header(name), justify="right", no_wrap=True)
    best = {name: best_models(summary, name) for name in names}
    for model, spreads in summary.items():
        cells = [
            Text(
                format_spread(name, spreads[name].mean, spreads[name].std, spreads[name].n),
                style="bold" if model in best[name] else "",
            )
            for name in names
        ]
        table.add_row(model, *([str(seeds[model])] if seeds else []), *cells)
    return table


def _header(name: str) -> str:
    return "\n".join([*label(name).split(" ", 1), *([unit(name)] if unit(name) else [])])


def fallback_note(fallbacks: float) -> str:
    """What a run says whose surrogate failed."""
    return (
        f"In {fallbacks:.0f} intervals the placer's surrogate predicted what is no number; they were placed by "
        "least-loaded. Train the surrogate again: cosco-splitplace train placer"
    )


def _notes(data_sources: Mapping[str, str]) -> List[Text]:
    note = synthetic_note(data_sources)
    return [Text(note, style="yellow")] if note else []
