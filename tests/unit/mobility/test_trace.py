"""The mobility trace: its file, its range, and what a longer run or a larger cluster gets."""
from __future__ import annotations

import gzip
import time
from pathlib import Path

import numpy as np
import pytest

from cosco_splitplace.backends.simulated.backend import SimulatedBackend
from cosco_splitplace.config import EngineSettings, FragmentSettings
from cosco_splitplace.contract.made_parts import made_cluster
from cosco_splitplace.errors import ConfigurationError, DataFileError
from cosco_splitplace.mobility.trace import MobilityTrace, read_trace, write_trace
from cosco_splitplace.mobility.waypoint import make_trace

HEADER = "interval,host,latency_factor,bandwidth_share\n"
GOOD = HEADER + "0,0,1.0,1.0\n0,1,2.0,0.5\n1,0,1.0,1.0\n1,1,4.0,0.25\n"


def numbered(intervals: int, hosts: int) -> MobilityTrace:
    """Latency factor 1000 + 10 * interval + host."""
    factor = 1000.0 + 10 * np.arange(intervals)[:, None] + np.arange(hosts)
    return MobilityTrace(factor, 1 / factor)


@pytest.mark.parametrize("name", ["trace.csv", "trace.csv.gz"])
def test_written_and_read_back_byte_for_byte(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_trace(make_trace(4, 6, seed=3), tmp_path / name)
    monkeypatch.setattr(time, "time", lambda: 1e9)  # gzip would write down when it was made
    again = tmp_path / "again" / name
    again.parent.mkdir()
    write_trace(read_trace(str(tmp_path / name)), again)
    assert again.read_bytes() == (tmp_path / name).read_bytes()
    write_trace(make_trace(4, 6, seed=4), again)
    assert again.read_bytes() != (tmp_path / name).read_bytes()


def test_read_by_hand_whatever_the_order_of_rows(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(HEADER + "1,1,4.0,0.25\n0,1,2.0,0.5\n1,0,1.0,1.0\n0,0,1.5,0.75\n")
    trace = read_trace(str(path))
    assert trace.latency_factor.tolist() == [[1.5, 2.0], [1.0, 4.0]]
    assert trace.bandwidth_share.tolist() == [[0.75, 0.5], [1.0, 0.25]]


def test_a_made_trace_moves_every_second_host() -> None:
    trace = make_trace(6, 20, seed=0)
    assert trace.bandwidth_share.shape == (20, 6)
    assert np.all(trace.bandwidth_share[:, ::2] == 1) and np.all(trace.latency_factor[:, ::2] == 1)
    assert np.all(trace.bandwidth_share[:, 1::2] < 1) and np.all(trace.bandwidth_share[:, 1::2] >= 0.2)
    assert np.all(np.ptp(trace.bandwidth_share[:, 1::2], axis=0) > 0.05)


def test_the_shipped_trace_covers_the_default_run() -> None:
    trace = read_trace()
    assert trace.bandwidth_share.shape[1] == 50
    assert trace.bandwidth_share.shape[0] >= 100


def test_a_longer_run_starts_the_trace_again() -> None:
    trace = numbered(5, 3)
    for interval, row in ((0, 0), (4, 4), (5, 0), (13, 3)):
        factor, share = trace.at(interval, 3)
        assert factor.tolist() == [1000 + 10 * row, 1001 + 10 * row, 1002 + 10 * row]
        assert share == pytest.approx(1 / factor)


def test_more_hosts_than_the_trace_follow_it_with_a_head_start() -> None:
    factor, _ = numbered(9, 2).at(1, 5)  # a head start of 9 // 3 + 1 = 4 intervals a round
    assert factor.tolist() == [1010, 1011, 1050, 1051, 1000]
    together = np.array([numbered(9, 2).at(interval, 5)[0] for interval in range(9)])
    assert len({tuple(column) for column in together.T}) == 5


def test_fewer_hosts_take_the_first_ones() -> None:
    assert numbered(3, 4).at(2, 2)[0].tolist() == [1020, 1021]


def test_the_backend_follows_the_trace() -> None:
    trace = MobilityTrace(np.array([[1.0, 2.0], [4.0, 1.0]]), np.array([[1.0, 0.5], [0.25, 1.0]]))
    cluster = made_cluster(2)
    backend = SimulatedBackend(cluster, FragmentSettings(), EngineSettings(), trace, 300.0)
    for number, share in enumerate(trace.bandwidth_share):
        state = backend.snapshot()
        assert state.bandwidth_mb_s == pytest.approx(10 * share)
        assert state.latency_s == pytest.approx(trace.latency_factor[number])
        backend.clock.wait_until(300.0 * (number + 1))
    still = SimulatedBackend(cluster, FragmentSettings(), EngineSettings(), None, 300.0).snapshot()
    assert still.bandwidth_mb_s.tolist() == [10, 10]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no,such,columns\n1,2,3\n",
        HEADER,
        HEADER + "0,0,1.0,1.0\n0,1,2.0\n",
        HEADER + "0,0,1.0,1.0\n1,1,1.0,1.0\n",
        HEADER + "0,0,1.0,1.0\n0,0,1.0,1.0\n",
        HEADER + "0,0,0.5,1.0\n",
        HEADER + "0,0,1.0,0.0\n",
        HEADER + "0,0,1.0,1.5\n",
        HEADER + "0,0,one,1.0\n",
        HEADER + "0,0,nan,1.0\n",
        HEADER + "0.5,0,1.0,1.0\n",
        HEADER + "-1,0,1.0,1.0\n0,0,1.0,1.0\n",
        HEADER + "0,0,inf,1.0\n",
        GOOD.replace("\n0,1,", '\n0,"1,'),
    ],
)
def test_damage_names_the_file_and_the_remedy(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    with pytest.raises(DataFileError, match=r"trace\.csv .*cosco-splitplace mobility make"):
        read_trace(str(path))


def test_a_file_cut_short_or_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv.gz"
    whole = gzip.compress(GOOD.encode() * 200)
    for content in (whole[: len(whole) // 2], GOOD.encode(), b"\x00\xff" * 50):
        path.write_bytes(content)
        with pytest.raises(DataFileError, match=r"trace\.csv\.gz is damaged .*cosco-splitplace mobility make"):
            read_trace(str(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"none\.csv is missing; .*cosco-splitplace mobility make"):
        read_trace(str(tmp_path / "none.csv"))


@pytest.mark.parametrize(("hosts", "intervals"), [(0, 5), (5, 0), (-1, 5)])
def test_an_empty_trace_is_not_made(hosts: int, intervals: int) -> None:
    with pytest.raises(ConfigurationError, match="is empty; give >= 1"):
        make_trace(hosts, intervals, 0)
