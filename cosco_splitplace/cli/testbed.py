"""``cosco-splitplace testbed``: agents on this machine, and runs on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Optional, TypeVar

import click
from rich.table import Table

from ..backends.testbed.doctor import examine
from ..backends.testbed.hosts_file import read_hosts_file
from ..backends.testbed.local import DOCKER, PROCESS, LocalTestbed, default_folder, memory_a_worker
from ..backends.testbed.moving import MovingLinks
from ..backends.testbed.running import DEFAULTS
from ..backends.testbed.twin import make_twin
from ..errors import ConfigurationError, require
from ..mobility.trace import read_trace
from .common import build_settings, policy_options, print_json, progress_bar, settings_options
from .console import errors, output
from .real_run import real_run, real_run_options
from .run import NO_REGIME

F = TypeVar("F", bound=Callable[..., Any])


def folder_option(command: F) -> F:
    """Where the testbed is."""
    return click.option(
        "--folder",
        type=click.Path(path_type=Path),
        default=default_folder,
        show_default="in ~/.local/state",
        help="Folder of the testbed.",
    )(command)


@click.group()
def testbed() -> None:
    """Agents on this machine: start them, run real tasks through real fragments, end them.

    \b
    cosco-splitplace testbed up --workers 4
    cosco-splitplace testbed run --scheduler SplitPlace --intervals 10 --interval-seconds 20
    cosco-splitplace testbed down
    """


@testbed.command()
@click.option("--workers", type=click.IntRange(1, 200), default=4, show_default=True, help="How many agents.")
@click.option(
    "--memory-mb", type=click.IntRange(64), help="Memory of each for fragments.  [default: what is free, shared]"
)
@click.option(
    "--engine", type=click.Choice([PROCESS, DOCKER]), default=PROCESS, show_default=True,
    help="Fragments as processes, or as containers of a Docker daemon for each agent (root).",
)
@click.option("--netns", is_flag=True, help="A network namespace, an address and a shaped link for each agent (root).")
@click.option("--link-mb-s", type=float, default=10.0, show_default=True, help="Bandwidth of such a link in MB/s.")
@folder_option
def up(workers: int, memory_mb: Optional[int], engine: str, netns: bool, link_mb_s: float, folder: Path) -> None:
    """Start agents on this machine.

    Without options they listen on loopback, need no root, and run fragments as their children. As root, with
    --engine docker --netns, each has a Docker daemon, an address and a link of its own, and fragments migrate by CRIU
    while they run (`testbed doctor` says what is missing for that).
    """
    require(link_mb_s > 0, f"--link-mb-s is {link_mb_s:g}; give a positive bandwidth")
    found = LocalTestbed(folder)
    found.up(workers, memory_mb or memory_a_worker(workers), engine, link_mb_s if netns else 0.0)
    errors().print(
        f"{workers} agents are up with {found.memory_mb} MB each; next: cosco-splitplace testbed run", highlight=False
    )


@testbed.command()
@policy_options
@settings_options
@real_run_options
@click.option(
    "--mobility", metavar="TRACE",
    help="Let the links' bandwidth follow a trace (sumo, waypoint, a file), by tc; needs up --netns.",
)
@folder_option
def run(folder: Path, mobility: Optional[str], **options: Any) -> None:
    """Run real tasks on the testbed: a policy, as `cosco-splitplace run` does, but in real time."""
    found = LocalTestbed(folder)
    require(bool(found.agents), f"no testbed is up in {folder}; start one with: cosco-splitplace testbed up")
    moving = None
    if mobility is not None:
        if found.network is None:
            raise ConfigurationError("the agents are on loopback, whose links nobody shapes; use testbed up --netns")
        moving = MovingLinks(found.network, found.link_mb_s, read_trace(mobility))
    real_run(read_hosts_file(found.hosts_file), moving=moving, **options)


@testbed.command()
@policy_options
@settings_options
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder that gets the files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@folder_option
def twin(folder: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Measure the testbed's hosts, and write what the simulator needs to predict runs on them.

    \b
    cosco-splitplace testbed twin --out twin
    cosco-splitplace run --config twin/settings.toml --seed 3

    Predictions are of the strict chain (testbed run --no-pipelining).
    """
    found = LocalTestbed(folder)
    require(bool(found.agents), f"no testbed is up in {folder}; start one with: cosco-splitplace testbed up")
    if options.get("regime") is None and options.get("config") is None:
        options["regime"] = NO_REGIME
    with progress_bar(as_json) as report:
        made = make_twin(
            build_settings(**options, defaults=DEFAULTS), read_hosts_file(found.hosts_file), out,
            lambda done, total: report("measuring", done, total),
        )  # fmt: skip
    if as_json:
        print_json({"folder": str(out), "settings": made.to_mapping()})
        return
    errors().print(f"the twin is in {out}; next: cosco-splitplace run --config {out}/settings.toml", highlight=False)


@testbed.command()
@folder_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(folder: Path, as_json: bool) -> None:
    """Which agents are up, and how they are."""
    found = LocalTestbed(folder).status()
    if as_json:
        print_json({"folder": str(folder), "agents": [vars(one) for one in found]})
        return
    if not found:
        output().print(f"no testbed is up in {folder}", highlight=False, soft_wrap=True)
        return
    table = Table("Agent", "Answers", "Detail")
    for one in found:
        table.add_row(one.address, "yes" if one.answers else "no", one.detail)
    output().print(table)


@testbed.command()
@folder_option
def down(folder: Path) -> None:
    """End everything that `up` started, also after a crash; results stay."""
    count = LocalTestbed(folder).down()
    errors().print(f"{count} agents ended; nothing of the testbed is left", highlight=False)


@testbed.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(as_json: bool) -> None:
    """What this machine has for a testbed, what is missing, and how to get it."""
    findings = examine()
    if as_json:
        print_json({"findings": [vars(one) for one in findings]})
        return
    table = Table("What", "There", "Found", "For", "To do")
    for one in findings:
        todo = "" if one.there else one.remedy
        table.add_row(one.name, "yes" if one.there else "no", one.found, one.needed_for, todo)
    output().print(table)
