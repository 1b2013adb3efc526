"""What the broker must not forget, in SQLite (WAL): tasks, decisions, placements, deliveries, and what it was told.

A broker that is started again replays: the loop runs through the intervals that are done with the answers that were
written down, which brings decider and placer to where they were, and goes on with the machines from there.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ...errors import DataFileError

FORMAT = "1"
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tasks (task_id INTEGER PRIMARY KEY, task TEXT NOT NULL, decision TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS placements (
    name TEXT PRIMARY KEY, fragment_id INTEGER NOT NULL, number INTEGER NOT NULL, state TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS of_fragment ON placements (fragment_id, number);
CREATE TABLE IF NOT EXISTS deliveries (
    fragment_id INTEGER PRIMARY KEY, task_id INTEGER NOT NULL, time_s REAL NOT NULL, sha256 TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, fragment_id INTEGER NOT NULL, time_s REAL NOT NULL,
    reason TEXT NOT NULL, told INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS calls (number INTEGER PRIMARY KEY, method TEXT NOT NULL, asked TEXT NOT NULL, answer TEXT);
CREATE TABLE IF NOT EXISTS incidents (number INTEGER PRIMARY KEY, time_s REAL NOT NULL, what TEXT NOT NULL);
"""


class Journal:
    """The journal in `path`; safe to share between threads.

    Raises
    ------
    DataFileError
        It is no journal, is damaged, or of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        try:
            self._db = sqlite3.connect(str(path), check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise DataFileError(f"{path} is no journal ({error}); start a new run in another folder") from None
        found = self.get("format")
        if found not in (None, FORMAT):
            raise DataFileError(f"{path} has format {found}, expected {FORMAT}; start a new run in another folder")
        self.set("format", FORMAT)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written within is there, or nothing of it; may be nested."""
        with self._lock:
            if self._depth == 0:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._db.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("COMMIT")

    def get(self, key: str) -> Optional[str]:
        """A note by its key."""
        rows = self._rows("SELECT value FROM meta WHERE key = ?", key)
        return str(rows[0][0]) if rows else None

    def set(self, key: str, value: str) -> None:
        """Keep a note."""
        self._do("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    def add_task(self, task_id: int, task: Dict[str, Any], decision: Dict[str, Any]) -> None:
        """A task entered."""
        self._do("INSERT OR IGNORE INTO tasks VALUES (?, ?, ?)", task_id, json.dumps(task), json.dumps(decision))

    def tasks(self) -> List[Tuple[Dict[str, Any], Dict[str, Any]]]:
        """All tasks and their decisions."""
        return [
            (json.loads(a), json.loads(b)) for a, b in self._rows("SELECT task, decision FROM tasks ORDER BY task_id")
        ]

    def put_placement(self, name: str, fragment_id: int, number: int, state: str, body: Dict[str, Any]) -> None:
        """How it stands with a placement of a fragment."""
        self._do(
            "INSERT OR REPLACE INTO placements VALUES (?, ?, ?, ?, ?)",
            name,
            fragment_id,
            number,
            state,
            json.dumps(body),
        )

    def placements(self) -> List[Dict[str, Any]]:
        """All placements, in order."""
        return [json.loads(one[0]) for one in self._rows("SELECT body FROM placements ORDER BY fragment_id, number")]

    def deliver(self, fragment_id: int, task_id: int, time_s: float, sha256: str) -> bool:
        """A result is here; False if it was before."""
        with self._lock:
            done = self._db.execute(
                "INSERT OR IGNORE INTO deliveries VALUES (?, ?, ?, ?)", (fragment_id, task_id, time_s, sha256)
            )
            return done.rowcount == 1

    def delivered(self) -> Dict[int, float]:
        """When each result came, by fragment."""
        return {int(a): float(b) for a, b in self._rows("SELECT fragment_id, time_s FROM deliveries")}

    def add_event(self, kind: str, fragment_id: int, time_s: float, reason: str) -> None:
        """Something happened that the loop has yet to be told."""
        self._do(
            "INSERT INTO events (kind, fragment_id, time_s, reason) VALUES (?, ?, ?, ?)",
            kind,
            fragment_id,
            time_s,
            reason,
        )

    def take_events(self) -> List[Tuple[str, int, float, str]]:
        """What the loop has yet to be told; it is told now."""
        with self.transaction():
            rows = self._rows(
                "SELECT kind, fragment_id, time_s, reason FROM events WHERE told = 0 ORDER BY time_s, number"
            )
            self._do("UPDATE events SET told = 1 WHERE told = 0")
        return [(str(a), int(b), float(c), str(d)) for a, b, c, d in rows]

    def add_call(self, number: int, method: str, asked: str, answer: str) -> None:
        """The loop asked and was answered."""
        self._do("INSERT INTO calls VALUES (?, ?, ?, ?)", number, method, asked, answer)

    def calls(self) -> Iterator[Tuple[str, str, str]]:
        """(method, what was asked, answer) of every call, in order."""
        for method, asked, answer in self._rows("SELECT method, asked, answer FROM calls ORDER BY number"):
            yield str(method), str(asked), str(answer)

    def add_incident(self, time_s: float, what: str) -> None:
        """Something went wrong; it cost time."""
        self._do("INSERT INTO incidents (time_s, what) VALUES (?, ?)", time_s, what)

    def incidents(self) -> List[Tuple[float, str]]:
        """What went wrong, in order."""
        return [(float(a), str(b)) for a, b in self._rows("SELECT time_s, what FROM incidents ORDER BY number")]

    def close(self) -> None:
        """Write everything and close."""
        with self._lock:
            self._db.close()

    def _do(self, statement: str, *values: Any) -> None:
        with self._lock:
            self._db.execute(statement, values)

    def _rows(self, statement: str, *values: Any) -> List[Tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(statement, values).fetchall()
