"""The JSON in a request's body, whatever came."""

from __future__ import annotations

from typing import Any

from flask import request
from werkzeug.exceptions import HTTPException

from ..errors import AgentRefusal

MOST_JSON_BYTES = 16 * 2**20


def json_body() -> Any:
    """What the present request's body holds. Raises `AgentRefusal` if it is no JSON, or too much."""
    if (request.content_length or 0) > MOST_JSON_BYTES:
        raise AgentRefusal(f"{request.content_length} bytes of JSON; allowed: {MOST_JSON_BYTES}", 413)
    try:
        return request.get_json(force=True, silent=False, cache=False)
    except (HTTPException, RecursionError, ValueError):
        raise AgentRefusal("the body is no JSON") from None
