"""Subclasses of COSCO's Workload; a checkout must be anchored before the classes are imported."""
from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "FragmentDiskModel": "models",
    "FragmentIPSModel": "models",
    "FragmentRAMModel": "models",
    "SplitPlaceFrameworkWorkload": "framework",
    "SplitPlaceWorkload": "simulated",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605  (names of the lazy classes below)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
