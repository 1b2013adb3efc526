"""What Prometheus reads: the host and its fragments, as text (exposition format 0.0.4)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Dict, List, Tuple

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
    lines: List[str] = []

    def family(name: str, kind: str, help_text: str, samples: List[Tuple[str, float]]) -> None:
        lines.append(f"# HELP {PREFIX}_{name} {help_text}")
        lines.append(f"# TYPE {PREFIX}_{name} {kind}")
        lines.extend(f"{PREFIX}_{name}{labels} {value:g}" for labels, value in samples)

    for name, help_text in GAUGES.items():
        family(name, "gauge", help_text, [("", now[name])])
    for name, help_text in COUNTERS.items():
        family(name, "counter", help_text, [("", now[name])])
    states = Counter(one["state"] for one in agent.fragments.held())
    family(
        "fragments",
        "gauge",
        "fragments that are here, by state",
        [(f'{{state="{state}"}}', count) for state, count in sorted(states.items())],
    )
    family(
        "refused_total",
        "counter",
        "requests that were refused, by HTTP status",
        [(f'{{status="{status}"}}', count) for status, count in sorted(agent.refused.items())],
    )
    family(
        "copies_failed_total",
        "counter",
        "copies over ssh that failed, so that payloads went over HTTP",
        [("", getattr(agent.settings.transport, "failures", 0))],
    )
    return "\n".join(lines) + "\n"
