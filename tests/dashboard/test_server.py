"""The API answers what the files say, refuses what it must, and keeps the page to those who may see it."""
from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple
from urllib.parse import urlsplit

import pytest
import requests
from dashboards import SETTINGS, WatchedLoop, answer, at_once, dashboard, finished_run

from cosco_splitplace.config import Settings
from cosco_splitplace.dashboard import references
from cosco_splitplace.dashboard.references import READY, References
from cosco_splitplace.dashboard.server import GRAFANA_FILE, STATIC
from cosco_splitplace.evaluation.bounds.no_contention import no_contention
from cosco_splitplace.records import RunResult
from cosco_splitplace.simulation import simulate

TOKEN = "a-token-that-is-long-enough"  # noqa: S105  (of these tests)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tuple[str, RunResult]]:
    folder = tmp_path_factory.mktemp("results")
    result = finished_run(folder / "one run")
    with dashboard([folder]) as address:
        yield address, result


def test_answers_are_the_results(served: Tuple[str, RunResult]) -> None:
    address, result = served
    listed = answer(address, "runs")["runs"]
    assert [one["run"] for one in listed] == ["one run"] and listed[0]["model"] == "watched"
    run = answer(address, "runs/one run")
    assert run["tasks"] == len(result.tasks) and run["fragments"] == len(result.fragments)
    assert run["settings"] == json.loads(json.dumps(result.settings.to_mapping()))
    reward = next(one for one in run["metrics"] if one["name"] == "drained_reward")
    assert reward["value"] == pytest.approx(100 * result.metrics["drained_reward"])
    series = answer(address, "runs/one run/series")
    assert series["series"]["energy_wh"] == pytest.approx([one.energy_wh for one in result.intervals], rel=1e-6)
    known = [None if one.objective != one.objective else pytest.approx(one.objective) for one in result.intervals]
    assert series["series"]["objective"] == known and None in known
    outcome = result.outcomes[0]
    task = answer(address, f"runs/one run/tasks/{outcome.task.task_id}")
    assert task["reward"] == pytest.approx(outcome.reward) and task["hosts"] == list(outcome.hosts)
    assert [one["host"] for one in task["fragments"]] == list(outcome.hosts)
    late = answer(address, "runs/one run/tasks", state="late", limit=500)
    assert late["total"] == len(late["tasks"]) and all(one["violated"] is not False for one in late["tasks"])
    slow = answer(address, "runs/one run/tasks", sort="response_intervals", descending="true", state="done")["tasks"]
    assert [one["response_intervals"] for one in slow] == sorted((one.response_intervals for one in result.outcomes),
                                                                 reverse=True)[:100]
    host = answer(address, "runs/one run/hosts/3")
    assert host["loads"]["energy_wh"] == pytest.approx(result.hosts.energy_wh[:, 3].tolist(), rel=1e-6)
    decider = answer(address, "runs/one run/decider")
    assert decider["state"]["N.high.layer"][-1] == result.intervals[-1].decider["N.high.layer"]
    assert sum(map(sum, decider["decisions"].values())) == len(result.tasks)
    placer = answer(address, "runs/one run/placer")
    assert placer["predicted"] == pytest.approx([one.placer["predicted"] for one in result.intervals])
    assert answer(address, "runs/one run/incidents") == {"incidents": []}


