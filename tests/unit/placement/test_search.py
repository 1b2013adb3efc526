"""The gradient search: it climbs, it rounds under the memory, it spreads."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from cosco_splitplace.config import Settings, SurrogateSettings
from cosco_splitplace.contract.made_parts import made_cluster, made_problem, random_problem
from cosco_splitplace.placement import WAIT, PlacementProblem
from cosco_splitplace.placement.feasibility import enforce
from cosco_splitplace.placement.features import encode
from cosco_splitplace.placement.search import Search
from cosco_splitplace.placement.surrogate import Surrogate

HOSTS = 6
CLUSTER = made_cluster(HOSTS, ram_mb=4000.0)


def random_surrogate(seed: int) -> Surrogate:
    torch.manual_seed(seed)
    return Surrogate(HOSTS, (16, 8))


def search_of(problem: PlacementProblem, surrogate: Surrogate, **changes: Any) -> Search:
    settings = replace(SurrogateSettings(), **changes)
    return Search(surrogate, encode(problem, Settings(), decision_aware=True), settings)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n_queued", [3, 9])
def test_every_step_climbs(seed: int, n_queued: int) -> None:
    search = search_of(
        random_problem(CLUSTER, seed, 4, n_queued), random_surrogate(seed), search_rate=0.01, search_steps=1,
        search_tolerance=1e-9,
    )
    values = [search.predicted()]
    for _ in range(40):
        search.steps = 0
        search.climb()
        values.append(search.predicted())
    assert all(b >= a - 1e-6 for a, b in zip(values, values[1:]))
    assert values[-1] > values[0] + 1e-5


def test_rows_stay_placements_and_empty_slots_stay_empty() -> None:
    search = search_of(random_problem(CLUSTER, 1, 3, 5), random_surrogate(1), search_rate=5.0)
    search.climb()
    sums = search.placement.sum(dim=2).flatten()
    assert sums[:8].tolist() == pytest.approx([1] * 8, abs=1e-5)
    assert sums[8:].tolist() == [0] * 4
    assert float(search.placement.min()) >= 0


def test_it_ends_when_nothing_moves_any_more_or_the_steps_are_made() -> None:
    problem = random_problem(CLUSTER, 2, 3, 5)
    patient = search_of(problem, random_surrogate(2), search_tolerance=1e3)
    patient.climb()
    assert patient.steps == 1
    busy = search_of(problem, random_surrogate(2), search_tolerance=1e-12, search_steps=7)
    busy.climb()
    assert busy.steps == 7


def preferring(host: int, strength: float = 5.0, price: "float | None" = None) -> Surrogate:
    """A surrogate whose value grows with what is placed on `host` and, priced, falls with contention."""
    surrogate = Surrogate(HOSTS, (2,), priced=price is not None)
    with torch.no_grad():
        for one in surrogate.parameters():
            one.zero_()
        if price is not None:
            surrogate.contention_price.fill_(price)
        weights = surrogate.from_placement.weight.reshape(2, HOSTS, HOSTS)
        weights[:, :, host] = strength
        last = surrogate.rest[-1]
        assert isinstance(last, torch.nn.Linear)
        last.weight.fill_(1.0)
    return surrogate


def climbed_and_rounded(problem: PlacementProblem, surrogate: Surrogate, **changes: Any) -> "np.ndarray[Any, Any]":
    search = search_of(problem, surrogate, **changes)
    search.climb()
    return search.round(problem.current, problem.movable, problem.ram_mb, problem.free_ram_mb)


@pytest.mark.parametrize("price", [None, -50.0])
def test_what_is_queued_goes_where_the_surrogate_wants_it(price: "float | None") -> None:
    problem = made_problem(CLUSTER, [WAIT] * 3, [100] * 3, [4000] * HOSTS)
    assert climbed_and_rounded(problem, preferring(4, price=price)).tolist() == [4, 4, 4]


def test_not_past_its_memory() -> None:
    free = [4000.0] * HOSTS
    free[4] = 250.0
    hosts = climbed_and_rounded(made_problem(CLUSTER, [WAIT] * 4, [100] * 4, free), preferring(4))
    assert hosts[:2].tolist() == [4, 4]
    assert 4 not in hosts[2:] and WAIT not in hosts


def test_what_fits_nowhere_waits() -> None:
    problem = made_problem(CLUSTER, [WAIT, WAIT], [500, 100], [400] * HOSTS)
    assert climbed_and_rounded(problem, preferring(2)).tolist() == [WAIT, 2]


def test_what_runs_moves_only_where_it_may() -> None:
    problem = made_problem(CLUSTER, [0, 1], [100, 100], [4000] * HOSTS, movable=[True, False])
    assert climbed_and_rounded(problem, preferring(4)).tolist() == [4, 1]


def test_what_moves_takes_its_memory_before_the_queue_is_served() -> None:
    free = [4000.0] * HOSTS
    free[4] = 1000.0
    problem = made_problem(CLUSTER, [0, WAIT], [900, 500], free, movable=[True, False])
    hosts = enforce(problem, climbed_and_rounded(problem, preferring(4)))
    assert hosts[0] == 4 and hosts[1] not in (4, WAIT)


def test_a_price_on_contention_spreads_what_is_queued() -> None:
    surrogate = preferring(0, strength=0.0, price=1.0)
    current = [0, 1, WAIT, WAIT, WAIT, WAIT]
    problem = made_problem(CLUSTER, current, [100] * 6, [4000] * HOSTS, movable=[False] * 6)
    assert sorted(climbed_and_rounded(problem, surrogate).tolist()) == list(range(HOSTS))


@pytest.mark.parametrize("seed", range(6))
def test_a_rounded_queue_fits_into_the_memory(seed: int) -> None:
    problem = random_problem(CLUSTER, seed, 0, 20)
    hosts = climbed_and_rounded(problem, random_surrogate(seed))
    placed = hosts != WAIT
    used = np.bincount(hosts[placed], weights=problem.ram_mb[placed], minlength=HOSTS)
    assert np.all(used <= problem.free_ram_mb + 1e-9)
    left = problem.free_ram_mb - used
    assert all(left.max() < need for need in problem.ram_mb[~placed])  # none waits while a host has room
    assert enforce(problem, hosts).tolist() == hosts.tolist()
