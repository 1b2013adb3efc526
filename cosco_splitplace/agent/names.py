"""What may come from the wire as a name, a hash or an address. Nothing else becomes part of a path or a request."""

from __future__ import annotations

import re
from typing import Any, Mapping
from urllib.parse import urlsplit

from ..errors import AgentRefusal

NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}"
SHA256 = r"[0-9a-f]{64}"
MOST_CHUNKS = 100_000
_NAME, _SHA256 = re.compile(NAME, re.ASCII), re.compile(SHA256, re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:]{2,45}\]", re.ASCII)
LARGEST_PORT = 65535


def fragment_name(value: Any) -> str:
    """`value` as the name of a fragment: letters, digits, _ and -, at most 63."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise AgentRefusal(f"{shown(value)} is no fragment's name; allowed: 1 to 63 letters, digits, _ or -, not first")
    return value


def sha256(value: Any) -> str:
    """`value` as a SHA-256 in lower-case hexadecimal."""
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise AgentRefusal(f"{shown(value)} is no SHA-256; allowed: 64 lower-case hexadecimal digits")
    return value


def whole(value: Any, what: str, lowest: int, highest: int) -> int:
    """`value` as a whole number from `lowest` to `highest`."""
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise AgentRefusal(f"{what} is {shown(value)}; allowed: a whole number from {lowest} to {highest}")
    return value


def number(value: Any, what: str, lowest: float, highest: float) -> float:
    """`value` as a number from `lowest` to `highest`."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not lowest <= value <= highest:
        raise AgentRefusal(f"{what} is {shown(value)}; allowed: a number from {lowest:g} to {highest:g}")
    return float(value)


def agent_url(value: Any) -> str:
    """`value` as an agent's address: http or https, a host, a port, and nothing else."""
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        port = parts.port if parts else None
    except ValueError:
        parts = port = None
    good = (
        parts is not None
        and parts.scheme in ("http", "https")
        and port is not None
        and 0 < port <= LARGEST_PORT
        and value == f"{parts.scheme}://{parts.netloc}"
        and _HOST.fullmatch(parts.netloc[: -len(f":{port}")])
    )
    if not good:
        raise AgentRefusal(f"{shown(value)} is no agent's address; allowed: http(s)://HOST:PORT")
    return str(value)


def table(value: Any, what: str, required: Mapping[str, type], optional: Mapping[str, type]) -> Mapping[str, Any]:
    """`value` as a JSON object with all of the `required` keys and none but these and the `optional` ones."""
    if not isinstance(value, dict):
        raise AgentRefusal(f"{what} is {shown(value)}; allowed: a JSON object")
    missing = sorted(set(required) - set(value))
    unknown = sorted(set(value) - set(required) - set(optional))
    if missing or unknown:
        raise AgentRefusal(f"{what}: missing {missing}, unknown {[shown(one) for one in unknown]}")
    for key, kind in {**required, **optional}.items():
        if key in value and not isinstance(value[key], kind):
            raise AgentRefusal(f"{what}: {key} is {shown(value[key])}; allowed: of type {kind.__name__}")
    return value


def shown(value: Any) -> str:
    """What came, short enough for a message."""
    text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."
