"""Offline part: networks are trained, split into fragments, measured and written as artifacts."""

from __future__ import annotations

__all__: list[str] = []
