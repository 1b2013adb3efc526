"""``cosco-splitplace calibrate``: fit a regime's knobs to Table 4, in the open."""
from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Optional

import click
from rich.table import Table

from ..evaluation.calibration import TARGETS, calibrate, regime_document
from ..evaluation.files import write_text
from ..evaluation.seeds import parse_seeds
from ..regimes import DEFAULT, REGIMES, load_regime
from .common import print_json, progress_bar
from .console import output


@click.command("calibrate")
@click.option("--regime", default=DEFAULT, show_default=True, help="A shipped regime, or a file FILE.toml.")
@click.option("--seeds", help="Tuning seeds (0 to 99): a count or a list.  [default: the regime's]")
@click.option("--jobs", type=int, default=os.cpu_count() or 1, show_default="cores", help="Worker processes.")
@click.option("--out", type=click.Path(path_type=Path), help="File for the fitted regime.")
@click.option("--write", is_flag=True, help="Replace the regime's own file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def calibrate_command(
    regime: str, seeds: Optional[str], jobs: int, out: Optional[Path], write: bool, as_json: bool
) -> None:
    """Fit the four free knobs of a simulated world to Table 4's single-strategy rows, by bisection.

    \b
    1. global work scale             so that layer splits respond in 9.92 intervals
    2. semantic work                 so that semantic splits respond in 3.70
    3. compressed work               so that the compressed model responds in 6.85
    4. scale of the deadline law     so that layer splits violate 62 % of deadlines

    All else, such as the violations of semantic splits and the rows of all other models, is predicted, not fitted.
    Nothing is written without --out or --write.
    """
    chosen = load_regime(regime)
    if seeds:
        chosen = replace(chosen, seeds=seeds)
    with progress_bar(as_json) as report:
        fitted = calibrate(chosen, parse_seeds(chosen.seeds), jobs, report)
    fitted = replace(fitted, command=f"cosco-splitplace calibrate --regime {regime} --seeds {fitted.seeds} --write")
    own = Path(regime) if regime.endswith(".toml") else REGIMES / f"{regime}.toml"
    paths = [one for one in (out, own if write else None) if one is not None]
    for path in paths:
        write_text(path, regime_document(fitted))
    if as_json:
        print_json({**asdict(fitted), "targets": {one.name: one.value for one in TARGETS}})
        return
    table = Table(title=f"{regime}, calibrated with {fitted.placer}, seeds {fitted.seeds}", title_justify="left")
    for column in ("knob", "value", "fitted figure", "Table 4", "found"):
        table.add_column(column, justify="left" if column in ("knob", "fitted figure") else "right")
    for one in TARGETS:
        knob = fitted.knobs[one.knob[0]][one.knob[1]]
        name = one.name.replace("_", " ")
        table.add_row(".".join(one.knob), f"{knob:.5g}", name, f"{one.value:g}", f"{fitted.found[one.name]:.3f}")
    output().print(table)
    predicted = Table(title="predicted, not fitted", title_justify="left")
    predicted.add_column("figure")
    predicted.add_column("found", justify="right")
    for name, value in fitted.predicted.items():
        predicted.add_row(name.replace("_", " "), f"{value:.3f}")
    output().print(predicted)
    for path in paths:
        output().print(f"wrote {path}", highlight=False, soft_wrap=True)
