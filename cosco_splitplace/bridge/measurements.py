"""What COSCO's framework measures, kept as COSCO does: points of ``hostStat`` and ``ContainerStat``, once an interval.

They go to an InfluxDB server where the hosts file names one (``influxdb = "http://HOST:8086/DATABASE"``), else to a
SQLite file in the result folder. COSCO's own ``Database`` drops the database when it starts; nothing is dropped here.
"""
from __future__ import annotations

import json
import logging
import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Protocol, Sequence, Tuple, Union
from urllib.parse import urlsplit

import requests

from ..errors import ConfigurationError, require

logger = logging.getLogger(__name__)
FILE = "measurements.sqlite"
AUTH_VARIABLE = "COSCO_SPLITPLACE_INFLUXDB_AUTH"  # "user:password"
ANSWER_S = 10.0
Value = Union[str, float, int, bool]


@dataclass(frozen=True)
class Point:
    """One measurement: its name, what it is of, and the values."""

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, Value]


class Sink(Protocol):
    """Where points go."""

    def insert(self, points: Sequence[Point]) -> None:
        """Keep them, with the present time."""

    def close(self) -> None:
        """Nothing more comes."""


class SqliteSink:
    """Points in a table ``points`` of the file at `path`: time, measurement, tags and fields as JSON."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(str(path), check_same_thread=False)
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS points (time REAL NOT NULL, measurement TEXT NOT NULL, tags TEXT NOT NULL, "
            "fields TEXT NOT NULL)"
        )

    def insert(self, points: Sequence[Point]) -> None:
        now = time.time()
        rows = [(now, one.measurement, json.dumps(dict(one.tags)), json.dumps(dict(one.fields))) for one in points]
        with self._db:
            self._db.executemany("INSERT INTO points VALUES (?, ?, ?, ?)", rows)

    def close(self) -> None:
        self._db.close()


class InfluxSink:
    """Points in the InfluxDB (1.x) database that `url` ends in; it is made if it is not there.

    A server that fails later costs points, not the run.

    Raises
    ------
    ConfigurationError
        `url` is none, or the server does not answer.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        database = parts.path.strip("/")
        good = parts.scheme in ("http", "https") and parts.hostname and database and "/" not in database
        require(bool(good), f"influxdb is {url!r}; give http://HOST:8086/DATABASE")
        self._base, self._database = f"{parts.scheme}://{parts.netloc}", database
        self._session = requests.Session()
        self._session.trust_env = False
        user, colon, password = os.environ.get(AUTH_VARIABLE, "").partition(":")
        if colon:
            self._session.auth = (user, password)
        quoted = database.replace("\\", "\\\\").replace('"', '\\"')
        try:
            reply = self._session.post(
                f"{self._base}/query", data={"q": f'CREATE DATABASE "{quoted}"'}, timeout=ANSWER_S
            )
            reply.raise_for_status()
        except requests.RequestException as error:
            raise ConfigurationError(
                f"InfluxDB at {self._base} does not take the database {database!r} ({error}); start it, mend the hosts "
                f"file's influxdb, or set {AUTH_VARIABLE}=user:password"
            ) from None

    def insert(self, points: Sequence[Point]) -> None:
        body = "\n".join(map(line_of, points))
        try:
            reply = self._session.post(
                f"{self._base}/write", params={"db": self._database}, data=body.encode(), timeout=ANSWER_S
            )
            reply.raise_for_status()
        except requests.RequestException as error:
            logger.warning("InfluxDB took %d points not: %s", len(points), error)

    def close(self) -> None:
        self._session.close()


def sink_for(influxdb: str, folder: Path) -> Sink:
    """The server at `influxdb`, or a file in `folder` if that is empty."""
    return InfluxSink(influxdb) if influxdb else SqliteSink(folder / FILE)


def line_of(point: Point) -> str:
    """A point in InfluxDB's line protocol."""
    tags = "".join(f",{_key(name)}={_key(value)}" for name, value in sorted(point.tags.items()))
    fields = ",".join(f"{_key(name)}={_field(value)}" for name, value in point.fields.items())
    return f"{_escaped(point.measurement, ', ')}{tags} {fields}"


def _key(text: str) -> str:
    return _escaped(text, ",= ")


def _escaped(text: str, special: str) -> str:
    for sign in special:
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", " ")


def _field(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(float(value))
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{quoted}"'


def points_of(hosts: Sequence[Tuple[str, Mapping[str, float]]], containers: Sequence[Dict[str, Any]]) -> List[Point]:
    """An interval's points.

    Parameters
    ----------
    hosts : the address and what its agent told last (`cpu_share`, `free_memory_mb` ...), of each host that answers.
    containers : `host`, `name` and the values of each fragment that is placed.
    """
    found = [
        Point("hostStat", {"host_ip": address}, {
            "cpu": 100 * now["cpu_share"], "memory": 100 * (1 - now["free_memory_mb"] / now["total_memory_mb"]),
            "disk": now["disk_mb"] - now["free_disk_mb"],
        })
        for address, now in hosts
    ]
    for one in containers:
        tags = {"host_ip": str(one["host"]), "container_name": str(one["name"])}
        found.append(Point("ContainerStat", tags, {key: value for key, value in one.items() if key != "host"}))
    return found
