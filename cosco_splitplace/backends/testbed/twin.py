"""A testbed's twin: its hosts as the simulator needs them, measured on them.

The simulator counts work in instructions, and takes it that a host does as many of them a second whatever it runs. Real
networks are not so: a narrow layer is slower than a wide one, multiply-add for multiply-add. In the twin's catalogue
the multiply-adds of a fragment are therefore those that the first host would have done in the time that the fragment
takes there; the other hosts are as much faster or slower as they were on all fragments together. What a fragment costs
besides (requests, a process, loading) is in the hosts' ping.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Tuple

import numpy as np

from ...agent.client import AgentClient
from ...arrivals.catalogue import Application, load_catalogue
from ...cluster import Cluster
from ...config import FragmentSettings, Settings
from ...datafiles import data_path
from ...errors import SplitPlaceError
from ...splitting.names import MANIFEST, fragment_file
from .hosts_file import HostsFile
from .running import offered_cluster, settings_on_hosts

HOSTS, APPS, SETTINGS = "hosts.json", "apps.json", "settings.toml"
CHUNKS = 8  # micro-batches of a measurement; our choice
REPEATS = 3  # of it, of which the fastest counts; our choice
PATIENCE_S = 300.0
MS_PER_S = 1e3

FragmentKey = Tuple[str, str, int]  # application, split, index
Progress = Callable[[int, int], None]


class HostMeasurement(NamedTuple):
    """Seconds an image of each fragment on one core, and what a fragment costs besides, in seconds."""

    image_s: Mapping[FragmentKey, float]
    overhead_s: float


def make_twin(settings: Settings, hosts: HostsFile, folder: Path, progress: Progress = lambda *_: None) -> Settings:
    """Measure the hosts and write their twin into `folder`; the settings with which it is simulated.

    Parameters
    ----------
    settings : whose applications, micro-batch and cores a fragment are measured.
    folder : gets hosts.json, apps.json and settings.toml.
    progress : called with (measurements done, in all).

    Raises
    ------
    AgentSilent, AgentRefusal, SplitPlaceError
        A host does not answer or can't run a fragment.
    """
    settings = settings_on_hosts(settings, hosts)
    cluster = offered_cluster(settings, hosts)
    applications = load_catalogue(settings.arrivals.apps_file, settings.arrivals.applications)
    total = len(hosts.urls) * len(list(_fragments(applications)))
    found: List[HostMeasurement] = []
    for url in hosts.urls:
        done = len(found) * (total // len(hosts.urls))
        measured = _measure(
            AgentClient(url, hosts.credentials), applications, settings.fragments,
            lambda count, done=done: progress(done + count, total),  # type: ignore[misc]
        )  # fmt: skip
        found.append(measured)
    folder.mkdir(parents=True, exist_ok=True)
    twin = settings.replace(
        cluster={"hosts_file": str(folder / HOSTS)},
        arrivals={"apps_file": str(folder / APPS)},
        fragments={"semantic_work": 1.0, "compressed_work": 1.0},
    )
    _write(folder / HOSTS, _hosts(hosts, cluster, found))
    mips = float(cluster.mips[0] / cluster.cores[0])
    _write(folder / APPS, _catalogue(settings, found[0], mips, folder))
    (folder / SETTINGS).write_text(twin.to_toml(), encoding="utf-8")
    return twin


def _fragments(applications: Mapping[str, Application]) -> List[FragmentKey]:
    return [
        (application.name, split.name, index)
        for application in applications.values()
        for split in application.splits.values()
        for index in range(len(split.fragments))
    ]


def _measure(
    client: AgentClient,
    applications: Mapping[str, Application],
    settings: FragmentSettings,
    progress: Callable[[int], None],
) -> HostMeasurement:
    image_s: Dict[FragmentKey, float] = {}
    besides: List[float] = []
    for number, key in enumerate(_fragments(applications), 1):
        folder = applications[key[0]].split(key[1]).artifact
        runs = [_run(client, folder, key[2], settings) for _ in range(REPEATS)]
        image_s[key] = min(seconds for seconds, _ in runs)
        besides.append(min(overhead for _, overhead in runs))
        progress(number)
    return HostMeasurement(image_s, float(np.median(besides)))


def _run(client: AgentClient, folder: Path, index: int, settings: FragmentSettings) -> Tuple[float, float]:
    """Seconds an image, and seconds besides, of a fragment that works on images of its own making."""
    name = f"twin-{secrets.token_hex(4)}"
    images = CHUNKS * settings.micro_batch_images
    spec = {
        "manifest": client.put_artifact((folder / MANIFEST).read_bytes()),
        "weights": client.put_artifact((folder / fragment_file(index)).read_bytes()),
        "index": index, "chunks": CHUNKS, "images_at_once": settings.micro_batch_images, "memory_mb": 900,
        "cpus": settings.cores, "made_up_images": images,
    }  # fmt: skip
    began = time.monotonic()
    client.create(name, spec)
    try:
        result = _result(client, name, began + PATIENCE_S)
        spent = time.monotonic() - began
    finally:
        client.delete(name)
    working = result["wall_s"] - result["wait_s"]  # the making of its images counts as waiting
    return working / images, max(0.0, spent - result["wall_s"])


def _result(client: AgentClient, name: str, until: float) -> Mapping[str, Any]:
    incarnation, since = "", -1
    while time.monotonic() < until:
        told = client.notifications(incarnation, since, 5.0)
        incarnation, since = told["incarnation"], told["version"]
        for one in told["fragments"]:
            if one["name"] == name and one["state"] == "finished":
                result: Mapping[str, Any] = one["result"]
                return result
            if one["name"] == name and one["state"] == "failed":
                raise SplitPlaceError(f"{client.url} can't be measured: {one['error']}")
    raise SplitPlaceError(f"{client.url} did not finish a measurement in {PATIENCE_S:g} s")


def _hosts(hosts: HostsFile, cluster: Cluster, found: List[HostMeasurement]) -> Dict[str, Any]:
    """The hosts file: a type for each host."""
    first = sum(found[0].image_s.values())
    workers = []
    for index, measured in enumerate(found):
        speed = first / sum(measured.image_s.values())
        workers.append(
            {
                "name": f"host-{index}",
                "quantity": 1,
                "cores": float(cluster.cores[index]),
                "mips": float(cluster.mips[0] / cluster.cores[0] * cluster.cores[index]) * speed,
                "ram_mb": float(cluster.ram_mb[index]),
                # a fragment's input and its output pass it once each
                "ping_ms": max(float(cluster.ping_s[index]), measured.overhead_s / 2) * MS_PER_S,
                "link_mb_s": float(cluster.link_mb_s[index]),
                "price_usd_h": float(cluster.price_usd_h[index]),
                "power_w": [float(one) for one in cluster.power_w[index]],
            }
        )
    broker = {
        "name": "broker", "link_mb_s": cluster.broker_link_mb_s, "ping_ms": cluster.broker_ping_s * MS_PER_S,
        "price_usd_h": 0.0,
    }  # fmt: skip
    origin = f"measured on the agents of {hosts.path.name} by testbed twin"
    return {"format": 1, "origin": origin, "workers": workers, "broker": broker}


def _catalogue(settings: Settings, measured: HostMeasurement, mips: float, folder: Path) -> Dict[str, Any]:
    """The catalogue file of the settings, with work as the first host takes it; paths lead to the same artifacts."""
    source = data_path(settings.arrivals.apps_file, "apps.json")
    content: Dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    instructions = settings.fragments.instructions_per_multiply_add
    named = settings.arrivals.applications or list(content["applications"])
    content["applications"] = {name: content["applications"][name] for name in named}
    for name, application in content["applications"].items():
        for split, table in application["splits"].items():
            artifact = (source.parent / "artifacts" / table["artifact"]).resolve()
            table["artifact"] = os.path.relpath(artifact, folder.resolve() / "artifacts")
            for index, fragment in enumerate(table["fragments"]):
                work = measured.image_s[name, split, index] * mips * 1e6
                fragment["multiply_adds"] = max(1, round(work / instructions))
    return content


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
