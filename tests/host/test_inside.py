"""The commands: ``run --cosco``, ``compare --cosco``, and ``python main.py --scheduler NAME`` after ``install``."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cosco_splitplace.bridge.hook import install_hook

RUN = ("-m", "cosco_splitplace", "run", "--cosco")
SMALL = ("--hosts", 10, "--rate", 1.2, "--intervals", 4)


def test_main_py_runs_splitplace(cosco_root: Path, python: Any, tmp_path: Path) -> None:
    install_hook(cosco_root)
    arguments = ("main.py", "--scheduler", "least-loaded", *SMALL, "--seed", 3, "--json")
    done = python(arguments, cosco_root)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["model"], shown["seed"], shown["intervals_done"]) == ("mab+least-loaded", 3, 4)
    folder = Path(shown["folder"])
    assert folder == cosco_root.resolve() / "logs" / "mab+least-loaded-seed3-001"
    names = {one.name for one in folder.iterdir()}
    assert {"report.html", "tasks.csv", "settings.toml", "metrics_with_interval.csv", "cosco.json"} <= names
    standalone = python(("-m", "cosco_splitplace", "run", *arguments[1:]), tmp_path)
    alone = json.loads(standalone.stdout)["metrics"]
    assert {**shown["metrics"], "scheduling_s": 0} == {**alone, "scheduling_s": 0}
    again = python(arguments, cosco_root)
    assert json.loads(again.stdout)["folder"].endswith("-002")  # never overwritten


def test_out_is_relative_to_where_the_user_stands(cosco_root: Path, python: Any, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    install_hook(cosco_root)
    done = python((cosco_root / "main.py", "--scheduler", "RF", *SMALL, "--out", "mine", "--no-report"), here)
    assert done.returncode == 0, done.stderr
    assert (here / "mine" / "metrics.json").is_file()
    assert not (cosco_root / "logs").exists()
    assert json.loads((here / "mine" / "cosco.json").read_text())["scheduler"] == "RFScheduler"


def test_list(cosco_root: Path, python: Any, tmp_path: Path) -> None:
    done = python((*RUN, cosco_root, "--scheduler", "list", "--json"), tmp_path)
    shown = json.loads(done.stdout)
    ours, theirs = ({one["name"] for one in shown[kind]} for kind in ("models", "cosco"))
    assert {"SplitPlace", "M+G", "L+G", "S+G", "R+D", "DASO"} <= ours
    assert {"GOBI", "Random", "RF"} <= theirs
    assert not ours & theirs


def test_main_py_constants_are_the_defaults(standin_root: Path, python: Any, tmp_path: Path) -> None:
    main = standin_root / "main.py"
    main.write_text(main.read_text().replace("HOSTS = 2 * 5", "HOSTS = 2 * 3").replace("TIME = 300", "TIME = 200"))
    done = python((*RUN, standin_root, "--scheduler", "Random", "--no-report", "--json"), tmp_path)
    settings = json.loads(done.stdout)["settings"]
    assert (settings["run"]["intervals"], settings["run"]["interval_s"], settings["cluster"]["hosts"]) == (3, 200.0, 6)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--scheduler", "NOPE"), "unknown scheduler 'NOPE'; known: "),
        (("--scheduler", "GOBI", "--hosts", 20), "models for 10 or 50 hosts only, not for 20"),
        (("--scheduler", "GOBI", "--hosts", 50), "train it with: cosco-splitplace train gobi --cosco"),
        (("--scheduler", "Random", "--decider", "oracle"), "unknown decider 'oracle'"),
        (("--scheduler", "Random", "-e", "VLAN"), "-e VLAN runs on real hosts"),
    ],
)
def test_bad_input_is_one_line(
    standin_root: Path, python: Any, tmp_path: Path, arguments: Any, told: str
) -> None:
    before = sorted(one for one in standin_root.rglob("*") if "__pycache__" not in one.parts)
    done = python((*RUN, standin_root, *arguments), tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert told in done.stderr
    assert sorted(one for one in standin_root.rglob("*") if "__pycache__" not in one.parts) == before


def test_not_a_cosco(python: Any, tmp_path: Path) -> None:
    done = python((*RUN, tmp_path, "--scheduler", "Random"), tmp_path)
    assert done.returncode == 2
    assert "is not a COSCO that cosco-splitplace understands" in done.stderr


def test_comparison_has_the_same_workload_and_files_for_any_number_of_jobs(
    cosco_root: Path, python: Any, tmp_path: Path
) -> None:
    def compare(jobs: int) -> Path:
        out = tmp_path / f"jobs{jobs}"
        done = python(
            ("-m", "cosco_splitplace", "compare", "--cosco", cosco_root, "--models", "least-loaded,Random,RL",
             "--seeds", "2", *SMALL, "--jobs", jobs, "--out", out, "--json"), tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["failures"] == []
        return out

    one, two = compare(1), compare(2)
    for name in ("comparison.csv", "comparison_summary.csv", "comparison_summary.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    tasks = [
        [line.split(",")[:6] for line in (one / "runs" / f"{model}-seed0" / "tasks.csv").read_text().splitlines()]
        for model in ("least-loaded", "Random", "RL")
    ]
    assert tasks[0] == tasks[1] == tasks[2]
    assert (one / "report.html").is_file()
