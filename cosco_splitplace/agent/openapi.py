"""The OpenAPI document of /v1, which agents serve at /v1/openapi.json."""

from __future__ import annotations

from typing import Any, Dict, Optional

from .. import __version__
from ..pipeline.payload import PLAIN, ZSTD
from . import names
from .spec import MOST_CPUS, MOST_IMAGES, MOST_INDEX, MOST_MEMORY_MB, MOST_TARGETS

Json = Dict[str, Any]
_HASH: Json = {"type": "string", "pattern": f"^{names.SHA256}$"}
_NAME: Json = {"type": "string", "pattern": f"^{names.NAME}$"}
_TARGETS: Json = {"type": "array", "maxItems": MOST_TARGETS, "items": {"$ref": "#/components/schemas/Target"}}
_BYTES: Json = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


def _whole(lowest: int, highest: int) -> Json:
    return {"type": "integer", "minimum": lowest, "maximum": highest}


def _object(required: Json, optional: Optional[Json] = None) -> Json:
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": sorted(required), "additionalProperties": False}


SCHEMAS: Json = {
    "Target": _object({"agent": {"type": "string", "pattern": r"^https?://[^/@?#\s]+:\d{1,5}$"}, "fragment": _NAME}),
    "Fragment": _object(
        {
            "manifest": _HASH,
            "weights": _HASH,
            "index": _whole(0, MOST_INDEX),
            "chunks": _whole(1, names.MOST_CHUNKS),
            "images_at_once": _whole(1, MOST_IMAGES),
            "memory_mb": _whole(1, MOST_MEMORY_MB),
        },
        {"cpus": {"type": "number", "minimum": 0.01, "maximum": MOST_CPUS}, "forward": _TARGETS,
            "made_up_images": _whole(0, names.MOST_CHUNKS), "relay": _TARGETS},
    ),
    "Targets": _object({"forward": _TARGETS, "relay": _TARGETS}),
    "Links": _object({"chunks": {"type": "object", "additionalProperties": _HASH}}),
    "Migration": _object({"agent": {"type": "string"}}),
    "Arrival": _object(
        {
            "spec": {"$ref": "#/components/schemas/Fragment"},
            "frozen": {"type": "boolean"},
            "parts": {"type": "array", "minItems": 1, "items": _HASH},
        }
    ),
    "Error": _object({"error": {"type": "string", "description": "what came, what is allowed, what to do"}}),
}


def _parameter(name: str, place: str, schema: Json, required: bool = True) -> Json:
    return {"name": name, "in": place, "required": required, "schema": schema}


def _operation(
    summary: str, statuses: str, parameters: Optional[list[Json]] = None, body: str = "", answer: Optional[Json] = None
) -> Json:
    """One operation; `statuses` are the refusals that it may end in beside those of every operation."""
    error = {
        "description": "refused",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    found: Json = {
        "summary": summary,
        "responses": {
            "200": {
                "description": "done",
                **(answer or {"content": {"application/json": {"schema": {"type": "object"}}}}),
            },
            **{status: error for status in ["401", "413", "429", *statuses.split()]},
        },
    }
    if parameters:
        found["parameters"] = parameters
    if body == "binary":
        found["requestBody"] = {"required": True, **_BYTES}
    elif body:
        schema = {"$ref": f"#/components/schemas/{body}"}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def document() -> Json:
    """The whole document."""
    name, chunk = _parameter("name", "path", _NAME), _parameter("chunk", "path", _whole(0, names.MOST_CHUNKS - 1))
    upload = [
        _parameter("encoding", "query", {"type": "string", "enum": [PLAIN, ZSTD]}, required=False),
    ]
    blob = {
        "get": _operation("the blob of this hash", "400 404", [_parameter("sha256", "path", _HASH)], answer=_BYTES),
        "put": _operation("keep a blob", "400 422 507", [_parameter("sha256", "path", _HASH), *upload], "binary"),
    }
    text = {"content": {"text/plain": {"schema": {"type": "string"}}}}
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "cosco-splitplace agent",
            "version": __version__,
            "description": "What an edge host does for the broker and for other hosts.",
        },
        "security": [{"bearer": []}],
        "paths": {
            "/v1/openapi.json": {"get": _operation("this document", "")},
            "/v1/host": {"get": _operation("what the host is and does now", "")},
            "/v1/metrics": {"get": _operation("metrics for Prometheus", "", answer=text)},
            "/v1/notifications": {
                "get": _operation(
                    "the present state of every fragment that changed after a version; held back until there is one",
                    "400",
                    [
                        _parameter("incarnation", "query", {"type": "string"}, False),
                        _parameter("since", "query", {"type": "integer"}, False),
                        _parameter("wait", "query", {"type": "number", "minimum": 0, "maximum": 1}, False),
                    ],
                )
            },
            "/v1/fragments": {"get": _operation("the present state of all fragments", "")},
            "/v1/fragments/{name}": {
                "put": _operation("create and start a fragment", "400 409 507", [name], "Fragment"),
                "delete": _operation("end a fragment and remove all that it has", "400", [name]),
            },
            "/v1/fragments/{name}/targets": {
                "put": _operation("send its outputs and inputs there", "400 404", [name], "Targets")
            },
            "/v1/fragments/{name}/inputs": {
                "get": _operation("how many inputs it has got without a gap", "400 404", [name]),
                "post": _operation("take payloads that are here as inputs", "400 404 409", [name], "Links"),
            },
            "/v1/fragments/{name}/inputs/{chunk}": {
                "put": _operation(
                    "bring an input",
                    "400 404 409 422 507",
                    [
                        name,
                        chunk,
                        _parameter("sha256", "query", _HASH),
                        *upload,
                        _parameter("keep", "query", {"type": "string", "enum": ["0", "1"]}, False),
                    ],
                    "binary",
                )
            },
            "/v1/fragments/{name}/outputs": {"get": _operation("the hashes of its outputs", "400 404", [name])},
            "/v1/fragments/{name}/outputs/{chunk}": {
                "get": _operation(
                    "outputs up to `last`, each after its length (8 bytes, little endian); at least one",
                    "400 404",
                    [name, chunk, _parameter("last", "query", _whole(0, names.MOST_CHUNKS - 1), False)],
                    answer=_BYTES,
                )
            },
            "/v1/fragments/{name}/migrate": {
                "post": _operation("move a running fragment to another agent", "400 404 409", [name], "Migration")
            },
            "/v1/fragments/{name}/arrive": {
                "post": _operation("go on with a fragment that came", "400 409 422 507", [name], "Arrival")
            },
            "/v1/artifacts/{sha256}": blob,
            "/v1/payloads/{sha256}": blob,
        },
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}, "schemas": SCHEMAS},
    }
