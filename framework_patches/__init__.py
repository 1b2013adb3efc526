"""Subclasses of COSCO's two environments, of what is in them and of Stats, and what its ``main.py`` calls.

Importing this package imports nothing of COSCO; the classes do, so that a checkout must have been anchored first
(``cosco_splitplace.bridge.anchor``).
"""
from __future__ import annotations

from importlib import import_module
from typing import Any, Sequence

_HOMES = {
    "SplitPlaceContainer": "container",
    "SplitPlaceDatacenter": "datacenter",
    "SplitPlaceFramework": "framework",
    "SplitPlaceHost": "host",
    "SplitPlaceNode": "node",
    "SplitPlaceSimulator": "simulator",
    "SplitPlaceStats": "stats",
    "SplitPlaceTask": "task",
}

__all__ = [*sorted(_HOMES), "main"]  # noqa: PLE0604  (names of the lazy classes below)


def main(argv: Sequence[str]) -> int:
    """What the line in COSCO's ``main.py`` ends in: run with `argv` in the anchored checkout; the exit code."""
    from ..cli.inside import main as run

    return run(argv)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
