"""``cosco-splitplace split``: cut an application's network into fragments."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional

import click
from rich.table import Table

from ..evaluation.result_folder import new_result_folder
from ..records import SPLITS
from ..splitting.applications import WrittenSplit, split_application
from .common import print_json, progress_bar
from .console import output
from .split_options import class_split_options, split_arguments


@click.command()
@click.argument("application")
@click.option(
    "--strategy", type=click.Choice(SPLITS), required=True, help="A chain of layers, class branches, or pruned."
)
@click.option("--fragments", type=int, help="How many.  [default: as many as are shipped]")
@class_split_options
@click.option("--out", type=click.Path(path_type=Path), help="Artifact folder.  [default: results/split-001]")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of training, where branches are trained.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table; no progress bar.")
def split(
    application: str, strategy: str, fragments: Optional[int], out: Optional[Path], seed: int, as_json: bool,
    **options: Any,
) -> None:
    """Split APPLICATION's trained network into fragments that run on their own, and measure them.

    \b
    cosco-splitplace split MNIST --strategy layer --fragments 3
    cosco-splitplace split CIFAR100 --strategy semantic --groups 10         (trains new branches)
    cosco-splitplace split MNIST --strategy semantic --groups 5 --stem 1 --distill
    cosco-splitplace split MNIST --strategy compressed --work 0.5           (half of the multiply-adds)

    An artifact is a manifest (JSON) and one weights file a fragment (safetensors); it needs no code of the network.
    """
    arguments = split_arguments(strategy, fragments, **options)
    folder = out if out is not None else new_result_folder(None, "split")
    try:
        with progress_bar(as_json) as report:
            written = split_application(
                application, strategy, out_dir=folder, seed=seed, progress=report, **arguments
            )
    except BaseException:
        if out is None and not any(folder.iterdir()):
            folder.rmdir()
        raise
    if as_json:
        print_json(split_object(written))
    else:
        output().print(split_table(written))
        output().print(f"artifact in {folder}", highlight=False, soft_wrap=True)


def split_object(written: WrittenSplit) -> Dict[str, Any]:
    """What ``split --json`` prints."""
    return {**vars(written), "folder": str(written.folder), "fragments": [vars(one) for one in written.fragments]}


def split_table(written: WrittenSplit) -> Table:
    """The measured fragments of a split."""
    images = f"{written.held_out_images} held-out images ({written.source})"
    table = Table(
        title=f"{written.application}, {written.split} split: accuracy {written.accuracy:.2%} on {images}",
        title_justify="left",
    )
    columns = {
        "multiply_adds": "MACs an image", "parameters": "parameters", "input_bytes": "bytes in",
        "output_bytes": "bytes out", "ram_base_mb": "RAM (MB)", "ram_per_image_kb": "+ kB an image",
        "seconds_per_1000_images": "s for 1,000",
    }
    table.add_column("fragment", justify="right")
    for header in columns.values():
        table.add_column(header, justify="right")
    for number, one in enumerate(written.fragments):
        table.add_row(str(number), *(f"{getattr(one, name):,}" for name in columns))
    return table
