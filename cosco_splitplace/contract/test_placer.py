"""What every placer owes the loop: on the cluster of the shipped surrogates."""
from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, List

import numpy as np
import pytest

from cosco_splitplace.cluster import load_cluster
from cosco_splitplace.config import ClusterSettings, Settings
from cosco_splitplace.contract import under_test
from cosco_splitplace.contract.made_parts import made_problem, random_problem
from cosco_splitplace.placement import PLACERS, WAIT, Placer, PlacerSetup
from cosco_splitplace.placement.feasibility import enforce

CLUSTER = load_cluster(ClusterSettings())
N = CLUSTER.n_hosts
PROBLEMS = [(20, 0), (0, 20), (30, 15), (49, 1), (60, 70), (0, 1)]  # (placed, queued); 130 make three blocks


def build(name: str, seed: int = 3) -> Placer:
    return PLACERS.get(name)(PlacerSetup(Settings(), CLUSTER, np.random.default_rng(seed)))


def life(placer: Placer) -> List[List[int]]:
    """The placements of some intervals with learning between them."""
    found = []
    for number in range(6):
        problem = random_problem(CLUSTER, number, 3 * number, 10)
        hosts = enforce(problem, placer.place(problem))
        placer.learn(0.1 * number, hosts)
        found.append(hosts.tolist())
    return found


@pytest.mark.parametrize("name", under_test("PLACERS", PLACERS))
class TestPlacer:
    @pytest.mark.parametrize("size", PROBLEMS, ids=str)
    def test_a_host_that_exists_or_wait_for_each_fragment(self, name: str, size: "tuple[int, int]") -> None:
        problem = random_problem(CLUSTER, 1, *size)
        hosts = np.asarray(build(name).place(problem))
        assert hosts.shape == (sum(size),)
        assert np.issubdtype(hosts.dtype, np.integer)
        assert np.all((hosts == WAIT) | ((hosts >= 0) & (hosts < N)))

    @pytest.mark.parametrize("size", PROBLEMS, ids=str)
    def test_what_is_carried_out_moves_only_what_may_move_and_keeps_the_memory(
        self, name: str, size: "tuple[int, int]"
    ) -> None:
        problem = random_problem(CLUSTER, 2, *size)
        hosts = enforce(problem, build(name).place(problem))
        fixed = ~problem.queued & ~problem.movable
        assert np.array_equal(hosts[fixed], problem.current[fixed])
        assert np.all(hosts[~problem.queued] != WAIT)
        entering = (hosts != problem.current) & (hosts != WAIT)
        used = np.bincount(hosts[entering], weights=problem.ram_mb[entering], minlength=N)
        assert np.all(used <= problem.free_ram_mb + 1e-9)

    def test_nobody_waits_where_there_is_room_for_all(self, name: str) -> None:
        problem = made_problem(CLUSTER, [WAIT] * 120, [10.0] * 120, [2000.0] * N)
        assert WAIT not in enforce(problem, build(name).place(problem))

    def test_all_wait_where_there_is_none(self, name: str) -> None:
        problem = made_problem(CLUSTER, [WAIT] * 20, [10.0] * 20, [9.0] * N)
        assert enforce(problem, build(name).place(problem)).tolist() == [WAIT] * 20

    def test_no_fragment_no_placement(self, name: str) -> None:
        placer = build(name)
        problem = made_problem(CLUSTER, [], [], [1000.0] * N)
        hosts = enforce(problem, placer.place(problem))
        assert hosts.shape == (0,)
        placer.learn(math.nan, hosts)
        placer.learn(0.5, hosts)

    def test_the_problem_is_not_changed(self, name: str) -> None:
        def copies(value: Any) -> List[Any]:
            return [getattr(value, one.name).copy() for one in fields(value)
                    if isinstance(getattr(value, one.name), np.ndarray)]  # fmt: skip

        problem = random_problem(CLUSTER, 4, 20, 20)
        before = copies(problem) + copies(problem.snapshot)
        build(name).place(problem)
        assert all(np.array_equal(a, b) for a, b in zip(before, copies(problem) + copies(problem.snapshot)))

    def test_the_same_generator_gives_the_same_placements(self, name: str) -> None:
        assert life(build(name)) == life(build(name))

    def test_its_state_is_numbers_under_the_same_names(self, name: str) -> None:
        placer = build(name)
        before = list(placer.state())
        life(placer)
        assert list(placer.state()) == before
        assert all(isinstance(one, float) for one in placer.state().values())

    def test_it_draws_from_its_own_generator_only(self, name: str) -> None:
        np.random.seed(1)  # noqa: NPY002
        before = np.random.get_state()[1].copy()  # type: ignore[index,union-attr]  # noqa: NPY002
        life(build(name))
        assert np.array_equal(before, np.random.get_state()[1])  # type: ignore[index]  # noqa: NPY002
