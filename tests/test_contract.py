"""The contract suite as its users run it: on the examples, which keep it, and on parts that break it."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run_suite(folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "examples"), str(folder))), **variables}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "cosco_splitplace.contract"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("COSCO_SPLITPLACE_DECIDERS", "own_decider:PatientDecider"),
        ("COSCO_SPLITPLACE_PLACERS", "own_placer:BestLinkPlacer"),
        ("COSCO_SPLITPLACE_PLACERS", "least-loaded, random"),
    ],
)
def test_what_keeps_the_contract_passes(tmp_path: Path, variable: str, name: str) -> None:
    done = run_suite(tmp_path, **{variable: name})
    assert done.returncode == 0, done.stdout
    passed = int(done.stdout.split(" passed")[0].split()[-1])
    assert passed >= 7 and "failed" not in done.stdout


BROKEN = """
from cosco_splitplace.deciders import Decider
from cosco_splitplace.placement import Placer
from cosco_splitplace.records import Decision

class Vague(Decider):
    def __init__(self, setup): pass
    def decide(self, tasks, interval): return [Decision("vertical", "why not") for _ in tasks]

class Crowded(Placer):
    def __init__(self, setup): pass
    def place(self, problem): return problem.current * 0 + 10_000
"""


@pytest.mark.parametrize(("variable", "name"), [("DECIDERS", "broken:Vague"), ("PLACERS", "broken:Crowded")])
def test_what_breaks_it_fails(tmp_path: Path, variable: str, name: str) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    done = run_suite(tmp_path, **{f"COSCO_SPLITPLACE_{variable}": name})
    assert done.returncode == 1 and f"[{name}" in done.stdout and "failed" in done.stdout
