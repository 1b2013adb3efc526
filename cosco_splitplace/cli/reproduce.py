"""``cosco-splitplace reproduce``: the paper's evaluation, and ours, one name an experiment."""
from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import click
from rich.table import Table

from ..config import Settings
from ..evaluation.executors import BACKENDS
from ..evaluation.reproduction.folder import ReproductionFolder
from ..evaluation.reproduction.registry import EVERYTHING, EXPERIMENTS, chosen_experiments
from ..evaluation.reproduction.running import Reproduction, all_runs, reproduce
from ..evaluation.reproduction.writing import Circumstances, Written, write_experiments, write_results_page
from ..evaluation.seeds import parse_seeds
from .common import build_settings, command_line, print_json, progress_bar, settings_options
from .console import INTERRUPTED, errors, output

RESULTS = Path("results/reproduce")


@click.command("reproduce")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--list", "as_list", is_flag=True, help="List the experiments, and what each needs.")
@click.option("--seeds", default="5", show_default=True, help="A count (5: seeds 0 to 4) or a list such as 3,7,10-14.")
@settings_options
@click.option("--jobs", type=int, default=os.cpu_count() or 1, show_default="cores", help="Workers.")
@click.option("--backend", default="joblib", show_default=True, help="Who works: joblib (this machine) or ray.")
@click.option("--address", help="ray only: the cluster's address, such as 192.168.0.2:6379, or auto.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS, show_default=True, help="Result folder.")
@click.option("--docs", type=click.Path(path_type=Path), help="Also write all results as one Markdown page here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables; no progress bar.")
def reproduce_command(
    names: Tuple[str, ...], as_list: bool, seeds: str, jobs: int, backend: str, address: Optional[str], out: Path,
    docs: Optional[Path], as_json: bool, **options: Any
) -> None:
    """Do experiments again, NAME by NAME (table4, fig2, fig6 ...), or all of them.

    \b
    cosco-splitplace reproduce --list
    cosco-splitplace reproduce table4 fig7 --seeds 5
    cosco-splitplace reproduce all --seeds 5 --docs docs/results.md
    cosco-splitplace report results/reproduce          # one page that can be sent

    Each gives its data (CSV), its figure (PNG, PDF), and a text that says what the paper claims, what was found, and
    whether the claim holds. Runs are shared between experiments and kept in OUT/runs: the same command goes on where
    it was interrupted, and does only what is missing. Results do not depend on the number or kind of workers.

    The default world is the regime "contended": like the paper's testbed its hosts are busy, and it is fitted to
    Table 4 with a placer that works (least-loaded); the experiment "worlds" shows the others.
    """
    settings = build_settings(**options)
    if as_list:
        _list(settings, parse_seeds(seeds), as_json)
        return
    if not names:
        raise click.UsageError("name experiments (see: cosco-splitplace reproduce --list), or all")
    if backend not in BACKENDS:
        raise click.BadParameter(f"{backend!r} is none of: {', '.join(BACKENDS)}", param_hint="--backend")
    chosen, numbers = chosen_experiments(names), parse_seeds(seeds)
    more: Dict[str, Any] = {} if address is None else {"address": address}
    folder = ReproductionFolder(out)
    written: List[Written] = []
    with progress_bar(as_json) as report:
        found = reproduce(
            chosen, numbers, settings, folder, jobs, lambda done, total, _: report("runs", done, total), backend, more
        )
        circumstances = Circumstances(command_line(), settings, numbers, found.failures)
        if not found.interrupted:
            folder.write_table()
            written = write_experiments(
                found.data, folder, circumstances, lambda done, total: report("figures", done, total)
            )
            if docs is not None:
                write_results_page(written, circumstances, docs)
    if found.interrupted:
        errors().print(
            f"interrupted; {found.runs} runs were asked for, and those that finished are kept. The same command goes "
            "on with the rest", highlight=False, soft_wrap=True,
        )
        sys.exit(INTERRUPTED)
    _show(found, written, folder.path, docs, as_json)
    if found.failures:
        sys.exit(1)


def _show(found: Reproduction, written: Sequence[Written], out: Path, docs: Optional[Path], as_json: bool) -> None:
    for one in found.failures:
        errors().print(f"{one.model} with seed {one.seed} failed: {one.error}", highlight=False, soft_wrap=True)
    if found.failures:
        errors().print(f"their settings and tracebacks are in {out / 'failures'}", highlight=False, soft_wrap=True)
    if as_json:
        print_json({
            "folder": str(out), "runs": found.runs, "skipped": found.skipped,
            "failures": [one.as_row() for one in found.failures],
            "findings": {one.document.name: one.document.findings.as_json() for one in written},
        })  # fmt: skip
        return
    table = Table(title="what was claimed, and whether it holds here", title_justify="left")
    for column in ("Experiment", "Claim", "Verdict"):
        table.add_column(column, overflow="fold", no_wrap=column != "Claim")
    for experiment in written:
        document = experiment.document
        findings = document.findings
        for number, finding in enumerate((*findings.paper, *findings.ours)):
            table.add_row("" if number else document.name, finding.claim, finding.verdict)
        table.add_section()
    output().print(table)
    output().print(
        f"{found.runs} runs, of which {found.skipped} were done before. Data, figures and texts are in {out}; all "
        f"runs in {out / 'results.parquet'}. One page of everything: cosco-splitplace report {out}",
        highlight=False, soft_wrap=True,
    )
    if docs is not None:
        output().print(f"wrote {docs}", highlight=False, soft_wrap=True)


def _list(settings: Settings, seeds: Tuple[int, ...], as_json: bool) -> None:
    rows = [
        {
            "name": one.name, "title": one.title, "source": one.source,
            "runs": len(all_runs([one], seeds, settings)), "claims": len(one.claims) + len(one.expected),
        }
        for one in EXPERIMENTS.values()
    ]
    total = len(all_runs(list(EXPERIMENTS.values()), seeds, settings))
    if as_json:
        print_json({"experiments": rows, "runs": total})
        return
    table = Table(title="experiments", title_justify="left")
    for column in rows[0]:
        table.add_column(column.capitalize(), justify="right" if column in ("runs", "claims") else "left")
    for row in rows:
        table.add_row(*(str(one) for one in row.values()))
    table.add_section()
    table.add_row(EVERYTHING, "all of them, shared runs once", "", str(total), "")
    output().print(table)
