"""The commands: ``run --cosco``, ``compare --cosco``, and ``python main.py --scheduler NAME`` after ``install``."""
from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Iterator, List, Sequence

import pytest
from fake_agents import FakeAgent, fake_agents

from cosco_splitplace.bridge.hook import install_hook, uninstall_hook

RUN = ("-m", "cosco_splitplace", "run", "--cosco")
SMALL = ("--hosts", 10, "--rate", 1.2, "--intervals", 4)


def test_main_py_runs_splitplace(cosco_root: Path, python: Any, tmp_path: Path) -> None:
    install_hook(cosco_root)
    arguments = ("main.py", "--scheduler", "least-loaded", *SMALL, "--seed", 3, "--json")
    done = python(arguments, cosco_root)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["model"], shown["seed"], shown["intervals_done"]) == ("M+least-loaded", 3, 4)
    folder = Path(shown["folder"])
    assert folder == cosco_root.resolve() / "logs" / "M+least-loaded-seed3-001"
    names = {one.name for one in folder.iterdir()}
    assert {"report.html", "tasks.csv", "settings.toml", "metrics_with_interval.csv", "cosco.json"} <= names
    standalone = python(("-m", "cosco_splitplace", "run", *arguments[1:]), tmp_path)
    alone = json.loads(standalone.stdout)["metrics"]
    assert {**shown["metrics"], "scheduling_s": 0} == {**alone, "scheduling_s": 0}
    again = python(arguments, cosco_root)
    assert json.loads(again.stdout)["folder"].endswith("-002")  # never overwritten


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.invalid")
    command = ["git", *identity, "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_git_sees_one_line_in_main_py_after_runs(cosco_root: Path, python: Any) -> None:
    if not (cosco_root / ".gitignore").exists():
        (cosco_root / ".gitignore").write_text("logs/\n__pycache__/\n")  # as COSCO's says, among the rest
    git(cosco_root, "init", "--quiet")
    git(cosco_root, "add", "--all")
    git(cosco_root, "commit", "--quiet", "--message", "COSCO")
    install_hook(cosco_root)
    learner = ["DRL"] if (cosco_root / "scheduler" / "DRL.py").exists() else []  # which would write files of its own
    for name, *options in [["layer+least-loaded"], *([one, "--no-report"] for one in ["Random", *learner])]:
        done = python(("main.py", "--scheduler", name, *SMALL, "--intervals", 12, *options), cosco_root)
        assert done.returncode == 0, done.stderr
    assert git(cosco_root, "status", "--short") == " M main.py\n"
    added, removed, _ = git(cosco_root, "diff", "--numstat").split()
    assert (added, removed) == ("1", "0")
    uninstall_hook(cosco_root)
    assert git(cosco_root, "status", "--short") == ""


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


# ---- real hosts ----


@pytest.fixture()
def agents() -> Iterator[List[FakeAgent]]:
    made = fake_agents(4, lasts_s=0.3)
    yield made
    for one in made:
        one.close()


def hosts_file(folder: Path, addresses: Sequence[str], kind: str = "B4ms") -> Path:
    file = folder / "hosts.toml"
    file.write_text("".join(f'[[hosts]]\naddress = "{one}"\ntype = "{kind}"\n' for one in addresses))
    return file


@pytest.mark.parametrize("scheduler", ["layer+least-loaded", "Random"])
def test_main_py_runs_on_agents(
    cosco_root: Path, python: Any, tmp_path: Path, agents: List[FakeAgent], scheduler: str
) -> None:
    install_hook(cosco_root)
    agents[3].close()  # a dead one costs time, no task
    file = hosts_file(tmp_path, [one.address for one in agents])
    arguments = ("--scheduler", scheduler, "-e", "VLAN", "--hosts-file", file, "--intervals", 10, "--rate", 1.0)
    done = python(("main.py", *arguments, "--set", "run.interval_s=1", "--json"), cosco_root)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["intervals_done"] == 10 and shown["metrics"]["tasks"] >= 3
    assert (shown["settings"]["cluster"]["hosts"], shown["settings"]["cluster"]["mobility"]) == (4, False)
    folder = Path(shown["folder"])
    assert folder.parent == cosco_root.resolve() / "logs"
    told = json.loads((folder / "cosco.json").read_text())
    assert (told["environment"], told["agents"]) == ("VLAN", [one.address for one in agents])
    assert any(agents[3].address in one for one in told["failures"])
    assert f"{len(told['failures'])} failures of agents cost time" in " ".join(done.stderr.split())
    with (folder / "metrics_with_interval.csv").open(encoding="utf-8", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 10
    assert not any(one.containers for one in agents[:3])  # all was cleared away


def test_no_agent_answers(cosco_root: Path, python: Any, tmp_path: Path, agents: List[FakeAgent]) -> None:
    for one in agents:
        one.close()
    file = hosts_file(tmp_path, [one.address for one in agents])
    done = python((*RUN, cosco_root, "--scheduler", "layer+random", "-e", "VLAN", "--hosts-file", file), tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: none of the 4 agents answers: 127.0.0.1:")
    assert "mend the addresses in the hosts file" in done.stderr
    assert not (cosco_root / "logs").exists()


def test_ctrl_c_keeps_what_is_done_and_clears_the_agents(
    standin_root: Path, tmp_path: Path, agents: List[FakeAgent]
) -> None:
    for one in agents:
        one.lasts_s = None
    file = hosts_file(tmp_path, [one.address for one in agents])
    options = ("--scheduler", "layer+random", "--rate", 3, "--set", "run.interval_s=1", "--no-report")
    command = [sys.executable, *RUN, standin_root, *options, "-e", "VLAN", "--hosts-file", file]
    running = subprocess.Popen(list(map(str, command)), cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while sum(len(one.running) for one in agents) < 3 and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(1.5)
    running.send_signal(signal.SIGINT)
    told = running.communicate(timeout=60)[1]
    assert running.returncode == 130, told
    assert "intervals, which are kept" in told and "--resume" not in told
    assert not any(one.containers for one in agents)


def test_another_number_of_hosts(standin_root: Path, python: Any, tmp_path: Path) -> None:
    file = hosts_file(tmp_path, ["192.168.0.2", "192.168.0.3"])
    arguments = ("--scheduler", "layer+random", "-e", "VLAN", "--hosts-file", file, "--hosts", 5)
    done = python((*RUN, standin_root, *arguments), tmp_path)
    assert done.returncode == 2 and "--hosts is 5, the hosts file lists 2; leave it out" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-e", "VLAN"), "-e VLAN runs under COSCO's Framework; give --cosco PATH, too"),
        (("-e", "VLAN", "--cosco", "x"), "needs their agents' addresses: give --hosts-file FILE"),
        (("-e", "Mars", "--cosco", "x"), "unknown environment 'Mars'; known: AWS, Azure, Openstack, VLAN, Vagrant"),
        (("-e", "VLAN", "--cosco", "x", "--hosts-file", "none.toml"), "there is no hosts file 'none.toml'"),
        (("-e", "VLAN", "--cosco", "x", "--resume", "y"), "a run on real hosts can't be resumed"),
        (("--cosco", "x", "-m", "1"), "-m creates and destroys COSCO's machines"),
        (("--hosts-file", "hosts.toml"), "give -e VLAN, too"),
    ],
)
def test_real_hosts_are_refused_before_anything_runs(call: Any, tmp_path: Path, arguments: Any, told: str) -> None:
    code, out, err = call("run", *arguments)
    assert (code, out) == (2, "") and told in " ".join(err.split())
    assert list(tmp_path.iterdir()) == []
