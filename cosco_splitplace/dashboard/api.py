"""The JSON API: every endpoint with what it answers and what it may be asked; the OpenAPI document is made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import numpy as np

from .. import __version__
from ..errors import AgentRefusal
from ..evaluation.labels import BEYOND_TABLE_4, TABLE_4, label, shown_value, unit
from ..evaluation.rows import FAILED_STATE
from ..rewards.metrics import metric
from . import cluster, journeys, learning
from .city import city_of
from .references import References
from .runs import DONE, INTERRUPTED, Runs, RunState, WatchedRun
from .series import reference_series, run_series
from .tables import RunTables

Json = Dict[str, Any]
JOURNAL, INCIDENTS_FILE = "journal.sqlite", "incidents.txt"  # of runs on real hosts
MOST_INCIDENTS = 200


@dataclass(frozen=True)
class Parameter:
    """A query parameter: its type ("integer", "string", "boolean"), default, and allowed values (empty: any)."""

    name: str
    kind: str
    default: Any
    meaning: str
    allowed: Sequence[str] = ()
    most: int = 2**31


@dataclass(frozen=True)
class Endpoint:
    """One address below /api; ``<int:...>`` and ``<...>`` in its path are arguments of `answer`."""

    path: str
    meaning: str
    answer: Callable[..., Json]
    parameters: Sequence[Parameter] = field(default=())


class Api:
    """What the endpoints answer from.

    Parameters
    ----------
    runs, references : where the data comes from.
    """

    def __init__(self, runs: Runs, references: References) -> None:
        self.runs, self.references = runs, references
        self.endpoints: List[Endpoint] = [
            Endpoint("/api/runs", "all runs that were found, each in short", self.list_runs),
            Endpoint("/api/runs/<run>", "one run: state, settings, hosts, metrics", self.run),
            Endpoint("/api/runs/<run>/series", "everything that is one number an interval", self.series),
            Endpoint(
                "/api/runs/<run>/cluster/<int:interval>",
                "hosts, fragments on them, queue and moves in one interval", self.cluster,
            ),
            Endpoint(
                "/api/runs/<run>/hosts/<int:host>", "one host and its history", self.host,
                [Parameter("interval", "integer", -1, "whose fragments are told; -1: the last")],
            ),
            Endpoint(
                "/api/runs/<run>/tasks", "tasks that fit", self.tasks,
                [
                    Parameter("state", "string", "", "of the task", ("", *journeys.TASK_STATES)),
                    Parameter("application", "string", "", "its application's name"),
                    Parameter("split", "string", "", "its split's name"),
                    Parameter("sort", "string", "task_id", "column that orders them", journeys.SORTS),
                    Parameter("descending", "boolean", False, "largest first"),
                    Parameter("search", "integer", -1, "only the task of this id; -1: all"),
                    Parameter("offset", "integer", 0, "how many are skipped"),
                    Parameter("limit", "integer", 100, "how many are told", most=journeys.MOST_ROWS),
                ],
            ),
            Endpoint("/api/runs/<run>/tasks/<int:task>", "one task with its fragments and their histories", self.task),
            Endpoint("/api/runs/<run>/fragments/<int:fragment>", "one fragment and its whole history", self.fragment),
            Endpoint("/api/runs/<run>/decider", "the decider's state, decisions, and what came of them", self.decider),
            Endpoint("/api/runs/<run>/placer", "predicted and observed objective, decision time", self.placer),
            Endpoint("/api/runs/<run>/map", "streets and hosts' places, where the mobility trace has a map", self.map),
            Endpoint("/api/runs/<run>/incidents", "what went wrong on real hosts and cost time", self.incidents),
        ]  # fmt: skip

    def list_runs(self) -> Json:
        return {"roots": [str(one) for one in self.runs.roots], "runs": [self._brief(one) for one in self.runs.all()]}

    def _brief(self, run: WatchedRun) -> Json:
        """What the list shows; of a finished run no more than its metrics file is read."""
        short = run.brief()
        return {"run": run.name, "folder": str(run.folder), **short}

    def run(self, run: str) -> Json:
        watched, now = self._state(run)
        found: Json = {"run": run, "folder": str(watched.folder), "state": now.state, "reason": now.reason,
                       "version": now.version, **self.brief_metrics(watched)}
        tables = now.tables
        if tables is None:
            return {**found, "intervals_done": 0}
        return {
            **found,
            "model": tables.model,
            "settings": tables.settings,
            "data_sources": tables.data_sources,
            "intervals_done": tables.n_intervals,
            "window": tables.window,
            "interval_s": tables.interval_s,
            "hosts": {"types": tables.host_types, **tables.cluster},
            "tasks": len(tables.tasks["task_id"]),
            "failed": int((tables.tasks["state"] == FAILED_STATE).sum()),
            "fragments": len(tables.fragments["fragment_id"]),
            "applications": sorted(set(tables.tasks["application"])),
            "splits": sorted(set(tables.tasks["split"])),
        }

    def brief_metrics(self, run: WatchedRun) -> Json:
        """The metrics of a whole run, as tables show them."""
        values = run.brief().get("metrics") or {}
        shown = []
        for name in (*TABLE_4, *BEYOND_TABLE_4):
            value = values.get(name)
            if value is not None:
                one = metric(name)
                shown.append({"name": name, "label": label(name), "unit": unit(name), "better": one.better,
                              "meaning": one.meaning, "value": shown_value(name, float(value))})
        return {"metrics": shown}

    def series(self, run: str) -> Json:
        watched, now, tables = self._tables(run)
        simulated = not (watched.folder / JOURNAL).exists()
        state, found = self.references.of(tables.settings, now.state in (DONE, INTERRUPTED), simulated)
        return {
            "version": now.version,
            "intervals_done": tables.n_intervals,
            "window": tables.window,
            "references": state,
            "series": {**run_series(tables), **reference_series(tables, found)},
        }

    def cluster(self, run: str, interval: int) -> Json:
        _, now, tables = self._tables(run)
        _within("interval", interval, tables.n_intervals)
        return {"version": now.version, **cluster.cluster_at(tables, interval)}

    def host(self, run: str, host: int, interval: int) -> Json:
        _, _, tables = self._tables(run)
        _within("host", host, tables.n_hosts)
        if interval != -1:
            _within("interval", interval, tables.n_intervals)
        return journeys.host_detail(tables, host, tables.n_intervals - 1 if interval == -1 else interval)

    def tasks(self, run: str, search: int, **asked: Any) -> Json:
        _, now, tables = self._tables(run)
        found = journeys.task_list(tables, search=None if search == -1 else search, **asked)
        return {"version": now.version, **found}

    def task(self, run: str, task: int) -> Json:
        _, now, tables = self._tables(run)
        _within("task", task, len(tables.tasks["task_id"]))
        return {"version": now.version, **journeys.task_detail(tables, task)}

    def fragment(self, run: str, fragment: int) -> Json:
        _, now, tables = self._tables(run)
        _within("fragment", fragment, len(tables.fragments["fragment_id"]))
        return {"version": now.version, **journeys.fragment_detail(tables, fragment)}

    def decider(self, run: str) -> Json:
        _, now, tables = self._tables(run)
        return {"version": now.version, **learning.decider_view(tables)}

    def placer(self, run: str) -> Json:
        _, now, tables = self._tables(run)
        return {"version": now.version, **learning.placer_view(tables)}

    def map(self, run: str) -> Json:
        _, _, tables = self._tables(run)
        return {"map": city_of(tables.settings, tables.interval_s, tables.n_hosts)}

    def incidents(self, run: str) -> Json:
        watched, _ = self._state(run)
        return {"incidents": _incidents(watched.folder)}

    def _state(self, name: str) -> "tuple[WatchedRun, RunState]":
        found = self.runs.get(name)
        if found is None:
            raise AgentRefusal(f"there is no run {name[:80]!r}; /api/runs lists those that there are", 404)
        return found, found.look()

    def _tables(self, name: str) -> "tuple[WatchedRun, RunState, RunTables]":
        watched, now = self._state(name)
        if now.tables is None or now.tables.n_intervals == 0:
            raise AgentRefusal(f"run {name[:80]!r} has nothing to show yet ({now.state}: {now.reason})", 409)
        return watched, now, now.tables

    def document(self) -> Json:
        """The OpenAPI document."""
        return {
            "openapi": "3.0.3",
            "info": {"title": "cosco-splitplace dashboard", "version": __version__,
                     "description": "Runs of cosco-splitplace, finished or going on. Everything is read only."},
            "paths": {
                **{_template(one.path): {"get": _operation(one)} for one in self.endpoints},
                "/api/openapi.json": {"get": _plain("this document", "application/json")},
                "/api/events": {
                    "get": {
                        **_plain("Server-Sent Events: 'runs' when the list changed, 'run' when a run did",
                                 "text/event-stream"),
                        "parameters": [{"name": "run", "in": "query", "required": False, "schema": {
                            "type": "array", "items": {"type": "string"}}, "description": "runs to be told of"}],
                    }
                },
                "/api/grafana.json": {"get": _plain("a Grafana dashboard over /metrics", "application/json")},
                "/metrics": {"get": _plain("metrics for Prometheus", "text/plain")},
            },
            "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        }  # fmt: skip


def _within(what: str, value: int, count: int) -> None:
    if not 0 <= value < count:
        raise AgentRefusal(f"{what} is {value}; this run has 0 to {count - 1}", 404)


def _incidents(folder: Path) -> List[Json]:
    """From the testbed's journal while the run goes on, afterwards from the file that it left."""
    import sqlite3

    journal, written = folder / JOURNAL, folder / INCIDENTS_FILE
    if journal.is_file():
        try:
            db = sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)
            try:
                rows = db.execute(
                    "SELECT time_s, what FROM incidents ORDER BY number DESC LIMIT ?", (MOST_INCIDENTS,)
                ).fetchall()
            finally:
                db.close()
            return [{"time_s": float(time_s), "what": str(what)} for time_s, what in rows]
        except sqlite3.Error as error:
            raise AgentRefusal(f"{journal} can't be read ({error})", 409) from None
    if written.is_file():
        lines = written.read_text(encoding="utf-8", errors="replace").splitlines()
        return [{"time_s": None, "what": one} for one in lines[-MOST_INCIDENTS:]]
    return []


