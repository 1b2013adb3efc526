"""First-fit and least-loaded by hand; random is uniform."""
from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from cosco_splitplace.cluster import load_cluster
from cosco_splitplace.config import ClusterSettings, Settings
from cosco_splitplace.contract.made_parts import made_cluster, made_problem
from cosco_splitplace.placement import PLACERS, WAIT, Placer, PlacerSetup


def placer(name: str, n_hosts: int = 3) -> Placer:
    return PLACERS.get(name)(PlacerSetup(Settings(), made_cluster(n_hosts), np.random.default_rng(0)))


def test_first_fit_fills_the_first_host() -> None:
    problem = made_problem(made_cluster(3), [2, WAIT, WAIT, WAIT], [100, 300, 300, 300], [700, 400, 0])
    assert placer("first-fit").place(problem).tolist() == [2, 0, 0, 1]


def test_least_loaded_counts_what_is_placed() -> None:
    problem = made_problem(made_cluster(3), [0, 0, 1, WAIT, WAIT, WAIT], [100] * 6, [500, 500, 500])
    assert placer("least-loaded").place(problem).tolist() == [0, 0, 1, 2, 1, 2]


def test_least_loaded_knows_that_a_fragment_is_half_a_load_for_four_cores() -> None:
    cluster = load_cluster(ClusterSettings(hosts=10))  # 6 hosts with two cores, then 4 with four
    made = PLACERS.get("least-loaded")(PlacerSetup(Settings(), cluster, np.random.default_rng(0)))
    problem = made_problem(cluster, [WAIT] * 14, [1] * 14, [1000] * 10)
    counts = np.bincount(made.place(problem), minlength=10)
    assert counts.tolist() == [1] * 6 + [2] * 4


def test_random_is_uniform_over_the_hosts_with_room() -> None:
    problem = made_problem(made_cluster(4), [WAIT] * 3000, [1] * 3000, [5000, 0.5, 5000, 5000])
    counts = Counter(placer("random", 4).place(problem).tolist())
    assert sorted(counts) == [0, 2, 3]
    assert min(counts.values()) / 3000 == pytest.approx(1 / 3, abs=0.04)
