"""``cosco-splitplace fragments``: what is in an artifact of ``split``."""
from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Dict, Optional, Sequence

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ..splitting.graphs.artifact import GraphArtifact
from ..splitting.graphs.drawing import draw_split
from ..splitting.graphs.inspection import FragmentRow, inspect_artifact
from .common import print_json, progress_bar
from .console import output

MEGABYTE = 2**20


@click.group()
def fragments() -> None:
    """Look into the fragments that `split MODEL --strategy layer` has written."""


@fragments.command("inspect")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--batch", type=click.IntRange(min=1), default=16, show_default=True, help="Images for the peak of RAM.")
@click.option("--measure", is_flag=True, help="Run each fragment in a process of its own; without: counted only.")
@click.option("--draw", type=click.Path(path_type=Path), help="Write a picture, FILE.svg or FILE.png.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table; no progress bar.")
def inspect(folder: Path, batch: int, measure: bool, draw: Optional[Path], as_json: bool) -> None:
    """Show the fragments in FOLDER: operators, parameters, multiply-adds, peak RAM for a batch, bytes in and out.

    \b
    cosco-splitplace fragments inspect results/split-001
    cosco-splitplace fragments inspect results/split-001 --batch 16 --measure --draw split.svg

    Hashes of all files are checked on the way.
    """
    with progress_bar(as_json or not measure) as report:
        split, rows = inspect_artifact(folder, batch, measure, lambda done, total: report("measuring", done, total))
    if draw is not None:
        content = draw_split(split, rows, draw.suffix)
        draw.write_bytes(content)
    if as_json:
        print_json(fragments_object(split, rows, batch))
        return
    output().print(fragments_table(split, rows, batch))
    if draw is not None:
        output().print(f"picture in {draw}", highlight=False, soft_wrap=True)


def fragments_object(split: GraphArtifact, rows: Sequence[FragmentRow], batch: int) -> Dict[str, Any]:
    """What ``--json`` prints."""
    return {
        "model": split.model, "precision": split.precision, "batch": batch, "settings": dict(split.settings),
        "fragments": [dataclasses.asdict(one) for one in rows],
    }


def fragments_table(split: GraphArtifact, rows: Sequence[FragmentRow], batch: int) -> Table:
    """A row a fragment; in brackets, how many tensors cross the cut. A process's peak has torch's own share in it."""
    table = Table(
        title=f"{split.model}: {len(rows)} fragments, {split.precision} across cuts; "
        f"multiply-adds and bytes for one input, RAM for {batch}",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 0),
    )
    measured = rows[0].measured_peak_mb is not None
    headers = ["", "opera-\ntors", "1,000 pa-\nrameters", "M mult.-\nadds", "share", "weights\nMB", "in\nkB", "out\nkB",
               "RAM\nMB"]  # fmt: skip
    for header in headers + (["process\nMB", "torch\nMB", "s a\nbatch"] if measured else []):
        table.add_column(header, justify="right", no_wrap=True)
    total = sum(one.multiply_adds for one in rows) or 1
    for number, one in enumerate(rows):
        crossing = [f"{size / 1e3:,.0f}" + (f" ({count})" if count > 1 else "")
                    for size, count in ((one.input_bytes, one.tensors_in), (one.output_bytes, one.tensors_out))]
        cells = [
            str(number), f"{one.operators:,}", f"{one.parameters / 1e3:,.1f}", f"{one.multiply_adds / 1e6:,.1f}",
            f"{one.multiply_adds / total:.0%}", f"{one.weights_bytes / MEGABYTE:,.1f}", *crossing,
            f"{one.peak_bytes / MEGABYTE:,.1f}",
        ]
        if measured:
            cells += [f"{one.measured_peak_mb:,.1f}", f"{one.measured_runtime_mb:,.1f}", f"{one.measured_batch_s:.3f}"]
        table.add_row(*cells)
    return table
