"""``cosco-splitplace images``: how long the container images take to the hosts."""
from __future__ import annotations

from typing import Any

import click
from rich.table import Table

from ..distribution import distribute
from ..evaluation.models import resolve_model
from .common import build_settings, print_json, settings_options
from .console import output


@click.command("images")
@click.option("--models", default="SplitPlace,Gillis,MC,Unsplit", show_default=True, help="Models, by commas.")
@settings_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def images(models: str, as_json: bool, **options: Any) -> None:
    """Compute how long the images of all fragments take to all hosts, before a run (the paper: 30, 20 and 18 s).

    \b
    cosco-splitplace images                                     # the shipped artifacts' real sizes
    cosco-splitplace images --set images.sizes=paper            # the sizes of section 6.2
    cosco-splitplace images --set cluster.location=cloud        # over a wide-area link
    cosco-splitplace images --set images.base_mb=1200           # with a runtime of 1.2 GB
    """
    settings = build_settings(**options)
    rows = []
    for name in (one.strip() for one in models.split(",")):
        model = resolve_model(name)
        found = distribute(settings.replace(run={"decider": model.decider, "placer": model.placer}))
        rows.append(
            {
                "model": model.name, "splits": ", ".join(found.splits), "images": found.images,
                "MB a host": round(found.megabytes, 3), "seconds": round(found.seconds, 2),
            }
        )  # fmt: skip
    if as_json:
        print_json(rows)
        return
    world = f"{settings.cluster.hosts} hosts, {settings.cluster.location}, sizes: {settings.images.sizes}"
    table = Table(title=f"images to all hosts ({world})", title_justify="left")
    for column in rows[0]:
        table.add_column(column, justify="left" if column in ("model", "splits") else "right")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    output().print(table)
