"""What Prometheus reads of the runs that go on, or ended while the server watched."""

from __future__ import annotations

import math
from typing import Dict, List, Tuple

import numpy as np

from ..exposition import Exposition, labels
from .runs import STATES, Runs
from .series import run_series
from .tables import RunTables

PREFIX = "cosco_splitplace_run"
GAUGES: Dict[str, Tuple[str, str]] = {
    "interval": ("interval", "the last interval that has ended"),
    "tasks_waiting": ("tasks_waiting", "tasks none of whose fragments has a host yet"),
    "tasks_running": ("tasks_running", "tasks with a fragment that had a host"),
    "reward": ("reward_so_far", "mean reward of the tasks that left, 0 to 1"),
    "violations": ("violations_so_far", "share of the tasks that left after their deadline, 0 to 1"),
    "accuracy": ("accuracy_so_far", "mean accuracy of the tasks that left, 0 to 1"),
    "response_intervals": ("response_so_far", "mean response of the tasks that left, intervals"),
    "layer_share": ("layer_share_so_far", "share of layer splits among the decisions, 0 to 1"),
    "waiting_fragments": ("waiting_fragments", "fragments that wait for a host"),
    "active_fragments": ("active_fragments", "fragments that have a host"),
    "cpu_utilisation": ("cpu_utilisation", "CPU in use, mean of the hosts, 0 to 1"),
    "ram_share": ("ram_share", "memory in use, share of all hosts', 0 to 1"),
    "scheduling_seconds": ("scheduling_s", "time of deciding and placing in the last interval"),
    "objective": ("objective", "the placer's objective in the last interval (equation 10)"),
    "predicted_objective": ("placer.predicted", "what the placer had predicted"),
}
COUNTERS: Dict[str, Tuple[str, str]] = {
    "tasks_arrived_total": ("tasks_arrived", "tasks that arrived"),
    "tasks_done_total": ("tasks_done", "tasks that left"),
    "tasks_late_total": ("tasks_late", "tasks whose deadline passed before their result came"),
    "energy_wh_total": ("energy_so_far_wh", "energy of all hosts, Wh"),
}
HOST_GAUGES: Dict[str, Tuple[str, float, str]] = {  # column, by what it is multiplied: Prometheus counts in bytes
    "host_cpu_utilisation": ("cpu_utilisation", 1.0, "CPU in use, 0 to 1"),
    "host_ram_bytes": ("ram_used_mb", 1e6, "memory taken by fragments"),
    "host_fragments": ("fragments", 1.0, "fragments on the host"),
    "host_bandwidth_bytes_per_second": ("bandwidth_mb_s", 1e6, "the link's bandwidth"),
}
MOST_HOSTS = 2000  # of all runs together: more would drown whoever scrapes them

Samples = List[Tuple[str, float]]


def prometheus_text(runs: Runs, watched: List[str]) -> str:
    """All metrics of the runs named `watched`."""
    shown: Dict[str, Tuple[RunTables, Dict[str, "np.typing.NDArray[np.float64]"]]] = {}
    states: Samples = []
    for run in runs.all():
        if run.name not in watched:
            continue
        now = run.look()
        states += [(labels({"run": run.name, "state": state}), float(state == now.state)) for state in STATES]
        if now.tables is not None and now.tables.n_intervals:
            shown[run.name] = now.tables, run_series(now.tables)
    text = Exposition(PREFIX)
    text.family("state", "gauge", "1 for the state that the run is in", states)
    for kind, families in (("gauge", GAUGES), ("counter", COUNTERS)):
        for name, (column, help_text) in families.items():
            samples = [
                (labels({"run": run, "model": tables.model}), float(series[column][-1]))
                for run, (tables, series) in shown.items()
                if column in series
            ]
            text.family(name, kind, help_text, [one for one in samples if math.isfinite(one[1])])
    for name, (column, factor, help_text) in HOST_GAUGES.items():
        samples = [
            (labels({"run": run, "host": str(host), "type": tables.host_types[host]}), factor * float(value))
            for run, (tables, _) in shown.items()
            for host, value in enumerate(tables.hosts[column][-1].tolist())
        ]
        text.family(name, "gauge", help_text, samples[:MOST_HOSTS])
    return str(text)
