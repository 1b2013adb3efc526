"""COSCO's opcodes: a request is a GET with a JSON object to /request, so that COSCO's own Framework can drive an agent.

``hostStat``, ``ContainerStat``, ``hostDetails...``, ``delete`` and ``migrate`` are answered here. COSCO's create, stop,
start, checkpoint and restore follow with the Docker engine.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping

from flask import Flask, Response, jsonify, request

from ..errors import AgentRefusal
from . import names
from .body import json_body

if TYPE_CHECKING:
    from .server import Agent

_COSCO_NAME = re.compile(r"\d{1,12}_[A-Za-z0-9-]{1,40}", re.ASCII)


def add_opcodes(app: Flask, agent: "Agent") -> None:
    """Answer opcodes at /request."""

    def host_stat(_: Mapping[str, Any]) -> Dict[str, Any]:
        now = agent.facts.now()
        used_mb = now["disk_mb"] - now["free_disk_mb"]
        return {
            "ip": request.host.partition(":")[0],
            "time-stamp": time.time(),
            "cpu": 100 * now["cpu_share"],
            "memory": 100 * (1 - now["free_memory_mb"] / agent.facts.still()["total_memory_mb"]),
            "disk": used_mb,
        }

    def container_stat(_: Mapping[str, Any]) -> Dict[str, Any]:
        return {
            "time-stamp": time.time(),
            "hostIP": request.host.partition(":")[0],
            "stats": [
                {
                    "name": one["name"],
                    "time": time.time(),
                    "running": one["state"] in ("running", "moving"),
                    "error": one["error"],
                }
                for one in agent.fragments.held()
            ],
        }

    def host_details(_: Mapping[str, Any]) -> Dict[str, Any]:
        still, now = agent.facts.still(), agent.facts.now()
        return {"Total_Memory": still["total_memory_mb"], "Total_Disk": int(now["disk_mb"]), "cores": still["cores"]}

    def delete(payload: Mapping[str, Any]) -> Dict[str, Any]:
        agent.fragments.delete(_name(payload))
        return {"rc": 0}

    opcodes: Dict[str, Callable[[Mapping[str, Any]], Dict[str, Any]]] = {
        "hostStat": host_stat,
        "ContainerStat": container_stat,
        "hostDetailsPhysical": host_details,
        "hostDetailsVirtual": host_details,
        "delete": delete,
    }

    @app.get("/request")
    def answer() -> Response:
        payload = json_body()
        if not isinstance(payload, dict) or not isinstance(payload.get("opcode"), str):
            raise AgentRefusal("the body is no JSON object with an opcode")
        if payload["opcode"] not in opcodes:
            raise AgentRefusal(
                f"unknown opcode {names.shown(payload['opcode'])}; allowed: {', '.join(sorted(opcodes))}"
            )
        return jsonify(opcodes[payload["opcode"]](payload))


def _name(payload: Mapping[str, Any]) -> str:
    name = payload.get("name")
    if not isinstance(name, str) or not _COSCO_NAME.fullmatch(name):
        raise AgentRefusal(f"{names.shown(name)} is no container's name; allowed: its creation id, _ and its number")
    return name
