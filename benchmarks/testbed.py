"""What the testbed costs, in ratios measured side by side in one run: ``make bench-testbed``.

The release's way (its description: bz2 and pickle files, one forward an image, copies through the broker) is written
here for comparison; it is measured on fewer images and given per image, as it would take minutes otherwise.
"""

from __future__ import annotations

import bz2
import json
import os
import pickle
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import psutil
import torch

from cosco_splitplace.agent.client import AgentClient, Credentials
from cosco_splitplace.arrivals.catalogue import load_catalogue
from cosco_splitplace.backends.testbed.doctor import examine
from cosco_splitplace.backends.testbed.link import AgentLink
from cosco_splitplace.backends.testbed.local import DOCKER, LocalTestbed
from cosco_splitplace.pipeline.inference import load_network
from cosco_splitplace.pipeline.payload import Packed, encode
from cosco_splitplace.splitting.datasets import load_images

IMAGES, RELEASE_IMAGES, WORKERS, MICRO_BATCH = 20_000, 200, 4, 256
AT_ONCE = 64  # images that a fragment gives torch at once: their activations stay in the cache
BROADCAST_IMAGES, LINK_MB_S = 40_000, 2.0
TURNS = 7
AGENTS, WATCHED_S, IDLE_S = 200, 20.0, 15.0
ARTIFACT, BRANCHES = (load_catalogue(names=["MNIST"])["MNIST"].split(one).artifact for one in ("layer", "semantic"))


def mnist(count: int, seed: int = 0) -> np.ndarray:
    """Images drawn from the held-out ones."""
    held_out = load_images("MNIST", train=False).test_images
    return held_out[np.random.default_rng(seed).integers(len(held_out), size=count)]


def unsplit(images: np.ndarray) -> float:
    """Seconds of the network in one piece, on all cores."""
    network = load_network(ARTIFACT)
    torch.set_num_threads(psutil.cpu_count() or 1)
    network.logits(images[:MICRO_BATCH])
    began = time.perf_counter()
    network.logits(images, MICRO_BATCH)
    return time.perf_counter() - began


def release_way(images: np.ndarray) -> float:
    """Seconds of a chain as the release does it."""
    network = load_network(ARTIFACT)
    torch.set_num_threads(1)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name, torch.no_grad():
        host, broker, data = (
            Path(name) / "host",
            Path(name) / "broker",
            [torch.from_numpy(one[None].copy()) for one in images],
        )
        host.write_bytes(bz2.compress(pickle.dumps(data)))
        for fragment in network.fragments:
            given = pickle.loads(bz2.decompress(host.read_bytes()))  # noqa: S301  (this is what is compared with)
            host.write_bytes(bz2.compress(pickle.dumps([fragment(one) for one in given])))
            broker.write_bytes(host.read_bytes())  # from the host to the broker, and on to the next host
            host.write_bytes(broker.read_bytes())
    return time.perf_counter() - began


def wait_for(client: AgentClient, name: str, reached: Callable[[Dict[str, Any]], bool]) -> None:
    """Until what the agent tells of a fragment is `reached`."""
    incarnation, since, there = "", -1, False
    while not there:
        told = client.notifications(incarnation, since, 10.0)
        incarnation, since = told["incarnation"], told["version"]
        there = any(one["name"] == name and reached(one) for one in told["fragments"])


def layer_split(testbed: LocalTestbed, images: np.ndarray, run: int) -> float:
    """Seconds of the chain over the testbed's agents, from the creation of its fragments to the last result."""
    clients = [AgentClient(one.address, testbed.credentials()) for one in testbed.agents]
    contents = [encode(images[at : at + MICRO_BATCH]) for at in range(0, len(images), MICRO_BATCH)]
    count = len(load_network(ARTIFACT).fragments)
    manifest = (ARTIFACT / "manifest.json").read_bytes()
    began = time.perf_counter()
    for index in reversed(range(count)):
        client, following = clients[index % WORKERS], clients[(index + 1) % WORKERS]
        forward = [{"agent": following.url, "fragment": f"b{run}-{index + 1}"}] if index + 1 < count else []
        client.create(
            f"b{run}-{index}",
            {
                "manifest": client.put_artifact(manifest),
                "weights": client.put_artifact((ARTIFACT / f"fragment-{index}.safetensors").read_bytes()),
                "index": index,
                "chunks": len(contents),
                "images_at_once": AT_ONCE,
                "memory_mb": 900,
                "forward": forward,
            },
        )
    for at, content in enumerate(contents):
        clients[0].put_input(f"b{run}-0", at, content)
    last, name = clients[(count - 1) % WORKERS], f"b{run}-{count - 1}"
    wait_for(last, name, lambda told: told["state"] == "finished")
    for _ in last.all_outputs(name):
        pass
    done = time.perf_counter()
    for index in range(count):
        clients[index % WORKERS].delete(f"b{run}-{index}")
    return done - began


