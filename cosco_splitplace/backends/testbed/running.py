"""A run on the testbed: the parts on agents, one loop, a journal in the result folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np

from ...agent.client import AgentClient, AgentSilent
from ...arrivals.catalogue import load_catalogue
from ...cluster import Cluster, cluster_of
from ...config import EDGE, Settings
from ...errors import AgentRefusal, require
from ...live import LiveJournal
from ...records import UNSPLIT, RunResult
from ...simulation import Progress, build_loop, run_loop
from ...threads import limited_threads
from .backend import TestbedBackend
from .data import TaskData
from .hosts_file import HostsFile
from .journal import Journal
from .journaled import JournaledBackend
from .moving import MovingLinks

JOURNAL, RESULTS = "journal.sqlite", "results"
DEFAULTS: Dict[str, Dict[str, Any]] = {
    "run": {"intervals": 10, "interval_s": 20.0, "drain_intervals": 60},
    "cluster": {"mobility": False},
    "arrivals": {"rate": 1.2, "batch_min": 500, "batch_max": 2000},
    "fragments": {"resident_batch": False, "cores": 1.0},
}
"""What holds on a testbed unless the user says otherwise (our choice): batches that a small machine answers within an
interval, and fragments that stream, so that a micro-batch is all that they hold."""


@dataclass(frozen=True)
class TestbedRun:
    """What came of a run on a testbed: the result, and what went wrong and cost time, in order."""

    __test__ = False  # for pytest

    result: RunResult
    incidents: List[str]


def settings_on_hosts(settings: Settings, hosts: HostsFile) -> Settings:
    """The settings for these hosts: their number and their types, and links that nobody simulates.

    Raises
    ------
    ConfigurationError
        They ask for what is only simulated: a cloud, hosts that come and go, whole networks.
    """
    for asked, what in (
        (settings.cluster.location != EDGE, f"cluster.location = {settings.cluster.location!r}"),
        (settings.churn.stay_intervals > 0, f"churn.stay_intervals = {settings.churn.stay_intervals:g}"),
        (settings.run.decider == UNSPLIT, f"the decider {UNSPLIT!r}, whose networks are in no artifact as a whole"),
    ):
        require(not asked, f"{what} is simulated only; leave it out on real hosts")
    types = hosts.types_file or settings.cluster.hosts_file
    return settings.replace(cluster={"hosts": len(hosts.urls), "mobility": False, "hosts_file": types})


def offered_cluster(settings: Settings, hosts: HostsFile) -> Cluster:
    """The hosts with the memory that their agents offer; one that does not answer has what its type says."""
    cluster = cluster_of(settings.cluster, hosts.types)
    offers = cluster.ram_mb.copy()
    for index, url in enumerate(hosts.urls):
        try:
            offers[index] = float(AgentClient(url, hosts.credentials).host()["memory_mb"])
        except (AgentSilent, AgentRefusal, KeyError, TypeError, ValueError):
            continue  # the backend notes it
    return replace(cluster, ram_mb=np.minimum(cluster.ram_mb, offers))


def run_on_testbed(
    settings: Settings,
    hosts: HostsFile,
    folder: Path,
    model: str = "",
    progress: Optional[Progress] = None,
    moving: Optional[MovingLinks] = None,
    live: Optional[LiveJournal] = None,
) -> TestbedRun:
    """Run `settings` on the agents of `hosts`, in real time.

    Parameters
    ----------
    folder : where journal and results are kept; a run that was killed there is gone on with.
    moving : the hosts' links, where they follow a trace; they get their nominal bandwidth back in the end.
    live : writes down what happens while it happens.

    Raises
    ------
    NoAgentError
        None of the agents answers.
    """
    with limited_threads(1):
        journaled = put_up_testbed(settings, hosts, folder)
        backend = journaled.inner

        def begin(interval: int) -> None:
            if moving is not None:
                backend.link_mb_s = moving.follow(interval)

        try:
            backend.greet()
            begin(0)
            loop = build_loop(settings, cluster=backend.cluster, backend=journaled, accuracy=backend)
            result = run_loop(loop, model, progress, lambda interval: begin(interval + 1), live)
        except BaseException:
            backend.abandon()
            raise
        finally:
            if moving is not None:
                moving.settle()
        backend.close()
    return TestbedRun(result, backend.incidents)


def put_up_testbed(settings: Settings, hosts: HostsFile, folder: Path) -> JournaledBackend[TestbedBackend]:
    """The backend of a run on `hosts`, not yet connected; journal and results are in `folder`."""
    journal = Journal(folder / JOURNAL)
    cluster = offered_cluster(settings, hosts)
    applications = load_catalogue(settings.arrivals.apps_file, settings.arrivals.applications)
    backend = TestbedBackend(
        cluster=cluster,
        urls=hosts.urls,
        credentials=hosts.credentials,
        data=TaskData(applications, folder / RESULTS, settings.fragments.micro_batch_images),
        journal=journal,
        settings=settings.testbed,
        room_mb=cluster.ram_mb * settings.engine.ram_overcommit,
        cores=settings.fragments.cores,
    )
    return JournaledBackend(backend, journal)
