"""Inside COSCO the same engine runs: a run gives the same rows as the standalone run of the same settings and seed."""
from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

import pytest

WORLD = ["--hosts", "10", "--rate", "2", "--intervals", "12", "--seed", "4", "--no-report"]


def run(arguments: List[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "cosco_splitplace", "run", *WORLD, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def tasks(folder: Path) -> List[Dict[str, str]]:
    with (folder / "tasks.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("model", ["layer+least-loaded", "random+random"])
def test_the_rows_are_those_of_the_standalone_run(cosco_root: Path, tmp_path: Path, model: str) -> None:
    alone, inside = tmp_path / "alone", tmp_path / "inside"
    for arguments in (["--out", str(alone)], ["--out", str(inside), "--cosco", str(cosco_root)]):
        done = run(["--scheduler", model, *arguments], tmp_path)
        assert done.returncode == 0, done.stderr
    assert sum(one["state"] == "finished" for one in tasks(alone)) >= 5
    for name in ("tasks.csv", "fragments.csv", "hosts.csv"):
        assert (inside / name).read_bytes() == (alone / name).read_bytes()


def test_cosco_keeps_its_files(cosco_root: Path, tmp_path: Path) -> None:
    def seen() -> Dict[str, bytes]:
        files = (one for one in cosco_root.rglob("*") if one.is_file())
        return {str(one): one.read_bytes() for one in files if not {".git", "__pycache__"} & set(one.parts)}

    before = seen()
    done = run(["--scheduler", "Random", "--out", str(tmp_path / "out"), "--cosco", str(cosco_root)], tmp_path)
    assert done.returncode == 0, done.stderr
    assert seen() == before
    assert (tmp_path / "out" / "report.html").exists() is False and tasks(tmp_path / "out")
