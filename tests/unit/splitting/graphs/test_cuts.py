"""Cuts are the best there are: against every way to cut small graphs, with made-up costs and hosts."""

from __future__ import annotations

import dataclasses
import itertools

import graph_networks as made
import numpy as np
import pytest
import torch

from cosco_splitplace.errors import ConfigurationError
from cosco_splitplace.splitting.graphs.costs import GraphCosts, graph_costs
from cosco_splitplace.splitting.graphs.cuts import (
    MEGABYTE,
    FragmentTable,
    balanced_cuts,
    equal_layers,
    fewest_fragments,
)
from cosco_splitplace.splitting.graphs.graph import Graph, Node
from cosco_splitplace.splitting.graphs.makespan import HostTypes, best_plan, stages_s
from cosco_splitplace.splitting.graphs.tracing import trace_module

NODES = 8


def made_up(rng: np.random.Generator, nodes: int = NODES) -> GraphCosts:
    """Random work (some nodes have none), memory in whole MB, crossing bytes, and positions where no cut may be."""
    nothing = Graph((), tuple(Node(str(at), "relu.default", ()) for at in range(nodes)), ())
    return GraphCosts(
        graph=nothing, images=4, multiply_adds=rng.integers(0, 20, nodes) * 1_000_000,
        live_bytes=rng.integers(1, 9, nodes) * MEGABYTE, workspace_bytes=np.zeros(nodes, np.int64),
        crossing=((),) * (nodes + 1), crossing_bytes=rng.integers(1, 50, nodes + 1) * 10_000,
        possible=rng.random(nodes + 1) < 0.8, weight_bytes={}, trained={}, shapes={},
    )


def ways(table: FragmentTable, fragments: int) -> list[tuple[int, ...]]:
    """All cuts that are allowed."""
    found = []
    for cuts in itertools.combinations(range(1, NODES), fragments - 1):
        edges = (0, *cuts, NODES)
        if all(np.isfinite(table.work[pair]) for pair in zip(edges, edges[1:])):
            found.append(cuts)
    return found


def pieces(matrix: np.ndarray, cuts: tuple[int, ...]) -> list[float]:
    edges = (0, *cuts, NODES)
    return [float(matrix[pair]) for pair in zip(edges, edges[1:])]


@pytest.mark.parametrize("seed", range(25))
def test_balanced_cuts_against_all_cuts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = FragmentTable(made_up(rng), runtime_bytes=3 * MEGABYTE)
    for fragments, ram_mb, tolerance in itertools.product((1, 2, 3, 4), (None, 8.0), (0.0, 0.3)):
        limit = np.inf if ram_mb is None else ram_mb * MEGABYTE
        possible = [cuts for cuts in ways(table, fragments) if max(pieces(table.peak_bytes, cuts)) <= limit]
        if not possible:
            with pytest.raises(ConfigurationError):
                balanced_cuts(table, fragments, ram_mb, tolerance)
            continue
        largest = min(max(pieces(table.work, cuts)) for cuts in possible)
        good = [cuts for cuts in possible if max(pieces(table.work, cuts)) <= largest * (1 + tolerance)]
        fewest = min(sum(table.crossing_bytes[list(cuts)]) for cuts in good)
        found = balanced_cuts(table, fragments, ram_mb, tolerance)
        assert found in good and sum(table.crossing_bytes[list(found)]) == fewest


