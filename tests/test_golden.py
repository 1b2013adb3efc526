"""Golden runs: the numbers of a small layer and a small semantic run, as they were when they were looked at.

``python tests/golden/make.py`` makes them again; see there.
"""
from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Callable, Dict, List

import pytest

GOLDEN = Path(__file__).parent / "golden"


def load_maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_make", GOLDEN / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = load_maker()
Rows = List[Dict[str, object]]


def stored(name: str) -> List[Dict[str, str]]:
    with (GOLDEN / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def expect_same(found: Rows, expected: List[Dict[str, str]]) -> None:
    assert len(found) == len(expected)
    for row, wanted in zip(found, expected):
        assert list(row) == list(wanted)
        for name, value in row.items():
            if isinstance(value, float):
                assert value == pytest.approx(float(wanted[name]), rel=1e-6, abs=1e-9, nan_ok=True), (name, row)
            else:
                assert str(value) == wanted[name], (name, row)


@pytest.mark.parametrize("split", make.SPLITS)
def test_golden_run(split: str) -> None:
    result = make.golden_run(split)
    tables: Dict[str, Callable[..., Rows]] = {"tasks": make.task_rows, "intervals": make.interval_rows}
    for name, rows in tables.items():
        expect_same(rows(result), stored(f"{split}-{name}"))


@pytest.mark.parametrize("split", make.SPLITS)
def test_the_golden_runs_say_something(split: str) -> None:
    tasks = stored(f"{split}-tasks")
    assert len(tasks) >= 4
    assert any(float(one["wait_s"]) > 0 for one in tasks) == (split == "layer")  # branches are ready when they arrive
    assert len({one["response_intervals"] for one in tasks}) > 1
