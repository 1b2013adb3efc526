"""``cosco-splitplace run``: one run, its table and its result folder."""
from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ContextManager, Dict, Optional

import click

from ..bridge.agents_file import Agents, read_agents
from ..bridge.running import ORIGIN_FILE
from ..config import Settings
from ..errors import ConfigurationError, DataFileError, SplitPlaceError, require
from ..evaluation.applications import application_summaries
from ..evaluation.models import model_name
from ..evaluation.report import write_report
from ..evaluation.result_folder import SETTINGS_FILE, read_metrics, result_folder, write_result
from ..evaluation.tables import application_table, summary_table
from ..live import LIVE_FILE, LiveJournal
from ..records import RunResult
from ..simulation import simulate
from .common import (
    build_settings,
    command_line,
    policy_options,
    prepare_placer,
    print_json,
    progress_bar,
    settings_options,
)
from .console import INTERRUPTED, errors, output
from .dashboard import dashboard_option, show_dashboard
from .inside import LIST, Inside, cosco_option, show_schedulers

INTERVALS_FILE = "intervals.csv"
RESULTS = Path("results")
NO_REGIME = ""  # regimes are calibrated worlds of simulated hosts


@click.command()
@policy_options
@settings_options
@click.option("--out", type=click.Path(path_type=Path), help="Result folder.  [default: results/<model>-seed<k>-001]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables; no progress bar.")
@click.option("--no-report", is_flag=True, help="Write data only: no plots, no report.html.")
@dashboard_option
@cosco_option
@click.option("-e", "--environment", metavar="ENV", help="Run on real hosts, under COSCO's Framework.")
@click.option(
    "--hosts-file", type=click.Path(path_type=Path), metavar="FILE",
    help="TOML file of the agents' addresses, for --backend testbed (docs/testbed.md) or -e (docs/cosco.md).",
)
@click.option(
    "--backend", type=click.Choice(["simulated", "testbed"]), default="simulated", show_default=True,
    help="Simulated hosts, or real ones: the agents of --hosts-file.",
)
@click.option("--interval-seconds", type=float, help="Length of an interval.  [default: 300, on a testbed 20]")
@click.option("--no-pipelining", is_flag=True, help="On a testbed: a fragment waits for the one before it to finish.")
@click.option("-m", "--mode", hidden=True)  # COSCO's own
@click.option("--resume", type=click.Path(path_type=Path), help="Finish the interrupted run in this folder.")
def run(
    out: Optional[Path],
    as_json: bool,
    no_report: bool,
    dashboard: bool,
    resume: Optional[Path],
    cosco: Optional[Path],
    environment: Optional[str],
    hosts_file: Optional[Path],
    mode: Optional[str],
    backend: str,
    interval_seconds: Optional[float],
    no_pipelining: bool,
    **options: Any,
) -> None:
    """Run one policy on a simulated edge cluster, or (-e) on a real one.

    \b
    cosco-splitplace run                                  the paper's model on 50 hosts, 100 intervals
    cosco-splitplace run --scheduler SplitPlace+          ours
    cosco-splitplace run --dashboard                      watch it on a page
    cosco-splitplace run --scheduler S+G --seed 3         another of the paper's models
    cosco-splitplace run --decider mab --placer least-loaded --hosts 10 --rate 1.2
    cosco-splitplace run --config results/.../settings.toml      repeat a run
    cosco-splitplace run --backend testbed --hosts-file hosts.toml   on real hosts
    cosco-splitplace run --cosco ~/COSCO --scheduler GOBI        COSCO's own scheduler, inside COSCO
    cosco-splitplace run --cosco ~/COSCO --scheduler list        what there is to choose from

    Writes settings, one row a task, interval, host, fragment and move (CSV and JSON Lines), metrics, plots and
    report.html. The same seed gives the same files.
    """
    if backend == "testbed":
        require(cosco is None and environment is None, "--backend testbed needs no COSCO; leave --cosco and -e out")
        _run_on_testbed(
            hosts_file, interval_seconds=interval_seconds, no_pipelining=no_pipelining, out=out, resume=resume,
            as_json=as_json, no_report=no_report, dashboard=dashboard, **options,
        )
        return
    require(not no_pipelining, "--no-pipelining is for --backend testbed: simulated chains are strict")
    agents = _agents(environment, hosts_file, mode, cosco, resume)
    inside = Inside.enter(cosco, agents) if cosco is not None else None
    if inside is not None:
        if options["scheduler"] == LIST:
            show_schedulers(inside, as_json)
            return
        options.update(resolve=inside.resolve, defaults=inside.defaults())
        if agents is not None and agents.testbed is not None and options["regime"] is None:
            options["regime"] = NO_REGIME
    settings = build_settings(**options) if resume is None else _resumed(resume, out, options)
    if interval_seconds is not None:
        require(resume is None, "--resume takes the length of an interval from the run; leave --interval-seconds out")
        settings = settings.replace(run={"interval_s": interval_seconds})
    if inside is not None:
        settings = inside.on_hosts(settings, options["hosts"])
    model = inside.model_name(settings) if inside else model_name(settings.run.decider, settings.run.placer)
    prepare_placer(settings, as_json)
    stem = f"{model}-seed{settings.run.seed}".replace(":", "-").replace("/", "-")
    parent = inside.logs if inside else RESULTS
    place: ContextManager[Path] = result_folder(out, stem, parent) if resume is None else nullcontext(resume)
    with place as folder, progress_bar(as_json) as report:
        if dashboard:
            show_dashboard(folder)
        execute = partial(inside.simulate, folder=folder) if inside else simulate
        live = LiveJournal(folder, model)
        result = execute(
            settings, model, lambda done, total: report(f"{model}: intervals", done, total), live=live
        )
    if resume is None:
        write_result(result, folder)
    else:
        try:
            _write_continued(result, folder)
        except SplitPlaceError:
            live.discard()  # the folder stays as it was
            raise
    live.close()
    if inside is not None:
        inside.write_tables(folder)
    if not no_report:
        write_report(result, folder, command_line())
    show(result, folder, as_json, no_report)
    if inside is not None and inside.assembly is not None and inside.assembly.failures:
        errors().print(
            f"{len(inside.assembly.failures)} failures of agents cost time; they are listed in {folder / ORIGIN_FILE}",
            highlight=False, soft_wrap=True,
        )
    if not result.complete:
        again = f"; go on with: cosco-splitplace run --resume {folder}" + (f" --cosco {inside.root}" if inside else "")
        errors().print(
            f"interrupted after {result.intervals_done} of {settings.run.intervals} intervals, which are kept"
            f"{'' if agents else again}", highlight=False, soft_wrap=True,
        )
        sys.exit(INTERRUPTED)


