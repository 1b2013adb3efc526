"""Who runs a fragment on a host: a process of its own, or a Docker container."""

from __future__ import annotations

from .port import Engine, Limits, Usage

__all__ = ["Engine", "Limits", "Usage"]