def broadcast(testbed: LocalTestbed, branches: int, seed: int) -> float:
    """Seconds until the first hosts have got a batch that none of them had, each over its own shaped link.

    The branches wait for their first micro-batch, which comes last, so that nothing but sending takes time.
    """
    images = mnist(BROADCAST_IMAGES, seed)
    packed = [Packed(encode(images[at : at + MICRO_BATCH])) for at in range(0, len(images), MICRO_BATCH)]
    clients = [AgentClient(one.address, testbed.credentials()) for one in testbed.agents[:branches]]
    manifest = (BRANCHES / "manifest.json").read_bytes()
    for index, client in enumerate(clients):
        weights = client.put_artifact((BRANCHES / f"fragment-{index}.safetensors").read_bytes())
        spec = {"manifest": client.put_artifact(manifest), "weights": weights, "index": index, "chunks": len(packed)}
        client.create(f"c{seed}-{index}", {**spec, "images_at_once": AT_ONCE, "memory_mb": 600})

    def feed(index: int) -> None:
        for chunk in reversed(range(len(packed))):
            clients[index].put_kept_input(f"c{seed}-{index}", chunk, packed[chunk])

    began = time.perf_counter()
    with ThreadPoolExecutor(branches) as links:
        list(links.map(feed, range(branches)))
    spent = time.perf_counter() - began
    for index, client in enumerate(clients):
        client.delete(f"c{seed}-{index}")
    return spent


def migration(testbed: LocalTestbed, run: int) -> Tuple[float, float]:
    """Seconds that a running torch container is nowhere while it moves between two daemons, and its MB."""
    here, there = (AgentClient(one.address, testbed.credentials(), 120.0) for one in testbed.agents[:2])
    images, name = mnist(20 * MICRO_BATCH), f"mover-{run}"
    weights = here.put_artifact((ARTIFACT / "fragment-0.safetensors").read_bytes())
    manifest = here.put_artifact((ARTIFACT / "manifest.json").read_bytes())
    there.put_artifact((ARTIFACT / "fragment-0.safetensors").read_bytes())
    spec = {"manifest": manifest, "weights": weights, "index": 0, "chunks": 40, "images_at_once": MICRO_BATCH}
    here.create(name, {**spec, "memory_mb": 900})
    for chunk in range(20):
        here.put_input(name, chunk, encode(images[chunk * MICRO_BATCH : (chunk + 1) * MICRO_BATCH]))
    wait_for(here, name, lambda told: told["outputs"] == 20)
    report = here.migrate(name, there.url)
    if not report["moved"]:
        raise RuntimeError(f"it did not move: {report['reason']}")
    there.delete(name)
    return float(report["downtime_s"]), report["bytes"] / 1e6


def as_root(name: str) -> List[Dict[str, Any]]:
    """Rows of what needs namespaces, and Docker with CRIU."""
    if os.geteuid() != 0:
        return [{"what": "broadcast and migration: not measured, they need root", "value": "", "target": ""}]
    shaped = LocalTestbed(Path(name) / "shaped")
    shaped.up(5, 700, link_mb_s=LINK_MB_S)
    try:
        broadcast(shaped, 5, 0)  # links are measured, agents warm
        one, five = (sorted(broadcast(shaped, n, 10 * n + run) for run in range(3))[1] for n in (1, 5))
    finally:
        shaped.down()
    rows = [
        {"what": f"{BROADCAST_IMAGES} images over a link of {LINK_MB_S:g} MB/s", "value": f"{one:.2f} s", "target": ""},
        {"what": "the same to 5 branches / to one", "value": f"{five / one:.2f}x", "target": "at most 1.2x"},
    ]
    missing = ", ".join(one.name for one in examine() if not one.there)
    if missing:
        return [*rows, {"what": f"migration: not measured, missing: {missing}", "value": "", "target": ""}]
    docker = LocalTestbed(Path(name) / "docker")
    docker.up(2, 2000, engine=DOCKER)
    os.sync()  # the images that were just imported, which a host has long had
    try:
        downtimes = sorted(migration(docker, run) for run in range(3))
    finally:
        docker.down()
    seconds, size_mb = downtimes[1]
    what = f"downtime of a torch container that migrates ({size_mb:.0f} MB on the wire)"
    return [*rows, {"what": what, "value": f"{seconds:.1f} s", "target": "under 8 s"}]


