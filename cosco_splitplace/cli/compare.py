"""``cosco-splitplace compare``: many models, many seeds, one table."""
from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, ContextManager, Dict, Optional

import click

from ..config import Settings
from ..evaluation.comparison import Comparison
from ..evaluation.experiments import plan_experiments, run_experiments
from ..evaluation.models import resolve_model
from ..evaluation.pairing import missing_plans, standing_row
from ..evaluation.result_folder import result_folder
from ..evaluation.seeds import parse_seeds
from ..evaluation.summaries import seeds_by_model, summarise
from ..evaluation.sweep import simulate_model
from ..evaluation.tables import application_comparison_table, comparison_table, standing_table
from .common import build_settings, command_line, prepare_placer, print_json, progress_bar, settings_options
from .console import INTERRUPTED, errors, output
from .inside import Inside, cosco_option

MODELS = "SplitPlace,M+G,S+G,L+G,R+D,MC,Gillis,S+least-loaded,SplitPlace+"
RESULTS = Path("results")


@click.command()
@click.option(
    "--models", default=MODELS, show_default=True,
    help="Names, comma-separated; also decider+placer, such as S+daso-set or layer+first-fit.",
)
@click.option("--seeds", default="5", show_default=True, help="A count (5: seeds 0 to 4) or a list such as 3,7,10-14.")
@click.option("--baseline", metavar="NAME", help="Whom all are compared with, seed by seed.  [default: the first]")
@settings_options
@click.option("--jobs", type=int, default=os.cpu_count() or 1, show_default="cores", help="Worker processes.")
@click.option("--out", type=click.Path(path_type=Path), help="Result folder.  [default: results/compare-001]")
@cosco_option
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with the interrupted comparison in this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables; no progress bar.")
def compare(
    models: str, seeds: str, baseline: Optional[str], jobs: int, out: Optional[Path], resume: Optional[Path],
    as_json: bool, cosco: Optional[Path], **options: Any
) -> None:
    """Run several models on the same workloads and print mean and spread over the seeds.

    \b
    cosco-splitplace compare --models SplitPlace,M+G,S+G,L+G,R+D --seeds 5
    cosco-splitplace compare --models SplitPlace+,M+least-loaded --seeds 3,7,10-14 --regime slack
    cosco-splitplace compare --cosco ~/COSCO --models SplitPlace,M+G,Random,IQRMMTR --seeds 5

    Every run is kept as soon as it is done; after Ctrl-C the same command with --resume FOLDER goes on.
    The files do not depend on the number of jobs.
    """
    names = [one.strip() for one in models.split(",") if one.strip()]
    inside = Inside.enter(cosco) if cosco is not None else None
    defaults, resolve = (inside.defaults(), inside.resolve) if inside else (None, resolve_model)
    settings, numbers = build_settings(**options, defaults=defaults), parse_seeds(seeds)
    planned = plan_experiments(names, numbers, settings, resolve)
    run = inside.run_function([one.settings for one in planned]) if inside else simulate_model
    for one in {one.settings.run.placer: one for one in planned}.values():
        prepare_placer(one.settings, as_json)
    parent = inside.logs if inside else RESULTS
    place: ContextManager[Path] = result_folder(out, "compare", parent) if resume is None else nullcontext(resume)
    with place as folder, progress_bar(as_json) as report:
        comparison = run_experiments(
            names, numbers, settings, folder, jobs,
            lambda done, total, _: report("runs", done, total), run, command_line(), resolve, baseline,
        )
    if as_json:
        print_json(comparison_object(comparison))
    elif len(comparison.frame):
        output().print(comparison_table(comparison.frame, comparison.data_sources))
        output().print(application_comparison_table(comparison.applications, comparison.data_sources))
        _show_standings(comparison, settings)
    _tell(comparison, as_json)


def comparison_object(comparison: Comparison) -> Dict[str, Any]:
    """What ``compare --json`` prints: ``metrics`` holds mean, std and n of every metric by model."""
    seeds = seeds_by_model(comparison.frame) if len(comparison.frame) else {}
    summary = summarise(comparison.frame) if len(comparison.frame) else {}
    return {
        "folder": str(comparison.folder),
        "metrics": {
            model: {name: asdict(spread) for name, spread in spreads.items()} for model, spreads in summary.items()
        },
        "seeds": seeds,
        "paired": [standing_row(one) for one in comparison.standings],
        "bounds": [asdict(one) for one in comparison.bounds],
        "runs": comparison.frame.to_dict("records"),
        "failures": [one.as_row() for one in comparison.failures],
        "data_sources": dict(comparison.data_sources),
        "interrupted": comparison.interrupted,
    }


def _show_standings(comparison: Comparison, settings: Settings) -> None:
    if not comparison.standings:
        return
    output().print(standing_table(comparison.standings))
    missing = missing_plans(comparison.bounds)
    if missing is not None:
        regime = f" --regime {settings.run.regime}" if settings.run.regime else ""
        output().print(
            f"no clairvoyant plan is known for seeds {missing}; search them (about half a minute each) with the same "
            f"settings, then compare again: cosco-splitplace bound{regime} --seeds {missing}",
            highlight=False, soft_wrap=True,
        )


def _tell(comparison: Comparison, as_json: bool) -> None:
    for one in comparison.failures:
        errors().print(f"{one.model} with seed {one.seed} failed: {one.error}", highlight=False, soft_wrap=True)
    if comparison.interrupted:
        errors().print(
            "interrupted; finished runs are kept. Go on with the same command and "
            f"--resume {comparison.folder} in place of --out", highlight=False, soft_wrap=True,
        )
        sys.exit(INTERRUPTED)
    if not as_json:
        output().print(f"tables, plots and report.html in {comparison.folder}", highlight=False, soft_wrap=True)
    if comparison.failures:
        sys.exit(1)
