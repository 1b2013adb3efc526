"""SUMO's vehicles, really driven where SUMO is installed; the shipped trace; maps and pictures."""
from __future__ import annotations

import gzip
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosco_splitplace.errors import ConfigurationError, DataFileError, SplitPlaceError
from cosco_splitplace.evaluation.plots.mobility import draw_mobility
from cosco_splitplace.mobility.city_map import map_path, origin_path, read_map, write_map
from cosco_splitplace.mobility.radio import RadioSettings
from cosco_splitplace.mobility.sumo import CitySettings, drive, find_sumo, read_places
from cosco_splitplace.mobility.trace import read_trace, trace_path
from cosco_splitplace.mobility.vehicles import HostSettings, make_vehicle_trace, moving_hosts, unit_places

SMALL = CitySettings(columns=4, rows=4, others=5)
WITHOUT = importlib.util.find_spec("sumo") is None
needs_sumo = pytest.mark.skipif(WITHOUT, reason="the extra 'mobility' is not installed")


@needs_sumo
def test_vehicles_keep_to_the_streets_and_drive_on() -> None:
    told = []
    places = drive(find_sumo(), SMALL, 3, 400, 1, lambda done, total: told.append((done, total)))
    assert places.shape == (400, 3, 2)
    x, y = SMALL.junctions
    to_street = np.minimum(
        np.abs(places[..., 0, None] - x).min(axis=2), np.abs(places[..., 1, None] - y).min(axis=2)
    )
    assert to_street.max() < 12  # m
    step = np.linalg.norm(np.diff(places, axis=0), axis=2)
    assert step.max() < SMALL.speed_m_s * 1.5 and (step.sum(axis=0) > 500).all()
    assert told[-1][1] == 700 and told == sorted(told)
    assert np.array_equal(places, drive(find_sumo(), SMALL, 3, 400, 1))
    assert not np.array_equal(places, drive(find_sumo(), SMALL, 3, 400, 2))


@needs_sumo
def test_a_trace_of_them() -> None:
    trace, city = make_vehicle_trace(
        find_sumo(), 6, 4, 60, 0, SMALL, RadioSettings(units=4), HostSettings(moving=0.5)
    )
    assert trace.bandwidth_share.shape == trace.latency_factor.shape == (4, 6)
    assert city.hosts.tolist() == [1, 3, 5] == np.flatnonzero(trace.moving).tolist()
    assert (trace.bandwidth_share >= 0.01).all() and (trace.bandwidth_share <= 1).all()
    assert (trace.latency_factor[:, 1::2] > 1).all() and (trace.latency_factor[:, ::2] == 1).all()
    assert city.tracks.shape == (48, 3, 2) and city.units.shape == (4, 2)


@needs_sumo
def test_what_sumo_says_is_passed_on() -> None:
    broken = CitySettings(block_x_m=30.0, block_y_m=30.0, lanes=6, columns=2, rows=2, others=0)
    object.__setattr__(broken, "lanes", -1)
    with pytest.raises(SplitPlaceError, match=r"SUMO's netgenerate failed: (?s:.*)lane"):
        drive(find_sumo(), broken, 1, 10, 0)


def test_without_sumo_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sumo", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'cosco-splitplace\[mobility\]'.*--model waypoint"):
        find_sumo()


def test_a_vehicle_that_is_not_told_of_stays_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "places.csv"
    rows = ["timestep_time;vehicle_id;vehicle_x;vehicle_y", "300.0;host0;1;2", "301.0;host1;5;6", "303.0;host0;3;4"]
    path.write_text("\n".join(rows) + "\n")
    found = read_places(path, 2, 4)
    assert found[:, 0].tolist() == [[1, 2], [1, 2], [1, 2], [3, 4]] and found[:, 1].tolist() == [[5, 6]] * 4
    with pytest.raises(SplitPlaceError, match="fewer than 3 vehicles"):
        read_places(path, 3, 4)


def test_who_moves_and_where_units_stand() -> None:
    assert moving_hosts(6, 0.5).tolist() == [False, True] * 3
    assert moving_hosts(50, 0.3).sum() == 15 and moving_hosts(3, 1.0).all()
    for units in (1, 2, 5, 9, 16):
        places = unit_places(SMALL, units)
        assert len({tuple(one) for one in places.tolist()}) == units
    assert unit_places(SMALL, 16).shape == (16, 2)
    with pytest.raises(ConfigurationError, match=r"radio\.units is 17, and the city has 16 junctions"):
        unit_places(SMALL, 17)


class TestShipped:
    path = trace_path("sumo")

    def test_it_covers_500_intervals_of_50_hosts(self) -> None:
        trace = read_trace("sumo")
        assert trace.bandwidth_share.shape == (500, 50) and trace.moving.tolist() == [False, True] * 25
        share = trace.bandwidth_share[:, trace.moving]
        assert (np.ptp(share, axis=0) > 0.3).all() and 0.3 < share.mean() < 0.6
        calm = (share[1:] - share[:-1]).std()
        assert calm < np.sqrt(2) * share.std()  # neighbouring intervals are alike

    def test_it_says_how_it_was_made(self) -> None:
        origin = json.loads(origin_path(self.path).read_text())
        assert origin["command"] == "cosco-splitplace mobility make" and origin["sumo"] == "1.28.0"
        assert origin["found"] == read_trace("sumo").figures()
        assert origin["radio"] == vars(RadioSettings()) and origin["city"] == vars(CitySettings())

    def test_its_map(self, tmp_path: Path) -> None:
        city = read_map(map_path(self.path))
        assert city.tracks.shape == (720, 25, 2) and len(city.units) == 16
        write_map(city, tmp_path / "m.map.json.gz")
        assert (tmp_path / "m.map.json.gz").read_bytes() == map_path(self.path).read_bytes()

    @pytest.mark.parametrize("name", ["a.png", "a.pdf"])
    def test_it_is_drawn(self, tmp_path: Path, name: str) -> None:
        trace = read_trace("sumo")
        draw_mobility(trace, read_map(map_path(self.path)), tmp_path / name)
        draw_mobility(trace, None, tmp_path / f"bare-{name}")
        sizes = [path.stat().st_size for path in (tmp_path / name, tmp_path / f"bare-{name}")]
        assert sizes[0] > sizes[1] > 10_000


@pytest.mark.parametrize(
    "content", [b"", b"no gzip", gzip.compress(b"{"), gzip.compress(b"[]"), gzip.compress(b'{"format": 1}'),
                gzip.compress(b'{"format":1,"junctions_x":[1],"junctions_y":[1],"units":[[1,2]],"hosts":[1],"tracks":[1]}')],
)  # fmt: skip
def test_a_damaged_map_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.map.json.gz"
    path.write_bytes(content)
    with pytest.raises(DataFileError, match=r"mine\.map\.json\.gz.*cosco-splitplace mobility make"):
        read_map(path)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [(CitySettings, {"columns": 1}), (CitySettings, {"lanes": 0}), (CitySettings, {"block_x_m": 10.0}),
     (CitySettings, {"speed_m_s": 0.0}), (HostSettings, {"moving": 0.0}), (HostSettings, {"nominal_ms": 0.0}),
     (HostSettings, {"least_share": 0.0})],
)  # fmt: skip
def test_impossible_worlds_are_refused(kind: Any, changes: Any) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(changes))):
        kind(**changes)
