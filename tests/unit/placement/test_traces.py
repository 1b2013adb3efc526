"""Execution traces: what is recorded of an interval, and what GOBI sees of it."""
from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cosco_splitplace.config import Settings
from cosco_splitplace.contract.made_parts import made_cluster, made_problem
from cosco_splitplace.placement import WAIT, PlacerSetup
from cosco_splitplace.placement.features import EMPTY, encode
from cosco_splitplace.placement.traces import TracingPlacer, carried_out

CLUSTER = made_cluster(2)
PROBLEM = made_problem(CLUSTER, [0, WAIT, WAIT], [100] * 3, [900, 900], layer=[True, False, True])


def test_the_placement_that_was_carried_out_is_recorded() -> None:
    row = carried_out(encode(PROBLEM, Settings(), decision_aware=True), np.array([1, 1, WAIT]), 0.7)
    assert row.hosts.tolist() == [[1, 1], [WAIT, EMPTY]]  # two blocks
    assert row.objective.tolist() == pytest.approx([0.7, 0.7])
    # loads 0 and 2 where even ones would be 1 and 1, seen from both blocks
    assert row.contention.flatten().tolist() == pytest.approx([1.0, 1.0])


def test_gobi_sees_all_but_the_decisions() -> None:
    row = carried_out(encode(PROBLEM, Settings(), decision_aware=True), np.array([1, 1, WAIT]), 0.7)
    blind = row.without_decisions()
    assert row.constant[:, -4:].sum() == 3 and blind.constant[:, -4:].sum() == 0
    assert torch.equal(blind.constant[:, :-4], row.constant[:, :-4])
    assert torch.equal(blind.hosts, row.hosts)
    seen_by_gobi = encode(PROBLEM, Settings(), decision_aware=False)
    assert torch.equal(blind.constant, seen_by_gobi.constant)


def test_the_order_of_slots_means_nothing_else() -> None:
    row = carried_out(encode(PROBLEM, Settings(), decision_aware=True), np.array([0, 1, WAIT]), 0.7)
    turned = row.with_slots(torch.tensor([1, 0]))
    assert turned.hosts.tolist() == [[1, 0], [EMPTY, WAIT]]
    assert torch.equal(turned.objective, row.objective) and torch.equal(turned.contention, row.contention)
    assert turned.constant[0, -4:].tolist() == [0, 1, 1, 0]
    assert torch.equal(turned.with_slots(torch.tensor([1, 0])).constant, row.constant)


def test_the_tracing_placer_records_only_intervals_in_which_tasks_left() -> None:
    placer = TracingPlacer(PlacerSetup(Settings(), CLUSTER, np.random.default_rng(0)))
    for objective in (0.1, math.nan, 0.3):
        hosts = placer.place(PROBLEM)
        assert hosts[0] == 0 and set(hosts[1:].tolist()) <= {0, 1}
        placer.learn(objective, hosts)
    assert placer.trace().objective.tolist() == pytest.approx([0.1, 0.1, 0.3, 0.3])  # two blocks each