def _run_on_testbed(hosts_file: Optional[Path], **options: Any) -> None:
    """Run on the agents of `hosts_file`."""
    from ..backends.testbed.hosts_file import read_hosts_file
    from .real_run import real_run

    if hosts_file is None:
        raise ConfigurationError("--backend testbed needs --hosts-file FILE, which lists its agents (docs/testbed.md)")
    real_run(read_hosts_file(hosts_file), **options)


def _agents(
    environment: Optional[str], hosts_file: Optional[Path], mode: Optional[str], cosco: Optional[Path],
    resume: Optional[Path],
) -> Optional[Agents]:
    """The agents of a run on real hosts; None for a simulated one."""
    require(mode is None, "-m creates and destroys COSCO's machines, which is done outside of it here; leave it out")
    if environment is None:
        require(hosts_file is None, "--hosts-file lists the agents of a run on real hosts; give -e VLAN, too")
        return None
    require(cosco is not None, f"-e {environment} runs under COSCO's Framework; give --cosco PATH, too")
    require(resume is None, "a run on real hosts can't be resumed: it would not repeat itself; start a new one")
    return read_agents(environment, hosts_file)


def show(result: RunResult, folder: Path, as_json: bool, no_report: bool) -> None:
    if as_json:
        print_json(result_object(result, folder))
        return
    output().print(summary_table(result))
    output().print(application_table(result))
    what = "data" if no_report else "data, plots and report.html"
    output().print(f"{what} in {folder}", highlight=False, soft_wrap=True)


def result_object(result: RunResult, folder: Path) -> Dict[str, Any]:
    """What ``run --json`` prints."""
    return {
        "model": result.model,
        "seed": result.settings.run.seed,
        "intervals_done": result.intervals_done,
        "folder": str(folder),
        "metrics": dict(result.metrics),
        "applications": {one.application: one.as_row() for one in application_summaries(result)},
        "data_sources": dict(result.data_sources),
        "settings": result.settings.to_mapping(),
    }


def _resumed(folder: Path, out: Optional[Path], options: Dict[str, Any]) -> Settings:
    """Settings of the interrupted run in `folder`."""
    named = {name: value for name, value in options.items() if name not in ("resolve", "defaults")}
    given = sorted(name.replace("overrides", "set") for name, value in named.items() if value not in (None, ()))
    if out is not None or given:
        raise ConfigurationError(
            f"--resume takes its settings from {folder}; leave out {', '.join('--' + one for one in given) or '--out'}"
        )
    settings = Settings.from_toml(folder / SETTINGS_FILE)
    found = read_metrics(folder)
    if found.complete:
        raise ConfigurationError(
            f"the run in {folder} is complete ({found.intervals_done} intervals); there is nothing to resume"
        )
    return settings


def _write_continued(result: RunResult, folder: Path) -> None:
    """Replace an interrupted run's files by the continued one's.

    A run is resumed by repeating it from its seed, which takes seconds; the kept intervals must come out the same.

    Raises
    ------
    DataFileError
        They do not: another version of the program, or other data, made them. The folder is left as it was.
    """
    with TemporaryDirectory(prefix=".resumed-", dir=folder) as name:
        write_result(result, Path(name))
        kept = (folder / INTERVALS_FILE).read_text(encoding="utf-8")
        if not (Path(name) / INTERVALS_FILE).read_text(encoding="utf-8").startswith(kept):
            raise DataFileError(
                f"the intervals kept in {folder} do not come out again: another version or other data made them; "
                f"start a new run with: cosco-splitplace run --config {folder / SETTINGS_FILE}"
            )
        for path in sorted(Path(name).iterdir()):
            os.replace(path, folder / path.name)
    (folder / LIVE_FILE).unlink(missing_ok=True)
