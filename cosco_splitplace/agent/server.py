"""The agent's HTTP server: the REST API under /v1, and COSCO's opcodes on /request.

Every request needs the cluster's bearer token. What comes in is checked before anything is done with it, and a refusal
says what came and what is allowed.
"""

from __future__ import annotations

import hmac
import logging
import math
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Dict, Iterator

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from ..errors import AgentRefusal, EngineError, PayloadError
from ..pipeline.payload import PLAIN, ZSTD, Content, joined
from . import names
from .body import json_body
from .client import MOST_BYTES, Credentials, decoded
from .engines import Engine
from .fragments import Fragments
from .hostfacts import HostFacts
from .metrics import metrics_text
from .migration import Arrival, arrive, migrate
from .openapi import document
from .spec import FragmentSpec, chunk_index, links, targets
from .store import Store
from .transport import HttpTransport, Transport

logger = logging.getLogger(__name__)
LONGEST_WAIT_S = 60.0
TOKEN_BYTES = 16  # the least that a token must have
LOOPBACK = ("127.0.0.1", "::1")


@dataclass(frozen=True)
class AgentSettings:
    """What an agent is told when it starts.

    Parameters
    ----------
    folder : where it keeps everything; nobody else's.
    token : what clients must show.
    memory_mb : what its fragments may take together.
    most_upload_bytes : the largest payload.
    most_migration_bytes : the most that a migrated fragment may unpack to.
    reserve_bytes : disk space that stays free.
    requests_s : requests a second that one client may send, on average; bursts of 10 s are allowed.
    open_opcodes : take COSCO's opcodes without a token, from this machine only.
    credentials : for the agents that data is sent to.
    transport : how it gets there.
    """

    folder: Path
    token: str
    memory_mb: int
    credentials: Credentials
    most_upload_bytes: int = 512 * 2**20
    most_migration_bytes: int = 64 * 2**30
    reserve_bytes: int = 64 * 2**20
    requests_s: float = 500.0
    open_opcodes: bool = False
    transport: Transport = field(default_factory=HttpTransport)


@dataclass
class RateLimit:
    """A token bucket for each client."""

    per_s: float
    burst_s: float = 10.0
    _left: Dict[str, float] = field(default_factory=dict)
    _seen: Dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allows(self, client: str) -> bool:
        """Count a request; may it be answered?"""
        now = time.monotonic()
        with self._lock:
            if len(self._left) > 10_000:  # of addresses that came once
                self._left.clear()
            most = self.per_s * self.burst_s
            left = min(most, self._left.get(client, most) + (now - self._seen.get(client, now)) * self.per_s)
            self._seen[client] = now
            self._left[client] = left - 1 if left >= 1 else left
            return left >= 1


class Agent:
    """An agent's parts, put together."""

    def __init__(self, settings: AgentSettings, engine: Engine) -> None:
        if len(settings.token) < TOKEN_BYTES:
            raise AgentRefusal(f"the token has {len(settings.token)} characters; give at least {TOKEN_BYTES}")
        self.settings, self.engine = settings, engine
        folder = settings.folder.resolve()  # a fragment works in its own, where a relative path would lead elsewhere
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.artifacts = Store(folder / "artifacts", settings.most_upload_bytes, settings.reserve_bytes)
        self.payloads = Store(folder / "payloads", settings.most_upload_bytes, settings.reserve_bytes)
        self.facts = HostFacts(folder, settings.memory_mb)
        self.fragments = Fragments(
            folder / "fragments",
            engine,
            self.artifacts,
            self.payloads,
            settings.memory_mb,
            settings.credentials,
            settings.transport,
        )
        self.refused: Dict[int, int] = {}

    def host(self) -> Dict[str, Any]:
        """What the host is and does."""
        return {
            **self.facts.still(),
            **self.facts.now(),
            "engine": self.engine.name,
            "live_migration": self.engine.live_migration,
            "incarnation": self.fragments.incarnation,
            "arrivals": str(self.payloads.arrivals.resolve()),
        }


