"""COSCO's opcodes: a request is a GET with a JSON object to /request, so that COSCO's own Framework can drive an agent.

They carry no data and name images, not fragments. An image ``cosco-splitplace/APPLICATION-SPLIT-INDEX`` stands for a
fragment of an artifact that is installed with this package; it works on made-up images, as COSCO's containers bring
their input. COSCO moves a container by three requests to two agents; here ``migrate`` does it all, ``checkpoint``
before it says whether there is something to move, and ``restore`` after it whether it has arrived.
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Tuple

import psutil
from flask import Flask, Response, jsonify, request

from ..datafiles import DATA_DIR
from ..errors import AgentRefusal
from ..pipeline.payload import digest
from ..splitting.names import MANIFEST, fragment_file
from . import names
from .body import json_body
from .migration import migrate
from .spec import FragmentSpec

if TYPE_CHECKING:
    from .server import Agent

Payload = Mapping[str, Any]
IMAGES, MICRO_BATCH, MEMORY_MB = 20_000, 256, 600  # of a container that COSCO creates; our choice
NEVER = "0001-01-01T00:00:00Z"  # Docker's date of the end of what has not ended
NOT_FOUND, CONFLICT = 404, 409
_COSCO_NAME = re.compile(r"\d{1,12}_[A-Za-z0-9-]{1,40}", re.ASCII)
_IMAGE = re.compile(r"cosco-splitplace/([a-z0-9]{1,40})-([a-z]{1,20})-(\d{1,4})", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}", re.ASCII)


class Opcodes:
    """What `agent` does for COSCO; a method an opcode."""

    def __init__(self, agent: "Agent") -> None:
        self._agent, self._fragments = agent, agent.fragments
        self.known: Dict[str, Callable[[Payload], Dict[str, Any]]] = {
            "create": self.create,
            "delete": self.delete,
            "start": self.start,
            "stop": self.stop,
            "checkpoint": self.checkpoint,
            "migrate": self.migrate,
            "restore": self.restore,
            "ContainerStat": self.container_stat,
            "hostStat": self.host_stat,
            "hostDetailsPhysical": self.host_details,
            "hostDetailsVirtual": self.host_details,
        }

    def create(self, payload: Payload) -> Dict[str, Any]:
        """Run the fragment that an image stands for."""
        name, (manifest, weights, index) = _name(payload), _artifact(payload.get("image"))
        for content in (manifest, weights):
            self._agent.artifacts.put(digest(content), content)
        chunks = -(-IMAGES // MICRO_BATCH)
        self._fragments.create(
            name,
            FragmentSpec(
                digest(manifest), digest(weights), index, chunks, MICRO_BATCH, MEMORY_MB, 1.0, made_up_images=IMAGES
            ),
        )
        return {"rc": 0, "message": f"container {name} was created"}

    def delete(self, payload: Payload) -> Dict[str, Any]:
        """End it and remove all that it has."""
        self._fragments.delete(_name(payload))
        return {"rc": 0}

    def start(self, payload: Payload) -> Dict[str, Any]:
        """Go on with what was stopped."""
        self._fragments.resume(_name(payload))
        return {"rc": 0}

    def stop(self, payload: Payload) -> Dict[str, Any]:
        """End its runtime after its micro-batch."""
        self._fragments.pause(_name(payload))
        return {"rc": 0}

    def checkpoint(self, payload: Payload) -> Dict[str, Any]:
        """Is there something to move? ``migrate`` freezes it when the target is known, so that it is away for less."""
        self._refuse_unless_running(_name(payload))
        return {"rc": 0}

    def migrate(self, payload: Payload) -> Dict[str, Any]:
        """Move it to the agent at ``targetIP``: a host, whose agent listens at our port, or HOST:PORT."""
        name, target = _name(payload), payload.get("targetIP")
        host, _, port = target.partition(":") if isinstance(target, str) else ("", "", "")
        if not _HOST.fullmatch(host):
            raise AgentRefusal(f"targetIP is {names.shown(target)}; allowed: HOST or HOST:PORT")
        own = request.host.rpartition(":")[2]
        url = names.agent_url(f"{request.scheme}://{host}:{port or own}")
        report = migrate(self._fragments, name, url, self._agent.settings.credentials)
        if not report["moved"]:
            raise AgentRefusal(f"{name} stays: {report['reason']}", CONFLICT)
        return {"rc": 0, **report}

    def restore(self, payload: Payload) -> Dict[str, Any]:
        """Has it arrived?"""
        self._refuse_unless_running(_name(payload))
        return {"rc": 0}

    def container_stat(self, _: Payload) -> Dict[str, Any]:
        """All containers, as Docker would tell of them."""
        return {
            "time-stamp": time.time(),
            "hostIP": _own_host(),
            "stats": [self._container(one) for one in self._fragments.held() if one["state"] != "moved"],
        }

    def host_stat(self, _: Payload) -> Dict[str, Any]:
        """What the host does: CPU and memory in percent, disk in use in MB."""
        now, still = self._agent.facts.now(), self._agent.facts.still()
        return {
            "ip": _own_host(),
            "time-stamp": time.time(),
            "cpu": 100 * now["cpu_share"],
            "memory": 100 * (1 - now["free_memory_mb"] / still["total_memory_mb"]),
            "disk": now["disk_mb"] - now["free_disk_mb"],
        }

    def host_details(self, _: Payload) -> Dict[str, Any]:
        """What the host is; by psutil, so that what only a benchmark could tell (disk and memory rates) is not told."""
        still, frequency = self._agent.facts.still(), psutil.cpu_freq()
        speeds = [one.speed for one in psutil.net_if_stats().values() if one.isup and one.speed > 0]
        clock = frequency.current if frequency else 0.0
        return {
            "Total_Memory": still["total_memory_mb"],
            "Total_Disk": int(self._agent.facts.now()["disk_mb"]),
            "Bandwidth": max(speeds, default=0),
            "cores": still["cores"],
            "clock": clock,
        }

    def _container(self, one: Mapping[str, Any]) -> Dict[str, Any]:
        used = self._agent.engine.usage(one["name"])
        ended = one["finished_age_s"]
        return {
            "name": one["name"],
            "time": time.time(),
            "running": one["state"] in ("running", "moving"),
            "cpu": 100 * used.cpu_s / max(one["created_age_s"], 1e-3),
            "memory": 100 * used.rss_mb * 1.048576 / self._agent.facts.still()["total_memory_mb"],
            "disk": "0M",
            "read_bytes": 0,
            "write_bytes": 0,
            "bw_up": 0.0,
            "bw_down": 0.0,
            "finished_at": NEVER if ended is None else _date(time.time() - ended),
            "error": one["error"],
        }

    def _refuse_unless_running(self, name: str) -> None:
        found = {one["name"]: one["state"] for one in self._fragments.held()}
        if found.get(name) != "running":
            raise AgentRefusal(f"container {name} is {found.get(name, 'not here')}; it has to run", NOT_FOUND)


def add_opcodes(app: Flask, agent: "Agent") -> None:
    """Answer opcodes at /request."""
    opcodes = Opcodes(agent)

    @app.get("/request")
    def answer() -> Response:
        payload = json_body()
        if not isinstance(payload, dict) or not isinstance(payload.get("opcode"), str):
            raise AgentRefusal("the body is no JSON object with an opcode")
        if payload["opcode"] not in opcodes.known:
            known = ", ".join(sorted(opcodes.known))
            raise AgentRefusal(f"unknown opcode {names.shown(payload['opcode'])}; allowed: {known}")
        return jsonify(opcodes.known[payload["opcode"]](payload))


def _name(payload: Payload) -> str:
    name = payload.get("name")
    if not isinstance(name, str) or not _COSCO_NAME.fullmatch(name):
        raise AgentRefusal(f"{names.shown(name)} is no container's name; allowed: its creation id, _ and its number")
    return name


def _artifact(image: Any) -> Tuple[bytes, bytes, int]:
    """Manifest, weights and number of the fragment that an image stands for."""
    found = _IMAGE.fullmatch(image) if isinstance(image, str) else None
    folders = [one for one in (DATA_DIR / "artifacts").glob("*/*") if one.is_dir()]
    installed = {(one.parent.name.lower(), one.name): one for one in folders}
    folder = installed.get((found[1], found[2])) if found else None
    weights = folder / fragment_file(int(found[3])) if folder is not None and found else None
    if folder is None or found is None or weights is None or not weights.is_file():
        known = ", ".join(sorted(f"cosco-splitplace/{name}-{split}-K" for name, split in installed))
        raise AgentRefusal(f"{names.shown(image)} is no image here; allowed: {known}", NOT_FOUND)
    return (folder / MANIFEST).read_bytes(), weights.read_bytes(), int(found[3])


def _own_host() -> str:
    return request.host.rpartition(":")[0] or request.host


def _date(seconds: float) -> str:
    """As Docker writes it."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
