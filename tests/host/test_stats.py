"""COSCO's statistics, per task, without a GOBI model, as files of COSCO's names."""
from __future__ import annotations

import csv
from pathlib import Path
from typing import Iterator, Tuple

import pytest
from host_parts import entered, small

from cosco_splitplace.bridge.running import Assembly, simulate_inside, write_tables
from cosco_splitplace.records import RunResult


@pytest.fixture()
def done(cosco_root: Path) -> Iterator[Tuple[RunResult, Assembly]]:
    with entered(cosco_root):
        yield simulate_inside(small("least-loaded"), cosco_root)


def test_metrics_count_tasks(done: Tuple[RunResult, Assembly]) -> None:
    result, parts = done
    metrics = parts.stats.metrics
    assert len(metrics) == 12
    for number, one in enumerate(metrics):
        left = [each for each in result.outcomes if each.left_interval == number]
        assert one["interval"] == number + 1
        assert one["numdestroyed"] == len(left)
        assert one["responsetime"] == [each.response_s for each in left]
        assert one["slaviolations"] == sum(each.violated for each in left)
        assert one["energytotalinterval"] == pytest.approx(result.hosts.energy_wh[number].sum() * 3600)
    assert sum(one["numdestroyed"] for one in metrics) == len(result.outcomes) > 0


def test_containers_and_hosts(done: Tuple[RunResult, Assembly]) -> None:
    result, parts = done
    stats = parts.stats
    assert [len(one["cpu"]) for one in stats.hostinfo] == [10] * 12
    assert stats.hostinfo[3]["cpu"] == pytest.approx((100 * result.hosts.cpu_utilisation[3]).tolist())
    assert stats.workloadinfo[0]["newcontainers"] == stats.workloadinfo[0]["totalcontainers"]
    placed = sum(one.placed_fragments for one in result.intervals)
    assert len(stats.allcontainerinfo[-1]["create"]) == placed
    assert {len(one["hostalloc"]) % 10 for one in stats.activecontainerinfo} == {0}


def test_files(done: Tuple[RunResult, Assembly], tmp_path: Path) -> None:
    write_tables(done[1], tmp_path)
    names = {one.name for one in tmp_path.iterdir()}
    kinds = ("hostinfo", "workloadinfo", "metrics", "activecontainerinfo", "allcontainerinfo", "schedulerinfo")
    assert {f"{one}_with_interval.csv" for one in kinds} <= names
    assert "cpu_apparentips_energytotalinterval_avgresponsetime_with_interval.csv" in names
    for one in tmp_path.glob("*.csv"):
        assert "np." not in one.read_text(encoding="utf-8")
    with (tmp_path / "metrics_with_interval.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 12
    assert float(rows[4]["energytotalinterval"]) > 0
    with (tmp_path / "cpu_apparentips_energytotalinterval_avgresponsetime_with_interval.csv").open() as stream:
        assert len({len(row) for row in csv.reader(stream)}) == 1


def test_no_model_is_built(done: Tuple[RunResult, Assembly]) -> None:
    stats = done[1].stats
    assert stats.simulated_scheduler is None
    with pytest.raises(RuntimeError, match="no simulated_scheduler"):
        stats.runSimulationGOBI()


def test_plots_take_the_place_of_coscos(done: Tuple[RunResult, Assembly], tmp_path: Path) -> None:
    done[1].stats.generateGraphs(str(tmp_path))
    assert list((tmp_path / "plots").glob("*.png"))
