"""The dashboard's HTTP server: the page, its JSON API, Server-Sent Events, and Prometheus' metrics.

It only reads: there is no request but GET. A run's name is looked up among those that were found, never made a path.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Sequence, Tuple

import orjson
from flask import Flask, Response, request, send_from_directory
from werkzeug.exceptions import HTTPException

from ..agent.serving import Tls, listening
from ..errors import AgentRefusal, SplitPlaceError
from ..exposition import MIME_TYPE
from .api import Api, Endpoint, Parameter, plain
from .events import MOST_STREAMS, Streams, event_stream
from .prometheus import prometheus_text
from .references import References
from .runs import RUNNING, STOPPED, WAITING, Runs
from .security import guard

logger = logging.getLogger(__name__)
HERE = Path(__file__).parent
STATIC = HERE / "static"
GRAFANA_FILE = HERE / "grafana.json"
THREADS = MOST_STREAMS + 8  # a stream holds a thread
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def make_app(api: Api, streams: Streams, token: str = "", secure: bool = False) -> Flask:
    """The WSGI application; see `security.guard` for `token` and `secure`."""
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # a path is taken as it came, or refused
    guard(app, token, secure)

    @app.errorhandler(AgentRefusal)
    def refused(error: AgentRefusal) -> Response:
        return _json({"error": str(error)}, error.status)

    @app.errorhandler(SplitPlaceError)
    def damaged(error: SplitPlaceError) -> Response:
        return _json({"error": str(error)}, 409)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        return _json({"error": str(error.description)}, error.code or 500)

    @app.errorhandler(Exception)
    def defect(error: Exception) -> Response:
        logger.exception("%s %s", request.method, request.path)
        return _json({"error": f"a defect of the dashboard ({type(error).__name__}); its log says more"}, 500)

    @app.get("/")
    def page() -> Response:
        return _file("index.html")

    @app.get("/static/<path:name>")
    def static_file(name: str) -> Response:
        return _file(name)

    @app.get("/api/openapi.json")
    def openapi() -> Response:
        return _json(api.document())

    @app.get("/api/grafana.json")
    def grafana() -> Response:
        return Response(GRAFANA_FILE.read_bytes(), mimetype="application/json")

    @app.get("/api/events")
    def events() -> Response:
        if not streams.enter():
            raise AgentRefusal(f"{MOST_STREAMS} pages are open already; close one, or ask again later", 429)
        reply = Response(event_stream(api.runs, request.args.getlist("run"), streams), mimetype="text/event-stream")
        reply.headers["Cache-Control"] = "no-store"
        reply.headers["X-Accel-Buffering"] = "no"
        return reply

    @app.get("/metrics")
    def metrics() -> Response:
        watched = request.args.getlist("run") or [
            one.name for one in api.runs.all() if one.brief()["state"] in (RUNNING, STOPPED, WAITING)
        ] or [one.name for one in api.runs.all()[-1:]]
        return Response(prometheus_text(api.runs, watched), mimetype=MIME_TYPE)

    for one in api.endpoints:
        app.add_url_rule(one.path, one.path, _asked(one), methods=["GET"])
    return app


def _asked(endpoint: Endpoint) -> Callable[..., Response]:
    """The endpoint as Flask calls it: query parameters are checked and handed over."""
    known = {one.name: one for one in endpoint.parameters}

    def view(**arguments: Any) -> Response:
        unknown = sorted(set(request.args) - set(known))
        if unknown:
            raise AgentRefusal(f"unknown parameter {unknown[0][:80]!r}; allowed: {', '.join(known) or 'none'}")
        given = {name: _value(one, request.args.get(name)) for name, one in known.items()}
        return _json(endpoint.answer(**arguments, **given))

    return view


def _value(parameter: Parameter, text: Optional[str]) -> Any:
    if text is None:
        return parameter.default
    if parameter.kind == "integer":
        if not (text.lstrip("-").isdigit() and len(text) < 12 and -1 <= int(text) <= parameter.most):
            raise AgentRefusal(f"{parameter.name} is {text[:80]!r}; allowed: whole numbers to {parameter.most}")
        return int(text)
    if parameter.kind == "boolean":
        if text not in ("true", "false"):
            raise AgentRefusal(f"{parameter.name} is {text[:80]!r}; allowed: true, false")
        return text == "true"
    if parameter.allowed and text not in parameter.allowed:
        raise AgentRefusal(f"{parameter.name} is {text[:80]!r}; allowed: {', '.join(filter(None, parameter.allowed))}")
    return text


def _json(value: Dict[str, Any], status: int = 200) -> Response:
    reply = Response(orjson.dumps(value, default=plain, option=_OPTIONS), status, mimetype="application/json")
    reply.headers["Cache-Control"] = "no-store"
    return reply


def _file(name: str) -> Response:
    reply = send_from_directory(STATIC, name)  # refuses what is not below STATIC
    reply.headers["Cache-Control"] = "no-cache"  # asks whether it changed: a new version is seen at once
    return reply


class DashboardServer:
    """A dashboard that listens.

    Parameters
    ----------
    roots : folders of results.
    listen : host and port; port 0 means any that is free.
    token : what clients must show; "" on loopback.
    tls : certificate and key; None: plain HTTP.
    compute : whether references that are not in the cache are worked out.

    ``address`` is where it listens; `serve` returns after `close`.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        listen: Tuple[str, int],
        token: str = "",
        tls: Optional[Tls] = None,
        compute: bool = True,
    ) -> None:
        self._references = References(compute)
        self.runs = Runs(roots)
        self._streams = Streams()
        app = make_app(Api(self.runs, self._references), self._streams, token, tls is not None)
        self._server, self._run = listening(app, listen, tls, THREADS)
        port = getattr(self._server, "effective_port", None) or self._server.port
        host = f"[{listen[0]}]" if ":" in listen[0] else listen[0]
        self.address = f"{'https' if tls else 'http'}://{host}:{port}"

    def serve(self) -> None:
        """Answer until `close`."""
        threading.Thread(target=self._read_ahead, name="read ahead", daemon=True).start()
        self._run()

    def _read_ahead(self) -> None:
        """Read the run that a page shows first before a page asks for it."""
        for run in self.runs.all()[-1:]:
            run.look()

    def close(self) -> None:
        """Answer no more."""
        self._streams.closing.set()
        self._references.close()
        shut = getattr(self._server, "shutdown", None) or self._server.close
        shut()
