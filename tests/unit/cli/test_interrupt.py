"""Ctrl-C on the real command: what was finished is kept, and the printed command goes on from there."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List

MADE = Path(__file__).resolve().parents[2] / "made"
COMMAND = [sys.executable, "-m", "cosco_splitplace"]
RUN = [
    "run", "--decider", "slow_parts:SlowDecider", "--placer", "least-loaded", "--hosts", "10", "--rate", "1.5",
    "--intervals", "8", "--no-report",
]  # fmt: skip
WALL_CLOCK = {"timing.csv", "timing.json"}


def environment(**more: str) -> Dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(MADE), "OMP_NUM_THREADS": "1", **more}


def finish(arguments: List[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        COMMAND + arguments, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )


def interrupt(arguments: List[str], folder: Path, interval: int = 3) -> "tuple[int, str, str]":
    mark = folder / f"mark-{interval}"
    process = subprocess.Popen(
        COMMAND + arguments, cwd=folder, env=environment(SLOW_MARK=str(mark), SLOW_INTERVAL=str(interval)),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for _ in range(600):
        if mark.exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def contents(folder: Path) -> Dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name not in WALL_CLOCK}


def test_ctrl_c_keeps_what_was_finished_and_resuming_gives_the_whole_run(tmp_path: Path) -> None:
    code, _, err = interrupt([*RUN, "--out", "cut"], tmp_path)
    assert code == 130, err
    assert "Traceback" not in err
    assert "interrupted after 3 of 8 intervals, which are kept; go on with: cosco-splitplace run --resume cut" in err
    kept = json.loads((tmp_path / "cut" / "metrics.json").read_text())
    assert (kept["intervals_done"], kept["intervals"]) == (3, 8)
    lines = (tmp_path / "cut" / "intervals.csv").read_text().splitlines()
    assert len(lines) == 1 + 3

    done = finish(["run", "--resume", "cut", "--no-report"], tmp_path)
    assert done.returncode == 0, done.stderr
    whole = finish([*RUN, "--out", "whole", "--json"], tmp_path)
    assert whole.returncode == 0, whole.stderr
    assert json.loads(whole.stdout)["intervals_done"] == 8
    assert (tmp_path / "whole" / "intervals.csv").read_text().splitlines()[:4] == lines
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_ctrl_c_before_the_first_interval_leaves_nothing(tmp_path: Path) -> None:
    code, out, err = interrupt([*RUN, "--out", "cut"], tmp_path, interval=0)
    assert (code, out) == (130, "")
    assert "nothing was finished" in err and "Traceback" not in err
    assert not (tmp_path / "cut").exists()


def test_what_does_not_come_out_again_is_not_resumed(tmp_path: Path) -> None:
    interrupt([*RUN, "--out", "cut"], tmp_path, interval=6)
    path = tmp_path / "cut" / "intervals.csv"
    lines = path.read_text().splitlines()
    column = lines[0].split(",").index("objective")
    number = next(i for i, line in enumerate(lines[1:], 1) if line.split(",")[column])
    cells = lines[number].split(",")
    cells[column] = "0.123"
    path.write_text("\n".join([*lines[:number], ",".join(cells), *lines[number + 1 :]]) + "\n")
    before = contents(tmp_path / "cut")
    done = finish(["run", "--resume", "cut"], tmp_path)
    assert done.returncode == 2
    assert "do not come out again" in done.stderr and "run --config cut/settings.toml" in done.stderr
    assert contents(tmp_path / "cut") == before
