"""``report.html``: one file that shows a run or a comparison, with the plots inside it and nothing to fetch."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

import jinja2
import pandas as pd

from ..config import Settings
from ..records import RunResult
from ..rewards.metrics import metric
from .applications import application_label, application_summaries, synthetic_note
from .files import write_text
from .labels import BEYOND_TABLE_4, GROUPS, TABLE_4, format_spread, format_value, label, unit
from .pairing import STANDING_HEADS, Standing, standing_cells, standing_title
from .plots import Plot, run_plots, write_plots
from .summaries import Summary, best_models, seeds_by_model, summarise
from .tables import PER_APPLICATION
from .versions import versions

REPORT_FILE = "report.html"
CARDS: Sequence[str] = ("reward", "accuracy", "violations", "response_intervals", "energy_mwh", "cost_usd")
Table = Dict[str, Any]


def write_report(
    result: RunResult, folder: Path, command: str = "", plots: Optional[Sequence[Plot]] = None
) -> Path:
    """Write the plots (``plots/*.png``) and ``report.html`` of a run into `folder`.

    Parameters
    ----------
    command : the command line that made the result, shown as it is.
    plots : the run's plots if they were drawn already (``run_plots``).

    Returns
    -------
    pathlib.Path
        The report.
    """
    plots = run_plots(result) if plots is None else plots
    write_plots(plots, folder)
    run, arrivals = result.settings.run, result.settings.arrivals
    done = (
        f"{result.intervals_done} of {run.intervals}"
        if result.intervals_done < run.intervals
        else str(run.intervals)
    )
    values = result.metrics
    text = render(
        "report.html.j2",
        title=f"{result.model}: a run of {done} intervals",
        subtitle=f"decider {run.decider}, placer {run.placer} · {result.settings.cluster.hosts} hosts · "
        f"{arrivals.rate:g} tasks an interval of {run.interval_s:g} s · seed {run.seed}",
        note=synthetic_note(result.data_sources),
        cards=[
            {"label": label(one), "value": format_value(one, values[one]), "unit": unit(one)} for one in CARDS
        ],
        metrics=[
            {
                "label": label(one),
                "value": format_value(one, values[one]),
                "unit": unit(one),
                "meaning": metric(one).meaning,
            }
            for one in (*TABLE_4, *BEYOND_TABLE_4)
        ],
        applications=_application_table(result),
        plots=embedded(plots),
        command=command,
        repeat="cosco-splitplace run --config settings.toml",
        settings=result.settings.to_toml(),
        versions=versions(),
    )
    write_text(folder / REPORT_FILE, text)
    return folder / REPORT_FILE


def write_comparison_report(
    frame: pd.DataFrame,
    applications: Mapping[str, Summary],
    data_sources: Mapping[str, str],
    settings: Settings,
    folder: Path,
    plots: Sequence[Plot],
    failures: Sequence[Mapping[str, Any]] = (),
    command: str = "",
    standings: Sequence[Standing] = (),
) -> Path:
    """Write ``report.html`` of a comparison into `folder`.

    Parameters
    ----------
    frame : one row a model and seed, with columns ``model``, ``seed`` and one a metric.
    applications : means and spreads by application and model.
    settings : what all runs share.
    failures : model, seed and error of runs that crashed.
    standings : differences to a baseline, and gaps to the bounds.
    """
    summary, seeds = summarise(frame), seeds_by_model(frame)
    numbers = ", ".join(str(one) for one in sorted(set(frame["seed"])))
    models = ",".join(summary)
    text = render(
        "comparison.html.j2",
        title=f"{len(summary)} models compared",
        subtitle=f"{settings.run.intervals} intervals of {settings.run.interval_s:g} s · "
        f"{settings.cluster.hosts} hosts · {settings.arrivals.rate:g} tasks an interval · seeds {numbers}",
        note=synthetic_note(data_sources),
        failures=failures,
        groups=[
            *([_standing_table(standings)] if standings else []),
            *(_model_table(title, summary, names, seeds) for title, names in GROUPS.items()),
        ],
        applications=[
            _model_table(application_label(name, data_sources), one, PER_APPLICATION)
            for name, one in applications.items()
        ],
        plots=embedded(plots),
        command=command,
        repeat=f"cosco-splitplace compare --config settings.toml --models {models} --seeds {numbers.replace(' ', '')}",
        settings=settings.to_toml(),
        versions=versions(),
    )
    write_text(folder / REPORT_FILE, text)
    return folder / REPORT_FILE


def render(template: str, **values: Any) -> str:
    """A page from a template of this package, in which text is escaped and nothing may be missing."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    return environment.get_template(template).render(**values)


def embedded(plots: Sequence[Plot]) -> List[Dict[str, str]]:
    """Plots as templates take them: the pictures as text, for pages that fetch nothing."""
    return [
        {
            "name": plot.name,
            "title": plot.title,
            "caption": plot.caption,
            "base64": base64.b64encode(plot.png).decode("ascii"),
        }
        for plot in plots
    ]


def _application_table(result: RunResult) -> Table:
    rows = []
    for one in application_summaries(result):
        values = one.as_row()
        texts = [
            application_label(one.application, result.data_sources),
            f"{one.finished} of {one.tasks}",
            *(format_value(name, float(str(values[name]))) for name in PER_APPLICATION),
        ]
        rows.append([{"text": text, "best": False} for text in texts])
    head = [
        {"label": "Application", "unit": ""},
        {"label": "Finished tasks", "unit": ""},
        *_heads(PER_APPLICATION),
    ]
    return {"head": head, "rows": rows}


def _model_table(
    title: str, summary: Summary, names: Sequence[str], seeds: Optional[Mapping[str, int]] = None
) -> Table:
    best = {name: best_models(summary, name) for name in names}
    rows = []
    for model, spreads in summary.items():
        cells = [{"text": model, "best": False}]
        if seeds is not None:
            cells.append({"text": str(seeds[model]), "best": False})
        for name in names:
            one = spreads[name]
            cells.append({"text": format_spread(name, one.mean, one.std, one.n), "best": model in best[name]})
        rows.append(cells)
    head = [{"label": "Model", "unit": ""}] + ([{"label": "Seeds", "unit": ""}] if seeds is not None else [])
    return {"title": title, "head": head + _heads(names), "rows": rows}


def _standing_table(standings: Sequence[Standing]) -> Table:
    cells = [[{"text": one, "best": False} for one in standing_cells(standing)] for standing in standings]
    heads = [{"label": one, "unit": ""} for one in STANDING_HEADS]
    return {"title": standing_title(standings), "head": heads, "rows": cells}


def _heads(names: Sequence[str]) -> List[Dict[str, str]]:
    return [{"label": label(name), "unit": unit(name)} for name in names]
