"""``cosco-splitplace install`` and ``uninstall``: the one line in a COSCO checkout's ``main.py``."""
from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Optional

import click

from ..bridge.checkout import open_checkout, place_of
from ..bridge.hook import ABSENT, CURRENT, HookChange, install_hook, uninstall_hook
from .console import output

PATH_HELP = "PATH is the checkout; default: $COSCO_HOME, else the current directory."


@click.command(epilog=PATH_HELP)
@click.argument("path", required=False, type=click.Path(path_type=Path))
def install(path: Optional[Path]) -> None:
    """Let a COSCO checkout's main.py know --scheduler SplitPlace.

    Checks that it is a COSCO that this plugin understands, then adds one line to main.py. The line does nothing
    without --scheduler. Nothing else in the checkout is changed; `cosco-splitplace uninstall` takes it away again.
    """
    checkout = open_checkout(path)
    _say(_installed(install_hook(checkout.root)))
    python = _python()
    _say(
        f"""
Next:
  cd {shlex.quote(str(checkout.root))}
  {python} main.py --scheduler SplitPlace      a run of the paper's model
  {python} main.py --scheduler list            all that may stand there, COSCO's own schedulers too
  {python} main.py --scheduler SplitPlace -h   its options
To see what is missing on this machine: cosco-splitplace doctor {shlex.quote(str(checkout.root))}
To take the line away again: cosco-splitplace uninstall {shlex.quote(str(checkout.root))}"""
    )


@click.command(epilog=PATH_HELP)
@click.argument("path", required=False, type=click.Path(path_type=Path))
def uninstall(path: Optional[Path]) -> None:
    """Take this plugin's line out of a COSCO checkout's main.py, and nothing else."""
    change = uninstall_hook(place_of(path))
    if change.changed:
        _say(f"removed this plugin's line {change.line} from {change.file}; every other byte is as it was")
    else:
        _say(f"{change.file} has no line of this plugin; nothing was done")


def _installed(change: HookChange) -> str:
    if change.before == CURRENT:
        return f"{change.file} has the line already; nothing was done"
    what = "added one line to" if change.before == ABSENT else "renewed this plugin's line in"
    return f"{what} {change.file}: line {change.line}; every other byte is as it was"


def _python() -> str:
    """How to call this Python: "python" if that is what a shell finds."""
    found = shutil.which("python")
    same = found is not None and Path(found).parent == Path(sys.executable).parent
    return "python" if same else shlex.quote(sys.executable)


def _say(text: str) -> None:
    output().print(text, highlight=False, markup=False, soft_wrap=True)
