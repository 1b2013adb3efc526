"""``cosco-splitplace list``: what there is to choose from."""
from __future__ import annotations

from typing import Any, Callable, Dict, List

import click
from rich.table import Table

from ..arrivals.catalogue import load_catalogue
from ..config import describe_settings
from ..deciders import DECIDERS
from ..evaluation.models import known_models
from ..placement import PLACERS
from ..regimes import load_regime, regime_names
from ..rewards.metrics import METRICS
from .common import print_json
from .console import output

Rows = List[Dict[str, Any]]


def _registered(names: Dict[str, str]) -> Rows:
    return [{"name": name, "description": description} for name, description in names.items()]


def _applications() -> Rows:
    return [
        {
            "name": one.name,
            "images": one.data_source,
            "deadline l (intervals)": one.deadline_scale_intervals,
            "split": split.name,
            "fragments": len(split.fragments),
            "MACs an image": sum(fragment.multiply_adds for fragment in split.fragments),
            "accuracy": split.accuracy,
        }
        for one in load_catalogue().values()
        for split in one.splits.values()
    ]


KINDS: Dict[str, Callable[[], Rows]] = {
    "models": lambda: [
        {"name": one.name, "decider": one.decider, "placer": one.placer, "description": one.description}
        for one in known_models()
    ],
    "deciders": lambda: _registered(DECIDERS.describe()),
    "placers": lambda: _registered(PLACERS.describe()),
    "applications": _applications,
    "regimes": lambda: [
        {"name": one.name, "description": one.description, "made with": one.command}
        for one in map(load_regime, regime_names())
    ],
    "metrics": lambda: [
        {"name": one.name, "unit": one.unit, "better": one.better, "meaning": one.meaning} for one in METRICS
    ],
    "settings": lambda: [
        {"setting": f"{table}.{key}", "default": default, "meaning": text}
        for table, key, default, text in describe_settings()
    ],
}
SHOWN_BY_DEFAULT = ("models", "deciders", "placers", "applications")


@click.command("list")
@click.argument("kind", required=False, type=click.Choice(list(KINDS)))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_command(kind: str, as_json: bool) -> None:
    """List models, deciders, placers and applications; or one KIND, also regimes, metrics and settings."""
    chosen = {name: KINDS[name]() for name in ((kind,) if kind else SHOWN_BY_DEFAULT)}
    if as_json:
        print_json(chosen)
        return
    for name, rows in chosen.items():
        table = Table(title=name, title_justify="left", title_style="bold")
        for column in rows[0]:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(str(one) for one in row.values()))
        output().print(table)
