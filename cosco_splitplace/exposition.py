"""Metrics as Prometheus reads them: the text exposition format, version 0.0.4."""

from __future__ import annotations

from typing import List, Mapping, Sequence, Tuple

MIME_TYPE = "text/plain; version=0.0.4"


class Exposition:
    """Metrics whose names begin with `prefix`; ``str`` of it is the text."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._lines: List[str] = []

    def family(self, name: str, kind: str, help_text: str, samples: Sequence[Tuple[str, float]]) -> None:
        """One metric: "gauge" or "counter", and its samples as (labels with braces or "", value)."""
        full = f"{self._prefix}_{name}"
        self._lines.append(f"# HELP {full} {help_text}")
        self._lines.append(f"# TYPE {full} {kind}")
        self._lines.extend(f"{full}{labels} {value:.15g}" for labels, value in samples)

    def __str__(self) -> str:
        return "\n".join(self._lines) + "\n"


def labels(values: Mapping[str, str]) -> str:
    """Labels with braces, their values escaped."""
    shown = (
        (name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in values.items()
    )
    return "{" + ",".join(f'{name}="{value}"' for name, value in shown) + "}"
