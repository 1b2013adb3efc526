"""COSCO's measurements in InfluxDB, a real server where it is installed, and in SQLite."""
from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Iterator

import pytest
import requests

from cosco_splitplace.bridge.measurements import FILE, InfluxSink, Point, SqliteSink, line_of, points_of, sink_for
from cosco_splitplace.errors import ConfigurationError

HOSTS = [("10.0.0.1:8082", {"cpu_share": 0.25, "free_memory_mb": 250.0, "total_memory_mb": 1000.0, "disk_mb": 90.0,
                            "free_disk_mb": 30.0})]
CONTAINERS = [{"host": "10.0.0.1:8082", "name": "run-1-1", "running": True, "outputs": 3, "chunks": 8}]


@pytest.fixture
def influxdb(tmp_path: Path) -> Iterator[str]:
    """A server of the test's own."""
    influxd = shutil.which("influxd") or shutil.which("influxd", path="/usr/sbin:/usr/bin")
    if influxd is None:
        pytest.skip("InfluxDB: influxd is not installed (Debian: apt-get install influxdb)")
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as one:
            ports.append(one.getsockname()[1])
    settings = tmp_path / "influxdb.conf"
    settings.write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{ports[1]}"\n[meta]\ndir = "{tmp_path}/meta"\n'
        f'[data]\ndir = "{tmp_path}/data"\nwal-dir = "{tmp_path}/wal"\n[http]\nbind-address = "127.0.0.1:{ports[0]}"\n'
    )
    server = subprocess.Popen([influxd, "-config", settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{ports[0]}"
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            requests.get(f"{base}/ping", timeout=1)
            break
        except requests.RequestException:
            time.sleep(0.1)
    yield base
    server.terminate()
    server.wait()


def test_a_real_server_gets_them(influxdb: str, tmp_path: Path) -> None:
    sink = sink_for(f"{influxdb}/cosco", tmp_path)
    sink.insert(points_of(HOSTS, CONTAINERS))
    sink.close()

    def rows(measurement: str) -> list:
        query = {"db": "cosco", "q": f'SELECT * FROM "{measurement}"'}
        (series,) = requests.get(f"{influxdb}/query", params=query, timeout=10).json()["results"][0]["series"]
        return [dict(zip(series["columns"], one)) for one in series["values"]]

    (host,) = rows("hostStat")
    assert (host["host_ip"], host["cpu"], host["memory"], host["disk"]) == ("10.0.0.1:8082", 25, 75, 60)
    (container,) = rows("ContainerStat")
    assert container["container_name"] == "run-1-1" and container["running"] is True and container["outputs"] == 3
    assert not (tmp_path / FILE).exists()


def test_without_a_server_they_are_in_a_file(tmp_path: Path) -> None:
    sink = sink_for("", tmp_path)
    assert isinstance(sink, SqliteSink)
    sink.insert(points_of(HOSTS, CONTAINERS))
    sink.close()
    with sqlite3.connect(tmp_path / FILE) as found:
        kept = found.execute("SELECT measurement, tags, fields FROM points").fetchall()
    assert [one[0] for one in kept] == ["hostStat", "ContainerStat"]
    assert json.loads(kept[0][2])["cpu"] == 25 and json.loads(kept[1][1])["container_name"] == "run-1-1"


@pytest.mark.parametrize("url", ["", "x", "http://h", "http://h/", "ftp://h/x", "http://h/a/b"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="give http://HOST:8086/DATABASE"):
        InfluxSink(url)


def test_a_server_that_is_not_there_is_named_before_the_run() -> None:
    with pytest.raises(ConfigurationError, match="does not take the database 'cosco'"):
        InfluxSink("http://127.0.0.1:9/cosco")


def test_a_server_that_dies_costs_points_not_the_run(influxdb: str, caplog: pytest.LogCaptureFixture) -> None:
    sink = InfluxSink(f"{influxdb}/cosco")
    sink._base = "http://127.0.0.1:9"
    sink.insert(points_of(HOSTS, CONTAINERS))
    assert "InfluxDB took 2 points not" in caplog.text


def test_names_are_escaped() -> None:
    point = Point("a b,c", {"t g": "x=y,z"}, {"f": 'say "hi"\n', "n": 1, "yes": True})
    assert line_of(point) == 'a\\ b\\,c,t\\ g=x\\=y\\,z f="say \\"hi\\" ",n=1.0,yes=true'
