"""Lets the tests (and the worker processes that they start) import ``made_results``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import made_results

from cosco_splitplace.config import Settings
from cosco_splitplace.records import RunResult


@pytest.fixture()
def settings() -> Settings:
    return made_results.small_settings()


@pytest.fixture(scope="session")
def result() -> RunResult:
    return made_results.made_result(made_results.small_settings(intervals=12, hosts=5, rate=3.0))
