"""How the files of an artifact are called. An agent needs the names, and nothing of what torch brings with it."""
from __future__ import annotations

MANIFEST = "manifest.json"


def fragment_file(index: int) -> str:
    """Name of the weights of fragment ``index`` (from 0) in its artifact."""
    return f"fragment-{index}.safetensors"
