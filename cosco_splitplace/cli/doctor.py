"""``cosco-splitplace doctor``: what there is, what is missing, and what that means."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Optional

import click
from rich.text import Text

from ..bridge.checkout import inspect_checkout, place_of
from ..bridge.doctor import OK, Check, Diagnosis, diagnose
from .common import print_json
from .console import output
from .install import PATH_HELP

CAN_NOT_RUN = 1
_STYLES = {"ok": "green", "missing": "yellow", "problem": "red"}


@click.command(epilog=PATH_HELP)
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(path: Optional[Path], as_json: bool) -> None:
    """Look at a COSCO checkout and this machine; say what each absence means and what to do.

    Changes nothing. The exit code is 0 if SplitPlace can run in the checkout, else 1.
    """
    diagnosis = diagnose(inspect_checkout(place_of(path)))
    if as_json:
        print_json(diagnosis.as_object())
    else:
        _show(diagnosis)
    sys.exit(0 if diagnosis.can_run else CAN_NOT_RUN)


def _show(diagnosis: Diagnosis) -> None:
    console = output()
    for one in diagnosis.checks:
        console.print(_told(one), highlight=False, soft_wrap=True)
    verdict = "can run" if diagnosis.can_run else "can't run, for want of what is marked as needed,"
    console.print(f"\nSplitPlace {verdict} in {diagnosis.root}", highlight=False, markup=False, soft_wrap=True)


def _told(check: Check) -> Text:
    """One line, and one below it for what an absence means and one for what to do."""
    lacking = check.needed and check.state != OK
    text = Text(f"{check.state:<8}", style="bold red" if lacking else _STYLES[check.state])
    text.append(f"{check.name}: {check.found}", style="default")
    if lacking:
        text.append(" (needed)", style="bold red")
    if check.means:
        text.append(f"\n{'':8}{check.means}", style="dim")
    if check.remedy:
        text.append(f"\n{'':8}-> {check.remedy}", style="dim")
    return text
