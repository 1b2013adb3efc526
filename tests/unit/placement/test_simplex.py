"""Projection onto the probability simplex: known points and its defining property."""
from __future__ import annotations

from typing import List

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cosco_splitplace.placement.search import project_to_simplex

rows = st.lists(st.floats(-50, 50), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("row", "projected"),
    [
        ([0.2, 0.3, 0.5], [0.2, 0.3, 0.5]),
        ([2.0, 0.0], [1.0, 0.0]),
        ([0.0, 0.0, 0.0, 0.0], [0.25] * 4),
        ([1.0, 1.0], [0.5, 0.5]),
        ([0.9, 0.5, -3.0], [0.7, 0.3, 0.0]),
        ([-5.0], [1.0]),
        ([0.8, 0.6, 0.1], [0.6, 0.4, 0.0]),
    ],
)
def test_known_points(row: List[float], projected: List[float]) -> None:
    assert project_to_simplex(torch.tensor(row, dtype=torch.float64)).tolist() == pytest.approx(projected)


@given(rows)
def test_on_the_simplex_and_idempotent(row: List[float]) -> None:
    found = project_to_simplex(torch.tensor(row, dtype=torch.float64))
    assert float(found.min()) >= 0
    assert float(found.sum()) == pytest.approx(1)
    assert project_to_simplex(found).tolist() == pytest.approx(found.tolist(), abs=1e-9)


@given(rows, st.integers(0, 2**32 - 1))
def test_no_other_point_of_the_simplex_is_nearer(row: List[float], seed: int) -> None:
    point = np.array(row)
    distance = np.linalg.norm(project_to_simplex(torch.from_numpy(point)).numpy() - point)
    draw = np.random.default_rng(seed)
    others = np.concatenate([draw.dirichlet(np.full(len(row), 0.3), size=50), np.eye(len(row))])
    assert np.all(distance <= np.linalg.norm(others - point, axis=1) + 1e-9)


def test_every_row_of_a_batch_on_its_own() -> None:
    batch = torch.tensor([[[2.0, 0.0], [0.0, 0.0]], [[0.9, 0.5], [-1.0, 3.0]]])
    found = project_to_simplex(batch)
    assert found.flatten().tolist() == pytest.approx([1, 0, 0.5, 0.5, 0.7, 0.3, 0, 1])
