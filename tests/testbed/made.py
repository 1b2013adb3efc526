"""Fragments of a shipped network, their inputs, and what they must put out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
from numpy.typing import NDArray

import cosco_splitplace
from cosco_splitplace.agent.client import AgentClient
from cosco_splitplace.pipeline.payload import decode, encode
from cosco_splitplace.splitting.artifacts import load_artifact

ARTIFACT = Path(cosco_splitplace.__file__).parent / "data" / "artifacts" / "MNIST" / "layer"
PATIENCE_S = 60.0


def images(count: int, seed: int = 0) -> NDArray[np.uint8]:
    """Random pixels."""
    return np.random.default_rng(seed).integers(0, 256, (count, 1, 28, 28), dtype=np.uint8)


def payloads(pixels: NDArray[np.uint8], size: int = 64) -> List[bytes]:
    """The images as payloads of `size`."""
    return [encode(pixels[at : at + size]) for at in range(0, len(pixels), size)]


def spec(client: AgentClient, index: int, chunks: int, **changes: Any) -> Dict[str, Any]:
    """A fragment of the shipped MNIST chain; its files are sent."""
    return {
        "manifest": client.put_artifact((ARTIFACT / "manifest.json").read_bytes()),
        "weights": client.put_artifact((ARTIFACT / f"fragment-{index}.safetensors").read_bytes()),
        "index": index,
        "chunks": chunks,
        "images_at_once": 64,
        "memory_mb": 600,
        **changes,
    }


def whole(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The logits of the network in one piece."""
    return load_artifact(ARTIFACT).logits(pixels, 64)


def status(client: AgentClient, name: str) -> Dict[str, Any]:
    """What the agent tells of a fragment."""
    return next(one for one in client.notifications("", -1, 0.0)["fragments"] if one["name"] == name)


def wait_for(client: AgentClient, name: str, reached: Callable[[Dict[str, Any]], bool]) -> Dict[str, Any]:
    """The fragment's state once it is `reached`; woken by notifications."""
    incarnation, since, until = "", -1, time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        told = client.notifications(incarnation, since, 5.0)
        incarnation, since = told["incarnation"], told["version"]
        for one in told["fragments"]:
            if one["name"] == name and reached(one):
                return one
    raise AssertionError(f"{name} is {status(client, name)}")


def wait_until_finished(client: AgentClient, name: str) -> Dict[str, Any]:
    """The fragment's state once it has finished."""
    found = wait_for(client, name, lambda one: one["state"] in ("finished", "failed"))
    assert found["state"] == "finished", found["error"]
    return found


def fetched(client: AgentClient, name: str) -> NDArray[np.float32]:
    """A fragment's outputs as one."""
    return np.concatenate([decode(one) for one in client.all_outputs(name)])
