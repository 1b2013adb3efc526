"""``cosco-splitplace report``: results as one page that can be sent."""
from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from ..evaluation.reproduction.page import write_page
from .console import output


@click.command("report")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--out", type=click.Path(path_type=Path), help="HTML file.  [default: DIR/report.html]")
def report(folder: Path, out: Optional[Path]) -> None:
    """Write the experiments in DIR (of `reproduce`) as one self-contained HTML page.

    It holds all figures, tables and verdicts, the settings, versions and commands, and fetches nothing: one file that
    can be sent. Runs and comparisons write a report.html of their own.
    """
    page = write_page(folder, out)
    output().print(f"wrote {page} ({page.stat().st_size / 1e6:.1f} MB)", highlight=False, soft_wrap=True)
