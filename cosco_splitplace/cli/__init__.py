"""The command ``cosco-splitplace``: each command in a file of its own; only here is anything printed."""
from __future__ import annotations

import sys
from importlib import import_module
from typing import List, Optional

import click

from .. import __version__
from ..errors import SplitPlaceError
from .console import INTERRUPTED, errors

COMMANDS = {
    "run": "run:run",
    "compare": "compare:compare",
    "reproduce": "reproduce:reproduce_command",
    "report": "report:report",
    "dashboard": "dashboard:dashboard",
    "bound": "bound:bound",
    "calibrate": "calibrate:calibrate_command",
    "split": "split:split",
    "study": "study:study",
    "profile": "profile:profile",
    "data": "data:data",
    "fragments": "fragments:fragments",
    "train": "train:train",
    "inspect": "inspect:inspect",
    "list": "listing:list_command",
    "mobility": "mobility:mobility",
    "images": "images:images",
    "testbed": "testbed:testbed",
    "agent": "agent:agent",
    "install": "install:install",
    "uninstall": "install:uninstall",
    "doctor": "doctor:doctor",
}


class LazyGroup(click.Group):
    """A command is imported when it is used: an agent must not carry torch and pandas."""

    def list_commands(self, ctx: click.Context) -> List[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f".{module}", __name__), name)
        return command


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Start with: cosco-splitplace run. Then: cosco-splitplace compare --regime slack --seeds 5",
)
@click.version_option(__version__)
def cli() -> None:
    """Decide how to split neural networks, and place the fragments on small edge machines (SplitPlace).

    Tasks (a batch of images, a deadline, an application) arrive at a broker. A decider chooses a layer split or a
    semantic split for each, a placer puts the fragments on hosts, and outcomes teach both.
    """


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