def test_every_address_is_documented_and_the_document_is_served(served: Tuple[str, RunResult]) -> None:
    address, _ = served
    paths = answer(address, "openapi.json")["paths"]
    arguments = {"{run}": "one run", "{interval}": "0", "{host}": "0", "{task}": "0", "{fragment}": "0"}
    for path in paths:
        if path == "/api/events":
            continue
        for name, value in arguments.items():
            path = path.replace(name, value)
        assert requests.get(address + path, timeout=20).status_code == 200, path
    written = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text(encoding="utf-8")
    assert [path for path in paths if path not in written] == []


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/runs/nope", 404, "/api/runs"),
        ("/api/runs/..%2F..%2Fetc", 404, ""),
        ("/api/runs/../../etc/passwd", 404, ""),
        ("/static/../server.py", 404, ""),
        ("/static/..%2Fserver.py", 404, ""),
        ("/static/%2Fetc/passwd", 404, ""),
        ("/api/runs/one%20run/cluster/999", 404, "0 to"),
        ("/api/runs/one%20run/hosts/8", 404, "0 to 7"),
        ("/api/runs/one%20run/tasks?limit=501", 400, "500"),
        ("/api/runs/one%20run/tasks?sort=reason", 400, "allowed"),
        ("/api/runs/one%20run/tasks?nope=1", 400, "allowed"),
        ("/api/runs/one%20run/tasks?descending=yes", 400, "true, false"),
    ],
)
def test_what_is_refused(served: Tuple[str, RunResult], path: str, status: int, says: str) -> None:
    address, _ = served
    url = urlsplit(address)
    from http.client import HTTPConnection

    connection = HTTPConnection(url.hostname or "", url.port, timeout=20)
    connection.request("GET", path)  # as it is: requests would tidy it
    reply = connection.getresponse()
    body = reply.read().decode()
    connection.close()
    assert reply.status == status and says in body


def test_only_reading_is_offered(served: Tuple[str, RunResult]) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert requests.request(method, f"{served[0]}/api/runs", timeout=20).status_code == 405


def test_headers_keep_the_page_to_itself(served: Tuple[str, RunResult]) -> None:
    reply = requests.get(served[0], timeout=20)
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
    assert "<script>" not in reply.text and " style=" not in reply.text and "http" not in reply.text.split("<body>")[0]
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_a_foreign_host_name_is_refused(served: Tuple[str, RunResult]) -> None:
    for host, status in (("evil.example", 403), ("evil.example:8050", 403), ("localhost:1", 200), ("[::1]", 200)):
        assert requests.get(f"{served[0]}/api/runs", headers={"Host": host}, timeout=20).status_code == status, host


def test_a_token_is_asked_for(tmp_path: Path) -> None:
    with dashboard([tmp_path], TOKEN) as address:
        assert requests.get(f"{address}/api/runs", timeout=20).status_code == 401
        assert requests.get(f"{address}/metrics", timeout=20).status_code == 401
        assert requests.get(f"{address}/static/app.css", timeout=20).status_code == 401
        assert requests.get(f"{address}/?token=wrong", timeout=20).status_code == 401
        bearer = {"Authorization": f"Bearer {TOKEN}", "Host": "another.example"}
        assert requests.get(f"{address}/api/runs", headers=bearer, timeout=20).status_code == 200
        browser = requests.Session()
        page = browser.get(f"{address}/?token={TOKEN}", timeout=20)
        assert page.status_code == 200 and TOKEN not in page.url and TOKEN not in str(browser.cookies.get_dict())
        assert browser.get(f"{address}/api/runs", timeout=20).status_code == 200


