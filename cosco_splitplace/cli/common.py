"""What several commands share: options that become settings, consoles, progress bars, JSON."""
from __future__ import annotations

import json
import shlex
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Tuple, TypeVar

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..config import Settings, parse_toml_value, read_toml
from ..errors import ConfigurationError
from ..evaluation.files import strict
from ..evaluation.models import NamedModel, resolve_model
from ..regimes import DEFAULT, load_regime
from ..training import ensure_surrogate
from .console import errors

F = TypeVar("F", bound=Callable[..., Any])

def print_json(value: Any) -> None:
    """One JSON object on standard output; NaN becomes null."""
    click.echo(json.dumps(strict(value), indent=1))


def command_line() -> str:
    """The command as it was typed, for reports."""
    return "cosco-splitplace " + " ".join(shlex.quote(one) for one in sys.argv[1:])


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar a stage, on standard error; yields a function of (stage, done, in all)."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=errors(), disable=quiet)
    stages: Dict[str, Any] = {}

    def report(stage: str, done: int, total: int) -> None:
        if not stages:
            bar.start()  # not before: without a stage it would leave an empty line
        if stage not in stages:
            stages[stage] = bar.add_task(stage, total=total)
        bar.update(stages[stage], completed=done, total=total)

    try:
        yield report
    finally:
        if stages:
            bar.stop()


def settings_options(command: F) -> F:
    """The options that make up the settings of a run, in the order in which help shows them."""
    options = (
        click.option(
            "--regime", metavar="NAME",
            help="Calibrated world: contended, slack, tight-ram ... (see: list regimes), or a file FILE.toml.  "
            f"[default: {DEFAULT}]",
        ),
        click.option("--config", type=click.Path(path_type=Path), help="TOML file of settings (see: list settings)."),
        click.option("--hosts", type=int, help="Number of hosts, in Table 3's mix.  [default: 50]"),
        click.option("--rate", type=float, help="Mean number of new tasks an interval.  [default: 6]"),
        click.option("--intervals", type=int, help="Scheduling intervals of 300 s.  [default: 100]"),
        click.option(
            "--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE",
            help="Any other setting, e.g. --set engine.ram_overcommit=1.5; may be repeated.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def policy_options(command: F) -> F:
    """The options that choose who decides and who places."""
    options = (
        click.option(
            "--scheduler", metavar="NAME",
            help="A named model: SplitPlace, SplitPlace+, M+G, MC, Gillis, S+least-loaded ... (see: list models).",
        ),
        click.option(
            "--decider", metavar="NAME",
            help="layer, semantic, compressed, random, mab, gillis, deadline, or module:Name.  [default: mab]",
        ),
        click.option(
            "--placer", metavar="NAME",
            help="random, first-fit, least-loaded, gobi, daso, daso-set ..., or module:Name.  [default: daso]",
        ),
        click.option("--seed", type=int, help="Seed of every random draw.  [default: 0]"),
    )
    for option in reversed(options):
        command = option(command)
    return command


def build_settings(
    config: Optional[Path],
    hosts: Optional[int] = None,
    rate: Optional[float] = None,
    intervals: Optional[int] = None,
    overrides: Tuple[str, ...] = (),
    scheduler: Optional[str] = None,
    decider: Optional[str] = None,
    placer: Optional[str] = None,
    seed: Optional[int] = None,
    resolve: Callable[[str], NamedModel] = resolve_model,
    regime: Optional[str] = None,
    defaults: Optional[Mapping[str, Mapping[str, Any]]] = None,
) -> Settings:
    """A regime's settings, then a file's, then what the command line names; a later one of these wins over an earlier.

    Parameters
    ----------
    resolve : finds the model that ``--scheduler`` names.
    regime : the world; default: what the file says, else the default one.
    defaults : nested tables that hold where neither file nor command line say otherwise.

    Raises
    ------
    ConfigurationError
        Anything is unknown or impossible.
    """
    given_file = read_toml(config) if config else {}
    recorded = given_file.get("run", {}).get("regime") if isinstance(given_file.get("run", {}), dict) else None
    if regime is not None and recorded is not None and recorded != regime:
        raise ConfigurationError(
            f"--regime {regime} contradicts {config}, whose settings are of regime {recorded!r}; leave one of them out"
        )
    name = recorded if regime is None and recorded is not None else (DEFAULT if regime is None else regime)
    tables = (load_regime(str(name)).settings() if name else Settings()).to_mapping()
    for part in (defaults or {}, given_file):
        for table_name, values in part.items():
            if not isinstance(values, Mapping):
                Settings.from_mapping(part, str(config))  # raises, naming the table
            tables.setdefault(table_name, {}).update(values)
    if scheduler is not None:
        model = resolve(scheduler)
        tables["run"].update(decider=model.decider, placer=model.placer)
    given = {
        ("run", "decider"): decider, ("run", "placer"): placer, ("run", "seed"): seed, ("run", "intervals"): intervals,
        ("cluster", "hosts"): hosts, ("arrivals", "rate"): rate,
    }
    for (table, key), value in given.items():
        if value is not None:
            tables[table][key] = value
    for text in overrides:
        table, key, value = _override(text)
        tables.setdefault(table, {})[key] = value
    return Settings.from_mapping(tables, "command line" if not config else str(config))


def _override(text: str) -> Tuple[str, str, Any]:
    name, equals, value = text.partition("=")
    table, dot, key = name.strip().partition(".")
    if not (equals and dot and table and key):
        raise ConfigurationError(f"--set {text!r} is not of the form TABLE.KEY=VALUE, e.g. engine.ram_overcommit=1.5")
    return table, key, parse_toml_value(value.strip())


def prepare_placer(settings: Settings, quiet: bool) -> None:
    """Train the surrogate that a run needs if none exists for its number of hosts, and say so."""
    with progress_bar(quiet) as report:
        path = ensure_surrogate(settings, report)
    if path is not None and not quiet:
        errors().print(
            f"trained a {settings.run.placer} surrogate for {settings.cluster.hosts} hosts, as none was there; "
            f"it is kept in {path.parent}", highlight=False, soft_wrap=True,
        )
