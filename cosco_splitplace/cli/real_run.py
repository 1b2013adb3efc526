"""A run on agents, for ``testbed run`` and ``run --backend testbed``."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Callable, ContextManager, Optional, TypeVar

import click

from ..backends.testbed.hosts_file import HostsFile
from ..backends.testbed.moving import MovingLinks
from ..backends.testbed.running import DEFAULTS, JOURNAL, run_on_testbed, settings_on_hosts
from ..config import Settings
from ..errors import require
from ..evaluation.models import model_name
from ..evaluation.report import write_report
from ..evaluation.result_folder import SETTINGS_FILE, result_folder, write_result
from ..live import LiveJournal
from .common import build_settings, command_line, prepare_placer, print_json, progress_bar
from .console import INTERRUPTED, errors
from .dashboard import dashboard_option, show_dashboard

F = TypeVar("F", bound=Callable[..., Any])
INCIDENTS_FILE = "incidents.txt"


def real_run_options(command: F) -> F:
    """What such runs have beside a simulated one's."""
    for option in reversed(
        (
            click.option("--interval-seconds", type=float, help="Length of an interval.  [default: 20]"),
            click.option(
                "--no-pipelining", is_flag=True, help="The paper's strict chain: a fragment waits for the one before."
            ),
            click.option(
                "--out", type=click.Path(path_type=Path), help="Result folder.  [default: results/<model>-seed<k>-001]"
            ),
            click.option(
                "--resume", type=click.Path(path_type=Path), help="Go on with the run that was killed in this folder."
            ),
            click.option(
                "--json", "as_json", is_flag=True, help="Print one JSON object instead of tables; no progress bar."
            ),
            click.option("--no-report", is_flag=True, help="Write data only: no plots, no report.html."),
            dashboard_option,
        )
    ):
        command = option(command)
    return command


def real_run(
    testbed: HostsFile,
    interval_seconds: Optional[float],
    no_pipelining: bool,
    out: Optional[Path],
    resume: Optional[Path],
    as_json: bool,
    no_report: bool,
    dashboard: bool,
    moving: Optional[MovingLinks] = None,
    **options: Any,
) -> None:
    """Run on `testbed`, write the result folder and show the result."""
    from .run import NO_REGIME, RESULTS, result_object, show

    require(options.get("hosts") is None, f"the number of hosts is that of {testbed.path}; leave --hosts out")
    if resume is None:
        if options.get("regime") is None and options.get("config") is None:
            options["regime"] = NO_REGIME
        settings = build_settings(**options, defaults=DEFAULTS)
        if interval_seconds is not None:
            settings = settings.replace(run={"interval_s": interval_seconds})
        if no_pipelining:
            settings = settings.replace(testbed={"pipelining": False})
        settings = settings_on_hosts(settings, testbed)
    else:
        settings = Settings.from_toml(resume / SETTINGS_FILE)
        require((resume / JOURNAL).exists(), f"{resume} holds no run on a testbed")
    model = model_name(settings.run.decider, settings.run.placer)
    prepare_placer(settings, as_json)
    stem = f"{model}-seed{settings.run.seed}".replace(":", "-").replace("/", "-")
    place: ContextManager[Path] = result_folder(out, stem, RESULTS) if resume is None else nullcontext(resume)
    with place as folder, progress_bar(as_json) as report:
        (folder / SETTINGS_FILE).write_text(settings.to_toml(), encoding="utf-8")
        if dashboard:
            show_dashboard(folder)
        live = LiveJournal(folder, model)
        run = run_on_testbed(
            settings, testbed, folder, model, lambda done, total: report(f"{model}: intervals", done, total), moving,
            live,
        )
    result = run.result
    write_result(result, folder)
    live.close()
    (folder / INCIDENTS_FILE).write_text("".join(f"{one}\n" for one in run.incidents), encoding="utf-8")
    if not no_report:
        write_report(result, folder, command_line())
    if as_json:
        print_json(
            {
                **result_object(result, folder),
                "incidents": run.incidents,
                "failures": [{"task": one.task.task_id, "reason": one.reason} for one in result.failures],
            }
        )
    else:
        show(result, folder, False, no_report)
        for failure in result.failures:
            errors().print(
                f"task {failure.task.task_id} was given up: {failure.reason}", highlight=False, soft_wrap=True
            )
        if run.incidents:
            errors().print(
                f"{len(run.incidents)} incidents cost time; they are in {folder / INCIDENTS_FILE}",
                highlight=False,
                soft_wrap=True,
            )
    if not result.complete:
        sys.exit(INTERRUPTED)
