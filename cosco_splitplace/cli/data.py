"""``cosco-splitplace data``: the images that networks are trained and measured on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Optional

import click
from rich.table import Table

from ..splitting.data_status import data_status
from .common import print_json
from .console import output

UNUSABLE = 1


@click.group()
def data() -> None:
    """The images that networks are trained and measured on: where they come from."""


@data.command()
@click.option("--data", "data_dir", type=click.Path(path_type=Path), help="Folder of the published image files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(data_dir: Optional[Path], as_json: bool) -> None:
    """Which images each application would use now: real or synthetic; and how to get the published ones.

    Published files are looked for in --data, else in the folder that COSCO_SPLITPLACE_DATA names. They are read whole
    and their checksums compared; nothing is downloaded, unpacked to disk or unpickled. The exit code is 1 if files are
    damaged or some are missing beside others, else 0.
    """
    found = data_status(data_dir)
    if as_json:
        print_json({"data_sets": [one.as_object() for one in found]})
    else:
        table = Table("Application", "Data set", "Images", "Source", "Training", "Held out")
        for one in found:
            kind = "none" if not one.source else "synthetic" if one.synthetic else "real"
            table.add_row(one.application, one.data_set, kind, one.source or "-", f"{one.train_images:,}",
                          f"{one.held_out_images:,}")  # fmt: skip
        output().print(table)
        for one in found:
            if one.problem:
                output().print(f"[bold red]problem[/] {one.application}: ", end="")
                output().print(one.problem, highlight=False, soft_wrap=True, markup=False)
        for one in found:
            if one.to_do:
                output().print(one.to_do, highlight=False, soft_wrap=True, markup=False)
    sys.exit(UNUSABLE if any(one.problem for one in found) else 0)
