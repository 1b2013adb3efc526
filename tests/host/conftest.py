"""A checkout to test on: the stand-in always, the real COSCO where ``COSCO_HOME`` names one; each test has its copy.

A test that takes ``cosco_root`` runs on both. The summary of the run (``tests/conftest.py``) says which of them ran.
"""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, Iterator, Sequence

import pytest

from cosco_splitplace.bridge.anchor import anchor
from cosco_splitplace.bridge.shims import AppliedShims, apply_shims

STAND_IN = Path(__file__).parent / "standin"
LEFT_OUT = shutil.ignore_patterns(".git", "__pycache__", "DockerImages", "wiki", "deploy", "logs")
SKIPPED = "real COSCO: set COSCO_HOME to the folder of a checkout (commit d2c073c)"
REAL_ONLY = (pytest.mark.real_cosco, pytest.mark.skipif(not os.environ.get("COSCO_HOME"), reason=SKIPPED))

Python = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A copy of each checkout without what tests do not need; nobody writes into it."""
    made: Dict[str, Path] = {}

    def copy(kind: str) -> Path:
        if kind not in made:
            source = STAND_IN if kind == "stand-in" else Path(os.environ["COSCO_HOME"]).expanduser()
            made[kind] = tmp_path_factory.mktemp(kind) / "COSCO"
            shutil.copytree(source, made[kind], ignore=LEFT_OUT)
        return made[kind]

    return copy


@pytest.fixture(
    params=[
        "stand-in",
        pytest.param("real", marks=REAL_ONLY),
    ]
)
def cosco_root(request: pytest.FixtureRequest, pristine: Callable[[str], Path], tmp_path: Path) -> Path:
    """A checkout of the test's own: of the stand-in, and of the real COSCO."""
    return Path(shutil.copytree(pristine(request.param), tmp_path / "COSCO"))


@pytest.fixture(params=[pytest.param("real", marks=REAL_ONLY)])
def real_root(request: pytest.FixtureRequest, pristine: Callable[[str], Path], tmp_path: Path) -> Path:
    """A checkout of the real COSCO, of the test's own."""
    return Path(shutil.copytree(pristine(request.param), tmp_path / "COSCO"))


@pytest.fixture()
def standin_root(pristine: Callable[[str], Path], tmp_path: Path) -> Path:
    """A checkout of the stand-in, of the test's own."""
    return Path(shutil.copytree(pristine("stand-in"), tmp_path / "COSCO"))


@pytest.fixture()
def anchored(standin_root: Path) -> Iterator[Path]:
    """The stand-in, importable in this process until the test is over."""
    held = anchor(standin_root)
    try:
        yield standin_root
    finally:
        held.release()


@pytest.fixture()
def shimmed(anchored: Path) -> Iterator[AppliedShims]:
    """The stand-in with all shims in force."""
    applied = apply_shims(anchored)
    try:
        yield applied
    finally:
        applied.undo()


@pytest.fixture(scope="session")
def python() -> Python:
    """``python ARGUMENTS`` in a folder, by this interpreter."""

    def run(arguments: Sequence[object], folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        settings = {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", **environment}
        return subprocess.run(
            [sys.executable, *map(str, arguments)], cwd=folder, env={**os.environ, **settings},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    return run
