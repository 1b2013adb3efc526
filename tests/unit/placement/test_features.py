"""What the surrogate sees, by hand."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cosco_splitplace.config import Settings
from cosco_splitplace.contract.made_parts import made_cluster, made_problem
from cosco_splitplace.placement import WAIT
from cosco_splitplace.placement.features import (
    EMPTY,
    constant_size,
    contention,
    demand_elsewhere,
    encode,
    one_hot,
    shuffle_slots,
    slot_hosts,
)

SETTINGS = Settings()


def test_one_hot_by_hand() -> None:
    hosts = slot_hosts(np.array([2, WAIT, 0]), blocks=2, slots=2)
    assert hosts.tolist() == [[2, WAIT], [0, EMPTY]]
    rows = one_hot(hosts, n_hosts=4)
    assert rows.tolist() == [[[0, 0, 1, 0], [0.25] * 4], [[1, 0, 0, 0], [0, 0, 0, 0]]]
    assert one_hot(hosts, n_hosts=4, queued=0.0).tolist()[0] == [[0, 0, 1, 0], [0, 0, 0, 0]]


def test_encode_by_hand() -> None:
    cluster = made_cluster(2, ram_mb=1000.0, mips=1000.0, link_mb_s=10.0)
    problem = made_problem(cluster, [1, WAIT], [500, 250], [600, 300], layer=[True, False])
    state = replace(
        problem.snapshot, bandwidth_mb_s=np.array([10.0, 5.0]), latency_s=np.array([1.0, np.e]),
        cpu_utilisation=np.array([0.0, 0.75]),
    )
    problem = replace(problem, snapshot=state, work_left_mi=np.array([3e5, 6e5]), input_mb=np.array([300.0, 0.0]))
    encoding = encode(problem, SETTINGS, decision_aware=True)
    assert encoding.constant.shape == (1, constant_size(2)) == (1, 18)
    hosts, fragments, decisions = torch.split(encoding.constant[0], [8, 6, 4])
    assert hosts.tolist() == pytest.approx([0, 0.4, 1, 0, 0.75, 0.7, 0.5, 1])  # CPU, RAM, bandwidth, log latency
    assert fragments.tolist() == pytest.approx([1.0, 0.5, 0.1, 2.0, 0.25, 0.0])  # intervals of work, RAM, input
    assert decisions.tolist() == [1, 0, 0, 1]
    assert encoding.placement.tolist() == [[[0, 1], [0.5, 0.5]]]
    assert encoding.demand.tolist() == [1, 1] and encoding.elsewhere.tolist() == [[0, 0]]
    blind = encode(problem, SETTINGS, decision_aware=False)
    assert blind.constant[0, -4:].tolist() == [0, 0, 0, 0]
    assert torch.equal(blind.constant[0, :-4], encoding.constant[0, :-4])


def test_a_compressed_network_is_neither_decision() -> None:
    problem = made_problem(made_cluster(3), [WAIT] * 3, [1] * 3, [1] * 3, [False] * 3, [True, False, False],
                           [False, False, True])  # fmt: skip
    assert encode(problem, SETTINGS, decision_aware=True).constant[0, -6:].tolist() == [1, 0, 0, 0, 0, 1]


def test_more_fragments_than_hosts_make_blocks() -> None:
    cluster = made_cluster(2, cores=4.0)
    problem = made_problem(cluster, [0, 0, 1, WAIT, 1], [100] * 5, [900, 900], layer=[True, True, True, False, False])
    encoding = encode(problem, SETTINGS, decision_aware=True)
    assert encoding.placement.shape == (3, 2, 2) and encoding.constant.shape == (3, 18)
    assert encoding.placement.tolist() == [[[1, 0], [1, 0]], [[0, 1], [0.5, 0.5]], [[0, 1], [0, 0]]]
    assert torch.equal(encoding.constant[0, :8], encoding.constant[2, :8])  # every block sees all hosts
    assert encoding.constant[:, -4:].tolist() == [[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 0, 0]]
    assert encoding.demand.tolist() == [0.5, 0.5]  # two of four cores
    assert encoding.elsewhere.tolist() == [[0, 1.0], [1.0, 0.5], [1.0, 0.5]]  # queued ones are nowhere yet
    assert encoding.n_fragments == 5


def test_no_fragment_is_one_empty_block() -> None:
    encoding = encode(made_problem(made_cluster(3), [], [], [1, 1, 1]), SETTINGS, decision_aware=True)
    assert encoding.placement.shape == (1, 3, 3) and encoding.placement.sum() == 0


def test_as_many_fragments_as_hosts_are_one_block() -> None:
    encoding = encode(made_problem(made_cluster(3), [WAIT] * 3, [1] * 3, [1, 1, 1]), SETTINGS, decision_aware=False)
    assert encoding.placement.shape[0] == 1


def test_demand_elsewhere_by_hand() -> None:
    placed = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]])
    found = demand_elsewhere(placed, torch.tensor([1.0, 0.5]))
    assert found.tolist() == [[0, 1.0], [1.0, 0.5]]


class TestContention:
    demand = torch.tensor([1.0, 1.0])
    nowhere = torch.zeros(1, 2)

    def of(self, *rows: "list[float]") -> float:
        return float(contention(torch.tensor([rows]), self.nowhere, self.demand).squeeze())

    def test_by_hand(self) -> None:
        assert self.of([1, 0], [1, 0]) == pytest.approx((4 + 0) / 2 - 1)  # loads 2 and 0; even would be 1 and 1
        assert self.of([1, 0], [0, 1]) == pytest.approx(0)
        assert self.of([0.5, 0.5], [0.5, 0.5]) == pytest.approx(0)
        assert self.of([1, 0], [0, 0]) == pytest.approx(0.5 - 0.25)

    def test_other_blocks_count(self) -> None:
        placement = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
        beside = float(contention(placement, torch.tensor([[0.0, 1.0]]), self.demand).squeeze())
        above = float(contention(placement, torch.tensor([[1.0, 0.0]]), self.demand).squeeze())
        assert (beside, above) == pytest.approx((0.0, 1.0))

    def test_a_fragment_weighs_less_on_a_larger_host(self) -> None:
        demand = torch.tensor([1.0, 0.5])
        small = contention(torch.tensor([[[1.0, 0], [1.0, 0]]]), self.nowhere, demand)
        large = contention(torch.tensor([[[0, 1.0], [0, 1.0]]]), self.nowhere, demand)
        even = (1 + 0.25) / 2  # one fragment a host
        assert float(small.squeeze()) == pytest.approx(4 / 2 - even)
        assert float(large.squeeze()) == pytest.approx(1 / 2 - even)

    def test_its_gradient_pushes_away_from_the_crowded_host(self) -> None:
        placement = torch.tensor([[[1.0, 0.0], [0.5, 0.5]]], requires_grad=True)
        contention(placement, self.nowhere, self.demand).sum().backward()
        assert placement.grad is not None
        assert placement.grad[0, 1, 0] > placement.grad[0, 1, 1]


def test_slots_are_shuffled_with_their_features_and_decisions_and_hosts_stay() -> None:
    constant = torch.arange(2 * 18, dtype=torch.float32).reshape(2, 18)  # 2 hosts: 8 + 6 + 4
    found = shuffle_slots(constant, torch.tensor([1, 0]))
    assert found[0].tolist() == [*range(8), 11, 12, 13, 8, 9, 10, 16, 17, 14, 15]
    assert torch.equal(found[1], found[0] + 18)
    assert torch.equal(shuffle_slots(found, torch.tensor([1, 0])), constant)
