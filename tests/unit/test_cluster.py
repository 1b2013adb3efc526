"""Table 3 as a cluster of any size, and hosts files that are refused."""
from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest

from cosco_splitplace.cluster import load_cluster, proportional_counts
from cosco_splitplace.config import ClusterSettings
from cosco_splitplace.errors import DataFileError, SplitPlaceError

WORKER: Dict[str, Any] = {
    "name": "small", "quantity": 3, "cores": 2, "mips": 1000, "ram_mb": 2000, "ping_ms": 4, "link_mb_s": 10,
    "price_usd_h": 0.1, "power_w": list(range(50, 61)),
}  # fmt: skip
CONTENT: Dict[str, Any] = {
    "format": 1,
    "workers": [WORKER, {**WORKER, "name": "large", "quantity": 1, "cores": 8, "mips": 8000}],
    "broker": {"name": "broker", "link_mb_s": 40, "ping_ms": 1},
}


def test_factors_on_compute_network_and_memory() -> None:
    full, cut = load_cluster(ClusterSettings()), load_cluster(
        ClusterSettings(compute_factor=0.5, network_factor=0.25, memory_factor=0.75)
    )
    np.testing.assert_allclose(cut.mips, full.mips / 2)
    np.testing.assert_allclose(cut.cores, full.cores / 2)
    np.testing.assert_allclose(cut.link_mb_s, full.link_mb_s / 4)
    assert cut.broker_link_mb_s == full.broker_link_mb_s / 4
    np.testing.assert_allclose(cut.ram_mb, full.ram_mb * 0.75)
    np.testing.assert_array_equal(cut.price_usd_h, full.price_usd_h)


@pytest.mark.parametrize(
    ("hosts", "counts"),
    [(50, (20, 10, 10, 10)), (10, (4, 2, 2, 2)), (1, (1, 0, 0, 0)), (100, (40, 20, 20, 20)), (7, (3, 2, 1, 1))],
)
def test_table_3s_mix(hosts: int, counts: "tuple[int, ...]") -> None:
    cluster = load_cluster(ClusterSettings(hosts=hosts))
    found = Counter(cluster.host_types)
    assert tuple(found[name] for name in ("B2ms", "E2asv4", "B4ms", "E4asv4")) == counts
    assert cluster.n_hosts == hosts
    for column in (cluster.cores, cluster.mips, cluster.ram_mb, cluster.ping_s, cluster.link_mb_s, cluster.price_usd_h):
        assert column.shape == (hosts,)
    assert cluster.power_w.shape == (hosts, 11)


def test_table_3s_numbers() -> None:
    cluster = load_cluster(ClusterSettings())
    rows = {
        name: (cluster.cores[i], cluster.mips[i], cluster.ram_mb[i], cluster.ping_s[i], cluster.price_usd_h[i])
        for i, name in enumerate(cluster.host_types)
    }
    assert rows == {
        "B2ms": (2, 4029, 4295, 0.002, 0.0944),
        "E2asv4": (2, 4019, 4172, 0.002, 0.148),
        "B4ms": (4, 8102, 7962, 0.003, 0.189),
        "E4asv4": (4, 7962, 7962, 0.003, 0.296),
    }
    assert set(cluster.link_mb_s) == {10.0}
    assert (cluster.broker_link_mb_s, cluster.broker_ping_s) == (40.0, 0.001)
    assert np.all(np.diff(cluster.power_w, axis=1) > 0)
    assert cluster.power_w[0, 0] == 75.2 and cluster.power_w[0, -1] == 117.0
    assert cluster.power_w[-1, 0] == 71.0 and cluster.power_w[-1, -1] == 126.0


def test_what_a_fragment_gets_of_a_host() -> None:
    cluster = load_cluster(ClusterSettings(hosts=50))
    assert cluster.fragment_mips(2.0)[[0, 49]].tolist() == [4029, 7962 / 2]
    assert cluster.fragment_mips(1.0)[[0, 49]].tolist() == [4029 / 2, 7962 / 4]
    assert cluster.fragment_mips(16.0)[[0, 49]].tolist() == [4029, 7962]