@pytest.mark.parametrize("seed", range(12))
def test_the_makespan_against_all_plans(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = FragmentTable(made_up(rng), runtime_bytes=0.0)
    hosts = HostTypes(
        names=("a", "b", "c"), counts=rng.integers(1, 3, 3), multiply_adds_s=rng.uniform(1e6, 1e8, 3),
        ram_bytes=rng.choice([6.0, 8.0, 100.0], 3) * MEGABYTE, link_bytes_s=rng.uniform(1e5, 1e7, 3),
        ping_s=rng.uniform(0, 0.01, 3), broker_link_bytes_s=1e6,
    )
    for fragments, batches in itertools.product((1, 2, 3), (1, 6)):
        best = np.inf
        for cuts, order in itertools.product(ways(table, fragments), itertools.product(range(3), repeat=fragments)):
            if all(order.count(one) <= hosts.counts[one] for one in range(3)) and all(
                peak <= hosts.ram_bytes[host] for peak, host in zip(pieces(table.peak_bytes, cuts), order)
            ):
                stages = stages_s(table, hosts, cuts, order)
                best = min(best, sum(stages) + (batches - 1) * max(stages))
        if np.isinf(best):
            with pytest.raises(ConfigurationError):
                best_plan(table, hosts, fragments, 8, batches)
            continue
        plan = best_plan(table, hosts, fragments, 8, batches)
        assert plan.makespan_s == pytest.approx(best, rel=1e-8)
        again = stages_s(table, hosts, plan.cuts, tuple(hosts.names.index(one) for one in plan.hosts))
        assert plan.makespan_s == pytest.approx(sum(again) + (batches - 1) * max(again))


def by_hand() -> GraphCosts:
    """Works 4, 1, 1, 4 of a million; memories 1, 2, 4, 2 MB; 30, 10, 20 kB cross."""
    costs = made_up(np.random.default_rng(0), 4)
    return dataclasses.replace(
        costs, multiply_adds=np.array([4, 1, 1, 4]) * 1_000_000, live_bytes=np.array([1, 2, 4, 2]) * MEGABYTE,
        crossing_bytes=np.array([1, 30, 10, 20, 1]) * 1000, possible=np.array([False, True, True, True, False]),
    )


def test_cuts_by_hand() -> None:
    table = FragmentTable(by_hand(), runtime_bytes=0.0)
    assert balanced_cuts(table, 2) == (2,)  # 5 | 5
    assert balanced_cuts(table, 3, tolerance=0.0) == (1, 3)  # 4 | 2 | 4, 50 kB
    assert balanced_cuts(table, 3, tolerance=0.25) == (2, 3)  # 5 | 1 | 4, 30 kB
    assert balanced_cuts(table, 4) == (1, 2, 3)
    assert equal_layers(by_hand(), 2) == (2,)
    assert fewest_fragments(table, 4.0) == 1
    assert table.smallest_ram_mb(2) == 4.0


def test_two_hosts_by_hand() -> None:
    """4 images; a: 1 M multiply-adds a second, b: 2 M; links of 1 MB/s; no ping. 6 | 4 million on b, a."""
    table = FragmentTable(by_hand(), runtime_bytes=0.0)
    hosts = HostTypes(("a", "b"), np.array([1, 1]), np.array([1e6, 2e6]), np.full(2, 1e9), np.full(2, 1e6), np.zeros(2),
                      1e6)
    one = best_plan(table, hosts, None, 2)
    assert one.hosts == ("b",) and one.makespan_s == pytest.approx(20 + 2 * 0.004)  # one batch: no gain from two hosts
    many = best_plan(table, hosts, None, 2, batches=100)
    assert many.hosts == ("b", "a") and many.cuts == (3,)  # 12 s | 16 s
    assert many.makespan_s == pytest.approx(12 + 16 + 0.008 + 0.08 + 99 * 16)


def test_impossible_demands_say_what_is_possible() -> None:
    table = FragmentTable(by_hand(), runtime_bytes=3 * MEGABYTE)
    for fragments in (0, 5):
        with pytest.raises(ConfigurationError, match=rf"into 1 to 4 fragments .*got {fragments}"):
            balanced_cuts(table, fragments)
    with pytest.raises(ConfigurationError, match=r"keeps 5 MB .*smallest .* is 7 MB, of which torch itself takes 3"):
        balanced_cuts(table, 2, ram_mb=5)
    with pytest.raises(ConfigurationError, match=r"no cut of this model keeps 6\.5 MB .* is 7 MB"):
        fewest_fragments(table, 6.5)
    hosts = HostTypes(("a",), np.array([2]), np.array([1e6]), np.full(1, 5.0 * MEGABYTE), np.full(1, 1e6), np.zeros(1),
                      1e6)
    with pytest.raises(ConfigurationError, match=r"fits into the hosts' RAM \(a 5 MB\); the smallest .* is 7 MB"):
        best_plan(table, hosts, 2, 8)
    with pytest.raises(ConfigurationError, match="3 fragments need as many hosts; the file lists 2"):
        best_plan(table, hosts, 3, 8)


def test_costs_of_a_small_network_by_hand() -> None:
    costs = graph_costs(trace_module(made.skipping(), (3, 8, 8)), images=2)
    names = [node.name for node in costs.graph.nodes]
    works = dict(zip(names, costs.multiply_adds))
    assert works["conv2d"] == 64 * 8 * 27 and works["conv2d_1"] == 64 * 8 * 72 and works["linear"] == 5 * 128
    assert sum(works.values()) == works["conv2d"] + works["conv2d_1"] + works["linear"]
    after = names.index("conv2d_1") + 1
    assert costs.crossing[after] == ("conv2d", "conv2d_1")  # the skip, and the second convolution's output
    assert costs.crossing_bytes[after] == 2 * 8 * 64 * 4
    assert costs.crossing_bytes[0] == 3 * 64 * 4 and costs.crossing_bytes[-1] == 5 * 4
    # images, and two activations of 8 x 8 x 8, for two images; the norm and what follows write over the second one
    assert costs.live_bytes[:2].tolist() == [2 * 4 * (192 + 512), 2 * 4 * (512 + 512)]
    assert costs.live_bytes[names.index("batch_norm")] == 2 * 4 * (512 + 512)
    assert sum(costs.trained.values()) == sum(one.numel() for one in made.skipping().parameters())


def test_no_cut_where_the_batch_is_not_first() -> None:
    costs = graph_costs(trace_module(made.Tokens(), (5, 16)), images=2)
    assert not costs.possible.all()
    for at in np.flatnonzero(costs.possible):
        assert all(name in costs.shapes for name in costs.crossing[at])


def test_attention_is_counted() -> None:
    class Attention(torch.nn.Module):
        def forward(self, given: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.scaled_dot_product_attention(given, given, given)

    costs = graph_costs(trace_module(Attention(), (2, 5, 8)), images=1)
    assert costs.multiply_adds.tolist() == [2 * (2 * 5 * 5 * 8)]  # 2 heads: scores, and their mixture
