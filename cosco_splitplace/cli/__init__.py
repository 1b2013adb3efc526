"""The command ``cosco-splitplace``: each command in a file of its own; only here is anything printed."""
from __future__ import annotations

import sys

import click

from .. import __version__
from ..errors import SplitPlaceError
from .bound import bound
from .calibrate import calibrate_command
from .common import INTERRUPTED, errors
from .compare import compare
from .doctor import doctor
from .inspect import inspect
from .install import install, uninstall
from .listing import list_command
from .mobility import mobility
from .run import run
from .split import split
from .train import train


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Start with: cosco-splitplace run. Then: cosco-splitplace compare --regime slack --seeds 5",
)
@click.version_option(__version__)
def cli() -> None:
    """Decide how to split neural networks, and place the fragments on small edge machines (SplitPlace).

    Tasks (a batch of images, a deadline, an application) arrive at a broker. A decider chooses a layer split or a
    semantic split for each, a placer puts the fragments on hosts, and outcomes teach both.
    """


for _command in (
    run, compare, bound, calibrate_command, split, train, inspect, list_command, mobility, install, uninstall, doctor,
):
    cli.add_command(_command)


def main() -> None:
    """Run the command; the project's own errors become one clear line and exit code 2."""
    try:
        cli(standalone_mode=False)
    except SplitPlaceError as error:
        errors().print(f"[bold red]error:[/] {_escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        errors().print("interrupted; nothing was finished", highlight=False)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.exit(1)


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
