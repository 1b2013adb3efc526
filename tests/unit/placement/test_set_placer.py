"""`daso-set`: reacts to contention, RAM, links and decisions; knows no number or order of hosts and fragments."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cosco_splitplace.cluster import Cluster, load_cluster
from cosco_splitplace.config import Settings
from cosco_splitplace.contract.made_parts import made_problem
from cosco_splitplace.errors import ConfigurationError, DataFileError
from cosco_splitplace.placement.heuristics import LeastLoadedPlacer
from cosco_splitplace.placement.port import WAIT, PlacementProblem, PlacerSetup
from cosco_splitplace.placement.set_placer import DasoSetPlacer
from cosco_splitplace.placement.set_surrogate import PairSurrogate, load_pair_surrogate, save_pair_surrogate

INTERVAL_S = 300.0


def cluster_of(hosts: int) -> Cluster:
    return load_cluster(Settings().replace(cluster={"hosts": hosts}).cluster)


def placer(cluster: Cluster, **settings: Any) -> DasoSetPlacer:
    return DasoSetPlacer(PlacerSetup(Settings().replace(pair_surrogate=settings), cluster, np.random.default_rng(0)))


def problem(cluster: Cluster, current: "list[int]", **changes: Any) -> PlacementProblem:
    """Fragments of an interval's work on a 2-core host, due in ten intervals, with little to bring."""
    n = len(current)
    made = made_problem(cluster, current, [10.0] * n, cluster.ram_mb.tolist())
    work = np.full(n, cluster.mips.min() * INTERVAL_S)
    return replace(made, work_left_mi=work, input_mb=np.full(n, 1.0), **changes)


@pytest.mark.parametrize("hosts", [1, 3, 10, 50, 200])
def test_one_surrogate_for_any_number_of_hosts(hosts: int) -> None:
    cluster = cluster_of(hosts)
    placed = placer(cluster).place(problem(cluster, [WAIT] * 5))
    assert placed.shape == (5,) and placed.max() < hosts and (placed != WAIT).any()


def test_fragments_keep_apart_and_away_from_busy_hosts() -> None:
    cluster = cluster_of(10)
    hosts = placer(cluster).place(problem(cluster, [0, 1, 2, 3, WAIT, WAIT, WAIT]))
    assert hosts[:4].tolist() == [0, 1, 2, 3]
    demand = 2.0 * np.bincount(hosts, minlength=10)  # cores
    assert (hosts != WAIT).all() and (demand <= cluster.cores).all()


def test_where_memory_is_full_nothing_goes() -> None:
    cluster = cluster_of(10)
    free = np.zeros(10)
    free[7] = 10.0
    hosts = placer(cluster).place(problem(cluster, [WAIT, WAIT], free_ram_mb=free))
    assert sorted(hosts.tolist()) == [WAIT, 7]


def test_a_slow_link_is_avoided_by_a_large_input() -> None:
    cluster = cluster_of(2)
    made = problem(cluster, [WAIT])
    for slow in (0, 1):
        bandwidth = cluster.link_mb_s.copy()
        bandwidth[slow] /= 100
        snapshot = replace(made.snapshot, bandwidth_mb_s=bandwidth)
        asked = replace(made, snapshot=snapshot, input_mb=np.array([2000.0]))
        assert placer(cluster).place(asked).tolist() == [1 - slow]


def test_a_task_in_a_hurry_goes_first_where_only_one_can_go() -> None:
    cluster = cluster_of(1)
    for hurried in (0, 1):
        due = np.full(2, 20 * INTERVAL_S)
        due[hurried] = 2.2 * INTERVAL_S
        hosts = placer(cluster).place(problem(cluster, [WAIT, WAIT], due_s=due))
        assert hosts[hurried] == 0 and hosts[1 - hurried] == WAIT


def test_the_order_of_fragments_and_hosts_means_nothing() -> None:
    cluster = cluster_of(10)
    draw = np.random.default_rng(3)
    made = problem(cluster, [0, 3, 3, *[WAIT] * 6])
    made = replace(
        made, work_left_mi=made.work_left_mi * draw.uniform(0.2, 2.0, 9), due_s=draw.uniform(600.0, 6000.0, 9)
    )
    links = replace(made.snapshot, bandwidth_mb_s=draw.uniform(5.0, 10.0, 10))  # no two hosts are as good as each other
    made = replace(made, snapshot=links)
    hosts = placer(cluster).place(made)
    order = np.r_[0:3, 3 + draw.permutation(6)]
    columns = ("layer", "semantic", "task_ids", "due_s", "steps_after", "work_after_mi", "work_left_mi", "ram_mb",
               "input_mb", "source", "current", "movable")  # fmt: skip
    turned = replace(made, **{name: getattr(made, name)[order] for name in columns})
    assert placer(cluster).place(turned).tolist() == hosts[order].tolist()


def test_a_surrogate_that_predicts_no_number_falls_back_and_is_counted() -> None:
    cluster = cluster_of(10)
    made = problem(cluster, [0, WAIT, WAIT])
    broken = placer(cluster)
    broken.weights = broken.weights._replace(time_bias=np.full_like(broken.weights.time_bias, np.nan),
                                             time_out=np.full_like(broken.weights.time_out, np.nan))  # fmt: skip
    expected = LeastLoadedPlacer(PlacerSetup(Settings(), cluster, np.random.default_rng(0))).place(made)
    assert broken.place(made).tolist() == expected.tolist()
    assert broken.state()["fallbacks"] == 1


def test_weights_are_read_back_and_damage_is_refused(tmp_path: Path) -> None:
    path = save_pair_surrogate(PairSurrogate(), tmp_path, {})
    again = load_pair_surrogate(path)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), load_pair_surrogate(path).parameters()))
    path.write_text(path.read_text().replace('"shape": [\n  6', '"shape": [\n  9'))
    with pytest.raises(ConfigurationError, match="shape"):
        load_pair_surrogate(path)
    (tmp_path / "daso-set.safetensors").write_bytes(b"0")
    save_pair_surrogate(PairSurrogate(), tmp_path / "other", {})
    (tmp_path / "other" / "daso-set.safetensors").unlink()
    with pytest.raises(DataFileError, match="can't be read"):
        load_pair_surrogate(tmp_path / "other" / "daso-set.json")
