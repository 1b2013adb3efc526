"""What the commands do when ``--cosco PATH`` is given, or when COSCO's ``main.py`` called."""
from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, TypeVar

import click
from rich.table import Table

from ..backends.testbed.running import DEFAULTS, settings_on_hosts
from ..bridge import bundled
from ..bridge.agents_file import Agents
from ..bridge.anchor import anchor
from ..bridge.constants import main_constants
from ..bridge.running import Assembly, open_inside, refuse_unbuildable, run_inside, simulate_inside, write_tables
from ..config import Settings
from ..errors import require
from ..evaluation.experiments import RunFunction
from ..evaluation.models import NamedModel, known_models
from ..live import LiveJournal
from ..records import RunResult
from ..simulation import Progress
from .common import print_json
from .console import output

F = TypeVar("F", bound=Callable[..., Any])
LIST = "list"
HELP: Dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
cosco_option: Callable[[F], F] = click.option(
    "--cosco", type=click.Path(path_type=Path), metavar="PATH",
    help="Run inside the COSCO checkout in PATH, where COSCO's own schedulers are, too.",
)


@dataclass
class Inside:
    """A checkout that is in use, and the agents if runs are on real hosts; ``assembly`` is that of the last run."""

    root: Path
    agents: Optional[Agents] = None
    assembly: Optional[Assembly] = field(default=None)

    @classmethod
    def enter(cls, path: Path, agents: Optional[Agents] = None) -> "Inside":
        """Use the checkout in `path`."""
        return cls(open_inside(path), agents)

    @property
    def logs(self) -> Path:
        """Where results go unless the user names a folder: git ignores it in COSCO."""
        return self.root / "logs"

    def resolve(self, name: str) -> NamedModel:
        """COSCO's scheduler of that name, or our model."""
        return bundled.resolve(self.root, name)

    def defaults(self) -> Dict[str, Dict[str, Any]]:
        """What ``main.py`` says of hosts, intervals and their length, as tables of settings."""
        found = main_constants(self.root, self.agents.environment if self.agents else "")
        world: Dict[str, Dict[str, Any]] = {
            "run": {"intervals": found.intervals, "interval_s": found.interval_s}, "cluster": {"hosts": found.hosts}
        }
        if self.agents is not None and self.agents.testbed is not None:
            world.update({name: DEFAULTS[name] for name in ("arrivals", "fragments")})
        return world

    def model_name(self, settings: Settings) -> str:
        """How a run is called."""
        return bundled.model_name_inside(self.root, settings.run.decider, settings.run.placer)

    def simulate(
        self,
        settings: Settings,
        model: str,
        progress: Optional[Progress],
        folder: Optional[Path] = None,
        live: Optional[LiveJournal] = None,
    ) -> RunResult:
        """Run inside COSCO; `folder` is where a testbed keeps its journal."""
        result, self.assembly = simulate_inside(settings, self.root, model, progress, self.agents, folder, live)
        return result

    def on_hosts(self, settings: Settings, hosts_given: Optional[int]) -> Settings:
        """The settings for this checkout's agents, if it runs on any: their number, and links that nobody simulates.

        Raises
        ------
        ConfigurationError
            Another number of hosts was asked for.
        """
        if self.agents is None:
            return settings
        hosts = len(self.agents.addresses)
        require(hosts_given in (None, hosts), f"--hosts is {hosts_given}, the hosts file lists {hosts}; leave it out")
        if self.agents.testbed is not None:
            return settings_on_hosts(settings, self.agents.testbed)
        return settings.replace(cluster={"hosts": hosts, "mobility": False})

    def write_tables(self, folder: Path) -> None:
        """COSCO's CSV files of the last run."""
        if self.assembly is not None:
            write_tables(self.assembly, folder)

    def run_function(self, settings: Sequence[Settings]) -> RunFunction:
        """What a comparison's workers do; what can't be built is refused now."""
        refuse_unbuildable(settings, self.root)
        return partial(run_inside, root=self.root)


def show_schedulers(inside: Inside, as_json: bool) -> None:
    """``--scheduler list``: ours and COSCO's."""
    ours: List[Dict[str, Any]] = [
        {"name": one.name, "decider": one.decider, "placer": one.placer, "description": one.description}
        for one in known_models()
        if one.name not in {other.name for other in bundled.bundled_schedulers(inside.root)}
    ]
    sizes = bundled.model_sizes(inside.root)
    theirs: List[Dict[str, Any]] = [
        {"name": one.name, "class": one.class_name, "hosts": " or ".join(map(str, sizes)) if one.for_hosts else "any"}
        for one in bundled.bundled_schedulers(inside.root)
    ]
    if as_json:
        print_json({"models": ours, "cosco": theirs})
        return
    own_title = f"COSCO's own, in {inside.root} (with the mab decider; their names are case-sensitive)"
    for title, rows in (("models of cosco-splitplace", ours), (own_title, theirs)):
        table = Table(title=title, title_justify="left", title_style="bold")
        for column in rows[0]:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*map(str, row.values()))
        output().print(table)


def main(argv: Sequence[str]) -> int:
    """``python main.py ARGV`` in an anchored checkout: the command ``run``, there. Returns the exit code."""
    from .run import run

    held = anchor(Path.cwd())
    os.chdir(held.directory_before)
    try:
        with run.make_context("main.py", ["--cosco", str(held.root), *argv], **HELP) as context:
            run.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        return error.exit_code
    return 0
