"""Which software made a result."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Dict

PACKAGES = ("cosco-splitplace", "torch", "numpy", "pandas", "matplotlib")


def versions() -> Dict[str, str]:
    """Version of Python and of the packages that a result depends on; "" for one that is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