@pytest.mark.parametrize(
    ("quantities", "total", "counts"),
    [([1, 1, 1], 4, [2, 1, 1]), ([3, 1], 1, [1, 0]), ([1, 3], 2, [1, 1]), ([1, 9], 5, [1, 4]), ([2.5, 2.5], 3, [2, 1])],
)
def test_largest_remainders(quantities: "list[float]", total: int, counts: "list[int]") -> None:
    assert proportional_counts(np.array(quantities, dtype=float), total).tolist() == counts


def written(folder: Path, value: Any) -> ClusterSettings:
    path = folder / "hosts.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return ClusterSettings(hosts=4, hosts_file=str(path))


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    cluster = load_cluster(written(tmp_path, CONTENT))
    assert cluster.host_types == ("small", "small", "small", "large")
    assert cluster.ping_s[0] == 0.004 and cluster.mips[3] == 8000
    assert cluster.power_w[0].tolist() == list(range(50, 61))


def worker(**changes: Any) -> Dict[str, Any]:
    changed = {key: value for key, value in {**WORKER, **changes}.items() if value is not None}
    return {**CONTENT, "workers": [changed]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is damaged"),
        ({**CONTENT, "format": 7}, "has format 7, expected 1"),
        ({"format": 1}, "'workers' is None"),
        ({**CONTENT, "workers": []}, "at least one host type"),
        ({**CONTENT, "workers": [3]}, "at least one host type"),
        ({**CONTENT, "broker": []}, "'broker' is"),
        ({**CONTENT, "broker": {"link_mb_s": 0, "ping_ms": 1}}, "'link_mb_s' .* is 0.0; it must be positive"),
        (worker(mips=None), "'mips' is None, expected float"),
        (worker(mips="fast"), "'mips' is 'fast', expected float"),
        (worker(cores=0), "'cores' of host type 'small' is 0.0; it must be positive"),
        (worker(ram_mb=-1), "'ram_mb' of host type 'small' is -1.0; it must be positive"),
        (worker(quantity=0), "'quantity' of host type 'small' is 0.0"),
        (worker(power_w=[1, 2, 3]), "'power_w' of host type 'small' must hold 11 powers"),
        (worker(power_w=[-1] + [1] * 10), "'power_w' of host type 'small' must hold 11 powers"),
        (worker(power_w=[float("nan")] + [1] * 10), "'power_w' of host type 'small' must hold 11 powers"),
        (worker(power_w=[float("inf")] + [1] * 10), "'power_w' of host type 'small' must hold 11 powers"),
        (worker(name=None), "name"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(SplitPlaceError, match=message) as caught:
        load_cluster(written(tmp_path, content))
    assert "hosts.json" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"none\.json is missing"):
        load_cluster(ClusterSettings(hosts_file=str(tmp_path / "none.json")))


def test_a_cloud_is_behind_a_wide_area_link() -> None:
    edge, cloud = (load_cluster(ClusterSettings(location=one)) for one in ("edge", "cloud"))
    assert cloud.broker_ping_s - edge.broker_ping_s == pytest.approx(0.078)
    assert cloud.broker_link_mb_s == pytest.approx(edge.broker_link_mb_s / 15, rel=2e-3)
    assert cloud.ram_mb.tolist() == (8 * edge.ram_mb).tolist()
    for column in ("mips", "link_mb_s", "ping_s"):  # the same machines, in a network of their own
        assert getattr(cloud, column).tolist() == getattr(edge, column).tolist()


def test_a_wide_area_link_widens_nothing(tmp_path: Path) -> None:
    wide = {"rtt_ms": 50, "link_mb_s": 1000, "ram_factor": 1}
    settings = replace(written(tmp_path, {**CONTENT, "wide_area": wide}), location="cloud")
    assert load_cluster(settings).broker_link_mb_s == 40
    assert load_cluster(settings).broker_ping_s == pytest.approx(0.051)


@pytest.mark.parametrize("wide", [None, {}, {"rtt_ms": 0, "link_mb_s": 1, "ram_factor": 1}, {"rtt_ms": 9}])
def test_a_cloud_without_a_wide_area_link_is_refused(tmp_path: Path, wide: Any) -> None:
    settings = written(tmp_path, CONTENT if wide is None else {**CONTENT, "wide_area": wide})
    assert load_cluster(settings).n_hosts == 4
    with pytest.raises(SplitPlaceError, match=r"hosts\.json.*(wide_area|rtt_ms|link_mb_s|ram_factor)"):
        load_cluster(replace(settings, location="cloud"))