def test_another_address_than_loopback_needs_a_token(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cosco_splitplace", "dashboard", str(tmp_path), "--listen", "0.0.0.0:0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        address, _, rest = line.removeprefix("dashboard at ").partition("/?token=")
        port = address.rpartition(":")[2]
        assert requests.get(f"http://127.0.0.1:{port}/api/runs", timeout=20).status_code == 401
        bearer = {"Authorization": f"Bearer {rest.split()[0]}"}
        assert requests.get(f"http://127.0.0.1:{port}/api/runs", headers=bearer, timeout=20).status_code == 200
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0
        process.stderr.close()


def test_events_tell_of_a_running_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once(monkeypatch)
    run = WatchedLoop(tmp_path / "run")
    run.go_on()
    with dashboard([tmp_path]) as address:
        told = requests.get(f"{address}/api/events?run=run", stream=True, timeout=20)
        lines = (line for line in told.iter_lines(decode_unicode=True) if line.startswith("data:"))
        assert json.loads(next(lines)[5:]) == {"count": 1}
        first = json.loads(next(lines)[5:])
        assert first["state"] == "running" and first["intervals_done"] == 1
        run.go_on()
        assert json.loads(next(lines)[5:])["intervals_done"] == 2
        run.killed()
        assert json.loads(next(lines)[5:])["state"] == "stopped"
        told.close()


def test_prometheus_reads_the_last_interval(served: Tuple[str, RunResult]) -> None:
    address, result = served
    text = requests.get(f"{address}/metrics", timeout=20).text
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}
    labels = '{run="one run",model="watched"}'
    assert values[f"cosco_splitplace_run_tasks_arrived_total{labels}"] == len(result.tasks)
    assert values[f"cosco_splitplace_run_energy_wh_total{labels}"] == pytest.approx(
        sum(one.energy_wh for one in result.intervals), rel=1e-4
    )
    assert values['cosco_splitplace_run_state{run="one run",state="finished"}'] == 1
    found = [value for name, value in values.items() if "_host_bandwidth_bytes_per_second{" in name]
    assert found == pytest.approx(1e6 * result.hosts.bandwidth_mb_s[-1], rel=1e-3)
    names = {line.split("{")[0] for line in values}
    asked = GRAFANA_FILE.read_text(encoding="utf-8")
    for target in (t for panel in json.loads(asked)["panels"] for t in panel["targets"]):
        assert any(name in target["expr"] for name in names), target["expr"]


def test_references_are_the_bound_and_always_semantic() -> None:
    settings = SETTINGS.replace(run={"intervals": 6})
    found = references.work_out(settings)
    assert sum(found["bound_reward"]) / len(found["bound_reward"]) == pytest.approx(no_contention(settings).reward)
    semantic = simulate(settings.replace(run={"decider": "semantic"}))
    reached = [one for one in found["semantic"]["reward"] if one is not None]
    assert sum(reached) / len(semantic.tasks) == pytest.approx(semantic.metrics["drained_reward"])


def test_references_are_kept_and_not_asked_of_a_running_run() -> None:
    settings = Settings().to_mapping()
    given = References(compute=False)
    assert given.of(settings, finished=True) == ("no references are worked out (--no-references)", None)
    assert given.of(settings, finished=True, simulated=False)[0] == "real hosts have no references"
    path = references._path(Settings())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"kept": 1}', encoding="utf-8")
    try:
        assert given.of(settings, finished=False) == (READY, {"kept": 1})
    finally:
        path.unlink()


def test_nothing_of_the_page_comes_from_elsewhere() -> None:
    for path in STATIC.rglob("*"):
        if path.suffix in (".html", ".css", ".js") and "vendor" not in path.parts:
            text = path.read_text(encoding="utf-8").replace("http://www.w3.org", "")
            assert "http://" not in text and "https://" not in text and "innerHTML" not in text, path
    assert (STATIC / "vendor" / "uPlot.LICENSE").is_file()


def test_a_run_is_shown_while_it_goes_on_and_no_longer(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "cosco_splitplace", "run", "--decider", "layer", "--placer", "least-loaded",
        "--hosts", "4", "--rate", "0.5", "--intervals", "100000", "--dashboard", "--no-report", "--json",
        "--out", str(tmp_path / "run"),
    ]  # fmt: skip
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert running.stderr is not None
        told = next(line for line in running.stderr if "dashboard at" in line)
        address = told.strip().rpartition(" ")[2]
        until = time.monotonic() + 60
        seen: Dict[str, Any] = {}
        while seen.get("intervals_done", 0) < 1 and time.monotonic() < until:
            for seen in requests.get(f"{address}/api/runs", timeout=10).json()["runs"]:
                assert seen["folder"].endswith("run")
            time.sleep(0.2)
        assert seen["state"] == "running" and seen["model"] == "L+least-loaded"
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1]
        assert "Fatal" not in said and "Traceback" not in said
        assert running.returncode == 130 and not (tmp_path / "run" / "live.jsonl").exists()
        with pytest.raises(requests.ConnectionError):
            for _ in range(50):
                requests.get(f"{address}/api/runs", timeout=5)
                time.sleep(0.2)
    finally:
        running.kill()