def idle_agent(testbed: LocalTestbed) -> Tuple[float, float]:
    """Resident MB and share of a core of an agent that nobody asks anything."""
    process = psutil.Process(testbed.agents[0].pid)
    process.cpu_percent()
    time.sleep(IDLE_S)
    return process.memory_info().rss / 2**20, process.cpu_percent() / 100


def watched_agents() -> float:
    """Share of a core that the broker takes to listen to many agents, which are simulated by another process."""
    import subprocess

    simulated = subprocess.Popen([sys.executable, __file__, "simulate"], stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        ports = json.loads(simulated.stdout.readline()) if simulated.stdout else []
        links = [
            AgentLink(
                i,
                AgentClient(f"http://127.0.0.1:{port}", Credentials("x")),
                15.0,
                lambda *_: None,
                lambda *_: None,
                lambda *_: None,
            )
            for i, port in enumerate(ports)
        ]
        for link in links:
            link.open()
        for link in links:
            link.greeted.wait(30)
        process = psutil.Process()
        process.cpu_percent()
        time.sleep(WATCHED_S)
        share = process.cpu_percent() / 100
        if not all(link.up for link in links):
            raise RuntimeError("an agent was lost")
        for link in links:
            link.close()
        return share
    finally:
        simulated.kill()


class Simulated(BaseHTTPRequestHandler):
    """An agent at which nothing happens."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(float(self.path.partition("wait=")[2] or 0))
        content = json.dumps({"incarnation": "x", "version": 0, "names": [], "fragments": [], "host": {}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def simulate() -> None:
    """Be many agents."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Simulated) for _ in range(AGENTS)]
    for one in servers:
        threading.Thread(target=one.serve_forever, daemon=True).start()
    print(json.dumps([one.server_port for one in servers]), flush=True)
    threading.Event().wait()


def main() -> None:
    """Measure, and print a table."""
    images, found = mnist(IMAGES), []
    with tempfile.TemporaryDirectory() as name:
        testbed = LocalTestbed(Path(name) / "testbed")
        testbed.up(WORKERS, 4000)
        try:
            rss_mb, share = idle_agent(testbed)
            cold = layer_split(testbed, images, 0)
            # in turns, as the machine may be slower at times
            turns = [(layer_split(testbed, images, 1 + turn), unsplit(images)) for turn in range(TURNS)]
        finally:
            testbed.down()
        rooted = as_root(name)
    warm, whole = (statistics.median(seconds) for seconds in zip(*turns))
    ratios = sorted(split / one for split, one in turns)
    release = release_way(images[:RELEASE_IMAGES]) * IMAGES / RELEASE_IMAGES
    rows: List[Dict[str, Any]] = [
        {
            "what": f"layer split, {IMAGES} MNIST images, {WORKERS} workers, agents warm",
            "value": f"{warm:.2f} s",
            "target": "",
        },
        {"what": "the same, first fragments of fresh agents (torch is loaded)", "value": f"{cold:.2f} s", "target": ""},
        {"what": "unsplit network, all cores", "value": f"{whole:.2f} s", "target": ""},
        {
            "what": f"split / unsplit, median of {TURNS} turns ({ratios[0]:.2f} to {ratios[-1]:.2f})",
            "value": f"{statistics.median(ratios):.2f}x",
            "target": "at most 1.4x",
        },
        {"what": f"the release's way (from {RELEASE_IMAGES} images)", "value": f"{release:.0f} s", "target": ""},
        {"what": "the release's way / split", "value": f"{release / warm:.0f}x", "target": "at least 15x"},
        {"what": "idle agent, memory", "value": f"{rss_mb:.0f} MB", "target": "under 80 MB"},
        {"what": "idle agent, CPU", "value": f"{share:.2%}", "target": "under 0.5 %"},
        {"what": f"broker, {AGENTS} agents", "value": f"{watched_agents():.1%} of a core", "target": "under 50 %"},
    ]
    found += rows + rooted
    for row in found:
        print(f"{row['what']:<68} {row['value']:>16}   {row['target']}")


if __name__ == "__main__":
    simulate() if sys.argv[1:] == ["simulate"] else main()
