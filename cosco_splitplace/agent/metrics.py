"""What Prometheus reads: the host and its fragments, as text (exposition format 0.0.4)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Dict, Tuple

from ..exposition import Exposition

if TYPE_CHECKING:
    from .server import Agent

PREFIX = "cosco_splitplace_agent"
FAMILIES: Dict[str, Tuple[str, str, float, str]] = {  # kind, fact, by what it is multiplied, meaning
    "cpu_share": ("gauge", "cpu_share", 1.0, "share of the CPU in use, 0 to 1"),
    "free_memory_bytes": ("gauge", "free_memory_mb", 1e6, "memory that is available"),
    "free_disk_bytes": ("gauge", "free_disk_mb", 1e6, "disk space that is free"),
    "up_seconds": ("gauge", "up_s", 1.0, "since the agent started"),
    "sent_bytes_total": ("counter", "sent_mb", 1e6, "sent by all interfaces since boot"),
    "received_bytes_total": ("counter", "received_mb", 1e6, "received by all interfaces since boot"),
}


def metrics_text(agent: "Agent") -> str:
    """All metrics of `agent`."""
    now = agent.facts.now()
    text = Exposition(PREFIX)
    for name, (kind, fact, factor, help_text) in FAMILIES.items():
        text.family(name, kind, help_text, [("", factor * now[fact])])
    states = Counter(one["state"] for one in agent.fragments.held())
    text.family(
        "fragments",
        "gauge",
        "fragments that are here, by state",
        [(f'{{state="{state}"}}', count) for state, count in sorted(states.items())],
    )
    text.family(
        "refused_total",
        "counter",
        "requests that were refused, by HTTP status",
        [(f'{{status="{status}"}}', count) for status, count in sorted(agent.refused.items())],
    )
    text.family(
        "copies_failed_total",
        "counter",
        "copies over ssh that failed, so that payloads went over HTTP",
        [("", getattr(agent.settings.transport, "failures", 0))],
    )
    return str(text)