def _template(path: str) -> str:
    return path.replace("<int:", "<").replace("<", "{").replace(">", "}")


def _plain(meaning: str, kind: str) -> Json:
    return {"summary": meaning, "responses": {"200": {"description": "done", "content": {kind: {}}}}}


def _operation(endpoint: Endpoint) -> Json:
    arguments = [
        {
            "name": part[1:-1].replace("int:", ""), "in": "path", "required": True,
            "schema": {"type": "integer", "minimum": 0} if part.startswith("<int:") else {"type": "string"},
        }
        for part in endpoint.path.split("/")
        if part.startswith("<")
    ]  # fmt: skip
    asked = [
        {
            "name": one.name, "in": "query", "required": False, "description": one.meaning,
            "schema": {
                "type": one.kind, "default": one.default, **({"enum": list(one.allowed)} if one.allowed else {})
            },
        }
        for one in endpoint.parameters
    ]  # fmt: skip
    refused = {"description": "refused: what came, what is allowed, what to do"}
    return {
        **_plain(endpoint.meaning, "application/json"),
        "parameters": arguments + asked,
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": {"type": "object"}}}},
            **{status: refused for status in ("400", "401", "403", "404", "409")},
        },
    }


def plain(value: Any) -> Any:
    """An array as JSON takes it: single precision, so that answers are half as long."""
    if isinstance(value, np.ndarray):
        if value.dtype == np.float64:
            return value.astype(np.float32)
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(type(value).__name__)
