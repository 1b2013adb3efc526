"""Follows the live journal of a run that goes on: reads what was appended, keeps the tables up to date.

Until a task has left, its fragments' instants are known to the interval or from events; then they are exact.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

import numpy as np
import orjson

from ..errors import DataFileError
from ..evaluation.rows import FAILED_STATE, FINISHED_STATE, UNFINISHED_STATE
from ..live import FORMAT, SNAPSHOT_ARRAYS, USAGE_ARRAYS
from ..records import DELIVERED, FINISHED, LOST
from .tables import FRAGMENTS, MOVES, TASKS, GrowingColumns, RunTables, series_columns

_HOSTS = {"placed_fragments": "fragments"}  # the journal's name: the row files'


class LiveFollower:
    """The tables of the journal in `path`.

    Raises
    ------
    DataFileError
        By `follow`: it is no journal, or of another version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._forget()

    def _forget(self) -> None:
        self._inode, self._offset = -1, 0
        self._head: Optional[Dict[str, Any]] = None
        self._tasks, self._fragments = GrowingColumns(TASKS), GrowingColumns(FRAGMENTS)
        self._moves = GrowingColumns(MOVES)
        self._intervals: List[Dict[str, Any]] = []
        self._hosts: Dict[str, List[Any]] = {name: [] for name in (*USAGE_ARRAYS, *SNAPSHOT_ARRAYS)}
        self._followers: Dict[int, List[int]] = {}

    def follow(self) -> bool:
        """Take in what was appended; says whether anything was."""
        with self._path.open("rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            if inode != self._inode:  # the run was started again
                self._forget()
                self._inode = inode
            file.seek(self._offset)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        for text in whole.splitlines():
            try:
                self._take(orjson.loads(text))
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise DataFileError(f"{self._path} is damaged ({type(error).__name__}: {error})") from None
        self._offset += len(whole)
        return bool(whole)

    def tables(self) -> Optional[RunTables]:
        """All that is known; None before the first interval has ended."""
        if self._head is None or not self._intervals:
            return None
        head = self._head
        cluster = dict(head["cluster"])
        return RunTables(
            model=str(head["model"]),
            settings=head["settings"],
            tasks=self._tasks.columns,
            fragments=self._fragments.columns,
            moves=self._moves.columns,
            intervals=series_columns(self._intervals),
            hosts={_HOSTS.get(name, name): np.array(values, dtype=float) for name, values in self._hosts.items()},
            host_types=cluster.pop("host_types"),
            cluster=cluster,
            data_sources=head["data_sources"],
        )

    @property
    def head(self) -> Optional[Mapping[str, Any]]:
        """What the run is; None before it is written."""
        return self._head

    def _take(self, line: Dict[str, Any]) -> None:
        if self._head is None:
            if line["format"] != FORMAT:
                raise ValueError(f"format {line['format']!r}, expected {FORMAT}")
            self._head = line
            return
        self._new_tasks(line)
        for number, record in enumerate(line["intervals"], start=line["first"]):
            within = number - line["first"]
            self._interval(record)
            for name in self._hosts:
                self._hosts[name].append(line["usage" if name in USAGE_ARRAYS else "placed"][name][within])
            self._active(number, *line["active"][within])
            self._events(line["events"][within])
        for outcome in line["outcomes"]:
            self._tasks.put(outcome["task"]["task_id"], {**outcome, "state": FINISHED_STATE})
        for times in line["times"]:
            self._fragments.put(times["fragment_id"], times)
        self._moves.append(line["moves"])
        for failure in line["failures"]:
            self._tasks.put(failure["task"]["task_id"], {"state": FAILED_STATE})

    def _new_tasks(self, line: Dict[str, Any]) -> None:
        rows = [{**task, **made, "state": UNFINISHED_STATE} for task, made in zip(line["tasks"], line["decisions"])]
        self._tasks.append(rows)
        arrival = {row["task_id"]: row["arrival_interval"] * self._interval_s for row in rows}
        for one in line["fragments"]:
            strict = one["depends_on"] and not self._pipelined
            one["ready_s"] = None if strict else arrival.get(one["task_id"])
            for before in one["depends_on"]:
                self._followers.setdefault(before, []).append(one["fragment_id"])
        self._fragments.append(line["fragments"])

    def _interval(self, record: Dict[str, Any]) -> None:
        row = {name: value for name, value in record.items() if not isinstance(value, dict)}
        for kind in ("decider", "placer"):
            row.update({f"{kind}.{key}": value for key, value in record[kind].items()})
        self._intervals.append(row)

    def _active(self, number: int, ids: List[int], hosts: List[int], movable: List[bool]) -> None:
        """Where the placed fragments were right after placement, and which of them had begun to work."""
        now_s = number * self._interval_s
        columns, which = self._fragments.columns, np.array(ids, dtype=np.int64)
        columns["host"][which] = hosts
        for name, mask in (("placed_s", True), ("started_s", np.array(movable, dtype=bool))):
            new = which[np.isnan(columns[name][which]) & mask]
            columns[name][new] = now_s

    def _events(self, events: List[Any]) -> None:
        for kind, fragment_id, time_s in events:
            if kind == FINISHED:
                self._fragments.put(fragment_id, {"finished_s": time_s})
                for one in self._followers.get(fragment_id, ()):
                    if not self._pipelined:
                        self._fragments.put(one, {"ready_s": time_s})
            elif kind == DELIVERED:
                self._fragments.put(fragment_id, {"delivered_s": time_s})
            elif kind == LOST:
                again = dict.fromkeys(("host", "placed_s", "started_s", "finished_s"))
                self._fragments.put(fragment_id, again)

    @property
    def _interval_s(self) -> float:
        return float(self._head["settings"]["run"]["interval_s"]) if self._head else 0.0

    @property
    def _pipelined(self) -> bool:
        return bool(self._head and self._head["pipelined"])
