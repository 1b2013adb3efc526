"""What Prometheus reads: the host and its fragments, as text (exposition format 0.0.4)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Dict

from ..exposition import Exposition

if TYPE_CHECKING:
    from .server import Agent

PREFIX = "cosco_splitplace_agent"
GAUGES: Dict[str, str] = {
    "cpu_share": "share of the CPU in use, 0 to 1",
    "free_memory_mb": "memory that is available, MB",
    "free_disk_mb": "disk space that is free, MB",
    "up_s": "seconds since the agent started",
}
COUNTERS: Dict[str, str] = {
    "sent_mb": "sent by all interfaces since boot, MB",
    "received_mb": "received by all interfaces since boot, MB",
}


def metrics_text(agent: "Agent") -> str:
    """All metrics of `agent`."""
    now = agent.facts.now()
    text = Exposition(PREFIX)
    for name, help_text in GAUGES.items():
        text.family(name, "gauge", help_text, [("", now[name])])
    for name, help_text in COUNTERS.items():
        text.family(name, "counter", help_text, [("", now[name])])
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