def make_app(agent: Agent) -> Flask:
    """The WSGI application of `agent`."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = agent.settings.most_upload_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]
    limit = RateLimit(agent.settings.requests_s)
    wanted = f"Bearer {agent.settings.token}".encode()

    @app.before_request
    def admit() -> None:
        client = request.remote_addr or ""
        if not limit.allows(client):
            raise AgentRefusal(f"more than {agent.settings.requests_s:g} requests a second; try again later", 429)
        open_opcode = request.path == "/request" and agent.settings.open_opcodes and client in LOOPBACK
        shown = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not open_opcode and not hmac.compare_digest(shown, wanted):
            raise AgentRefusal("the token is missing or wrong; send Authorization: Bearer TOKEN", 401)

    @app.errorhandler(AgentRefusal)
    def refused(error: AgentRefusal) -> Response:
        return _error(str(error), error.status)

    @app.errorhandler(PayloadError)
    def damaged(error: PayloadError) -> Response:
        return _error(str(error), 422)

    @app.errorhandler(EngineError)
    def engine_failed(error: EngineError) -> Response:
        return _error(str(error), 500)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        return _error(str(error.description), error.code or 500)

    @app.errorhandler(Exception)
    def defect(error: Exception) -> Response:
        logger.exception("%s %s", request.method, request.path)
        return _error(f"a defect of the agent ({type(error).__name__}); its log says more", 500)

    def _error(message: str, status: int) -> Response:
        agent.refused[status] = agent.refused.get(status, 0) + 1
        reply = jsonify(error=message)
        reply.status_code = status
        if status == 401:
            reply.headers["WWW-Authenticate"] = "Bearer"
        return reply

    @app.get("/v1/openapi.json")
    def openapi() -> Response:
        return jsonify(document())

    @app.get("/v1/host")
    def host() -> Response:
        return jsonify(agent.host())

    @app.get("/v1/metrics")
    def metrics() -> Response:
        return Response(metrics_text(agent), mimetype="text/plain; version=0.0.4")

    @app.get("/v1/notifications")
    def notifications() -> Response:
        told = agent.fragments.changes(_query("incarnation", ""), int(_query_number("since", -1)), _wait_s())
        return jsonify({**told, "host": agent.facts.now()})

    @app.get("/v1/fragments")
    def list_fragments() -> Response:
        return jsonify(fragments=agent.fragments.held())

    @app.put("/v1/fragments/<name>")
    def create(name: str) -> Response:
        held = agent.fragments.create(names.fragment_name(name), FragmentSpec.from_json(json_body()))
        return jsonify(name=held.name, state=held.state)

    @app.delete("/v1/fragments/<name>")
    def delete(name: str) -> Response:
        agent.fragments.delete(names.fragment_name(name))
        return jsonify({})

    @app.put("/v1/fragments/<name>/targets")
    def redirect(name: str) -> Response:
        given = names.table(json_body(), "targets", {"forward": list, "relay": list}, {})
        agent.fragments.redirect(
            names.fragment_name(name), targets(given["forward"], "forward"), targets(given["relay"], "relay")
        )
        return jsonify({})

    @app.get("/v1/fragments/<name>/inputs")
    def received(name: str) -> Response:
        return jsonify(received=agent.fragments.received(names.fragment_name(name)))

    @app.post("/v1/fragments/<name>/inputs")
    def link(name: str) -> Response:
        return jsonify(missing=agent.fragments.link(names.fragment_name(name), dict(links(json_body()))))

    @app.put("/v1/fragments/<name>/inputs/<chunk>")
    def take_input(name: str, chunk: str) -> Response:
        number = chunk_index(chunk)
        sha256 = names.sha256(_query("sha256", ""))
        with _content() as content:
            agent.fragments.take_input(names.fragment_name(name), number, sha256, content, _query("keep", "0") == "1")
        return jsonify({})

    @app.get("/v1/fragments/<name>/outputs")
    def outputs(name: str) -> Response:
        return jsonify(outputs=agent.fragments.outputs(names.fragment_name(name)))

    @app.get("/v1/fragments/<name>/outputs/<chunk>")
    def output(name: str, chunk: str) -> Response:
        first, last = chunk_index(chunk), chunk_index(_query("last", chunk))
        contents = agent.fragments.some_outputs(names.fragment_name(name), first, last)
        return Response(joined(contents), mimetype="application/octet-stream")

    @app.post("/v1/fragments/<name>/migrate")
    def leave(name: str) -> Response:
        target = names.agent_url(names.table(json_body(), "a migration", {"agent": str}, {})["agent"])
        return jsonify(migrate(agent.fragments, names.fragment_name(name), target, agent.settings.credentials))

    @app.post("/v1/fragments/<name>/arrive")
    def come(name: str) -> Response:
        arrival = Arrival.from_json(json_body())
        arrive(agent.fragments, agent.payloads, names.fragment_name(name), arrival, agent.settings.most_migration_bytes)
        return jsonify({})

    def blobs(kind: str, store: Store) -> None:
        def get(sha256: str) -> Response:
            if names.sha256(sha256) not in store:
                raise AgentRefusal(f"there is no {sha256[:12]}... here", 404)
            return Response(store.path(sha256).read_bytes(), mimetype="application/octet-stream")

        def put(sha256: str) -> Response:
            with _content() as content:
                store.put(names.sha256(sha256), content)
            return jsonify({})

        app.add_url_rule(f"/v1/{kind}/<sha256>", f"get_{kind}", get, methods=["GET"])
        app.add_url_rule(f"/v1/{kind}/<sha256>", f"put_{kind}", put, methods=["PUT"])

    blobs("artifacts", agent.artifacts)
    blobs("payloads", agent.payloads)

    @contextmanager
    def _content() -> Iterator[Content]:
        encoding = _query("encoding", PLAIN)
        if encoding not in (PLAIN, ZSTD):
            raise AgentRefusal(f"encoding is {names.shown(encoding)}; allowed: {PLAIN}, {ZSTD}")
        with _body() as body:
            yield decoded(body, encoding, min(MOST_BYTES, agent.settings.most_upload_bytes))

    from .opcodes import add_opcodes

    add_opcodes(app, agent)
    return app


@contextmanager
def _body() -> Iterator[Content]:
    """The request's body; not a copy where waitress has it in memory, which matters at megabytes a micro-batch."""
    checked, whole = request.stream, request.environ["wsgi.input"]  # the first refuses what is too large
    if isinstance(whole, BytesIO) and whole.getbuffer().nbytes == request.content_length:
        with whole.getbuffer() as view:
            yield view
    else:
        yield checked.read()


def _query(name: str, default: str) -> str:
    return request.args.get(name, default)


def _query_number(name: str, default: float) -> float:
    text = _query(name, str(default))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > 2**53:
        raise AgentRefusal(f"{name} is {names.shown(text)}; allowed: a number")
    return value


def _wait_s() -> float:
    return min(LONGEST_WAIT_S, max(0.0, _query_number("wait", 0.0)))
