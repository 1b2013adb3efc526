"""Where commands print, and how."""
from __future__ import annotations

from rich.console import Console

INTERRUPTED = 130  # the exit code that shells give for an end by Ctrl-C
NARROWEST = 100  # columns: what tables need where there is no terminal to ask


def output() -> Console:
    """Where results are printed."""
    console = Console()
    return console if console.is_terminal else Console(width=max(NARROWEST, console.width))


def errors() -> Console:
    """Where everything else is printed, so that results can be piped."""
    return Console(stderr=True)
