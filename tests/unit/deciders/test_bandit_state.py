"""The bandit's file: read back as written; damage and other applications refused."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest

from cosco_splitplace.deciders.bandit_state import SHIPPED, BanditState, read_state
from cosco_splitplace.errors import ConfigurationError, DataFileError
from cosco_splitplace.regimes import regime_names, trained_file


def written(folder: Path, **changes: Any) -> Path:
    state = BanditState(
        layer_estimates={"A": 7.25, "B": 1 / 3},
        epsilon=0.1,
        threshold=0.9,
        intervals=200,
        rewards=np.array([[0.1, 0.2], [0.3, 1 / 7]]),
        counts=np.array([[1, 2], [3, 4]]),
    )
    path = folder / "bandit.json"
    state.write(path, {"seed": 50})
    if changes:
        content: Dict[str, Any] = json.loads(path.read_text())
        content.update(changes)
        path.write_text(json.dumps(content))
    return path


def test_what_is_written_is_read_back_exactly(tmp_path: Path) -> None:
    path = written(tmp_path)
    state = read_state(path, ["A", "B"])
    assert state.layer_estimates == {"A": 7.25, "B": 1 / 3}
    assert (state.epsilon, state.threshold, state.intervals) == (0.1, 0.9, 200)
    assert state.rewards.tolist() == [[0.1, 0.2], [0.3, 1 / 7]]
    assert state.counts.tolist() == [[1, 2], [3, 4]] and state.counts.dtype == np.int64
    assert state.named()["Q.low.semantic"] == 1 / 7 and state.named()["N.high.layer"] == 1
    assert json.loads(path.read_text())["origin"] == {"seed": 50}


def test_some_of_its_applications_are_enough(tmp_path: Path) -> None:
    assert list(read_state(written(tmp_path), ["B"]).layer_estimates) == ["B"]


def test_other_applications_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"trained on the applications A, B, the run has A, C; .*train mab"):
        read_state(written(tmp_path), ["A", "C"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "has format 2, expected 1"),
        ({"layer_estimates_intervals": [1]}, "layer_estimates_intervals"),
        ({"layer_estimates_intervals": {"A": 1, "B": "2"}}, "'B' is '2', expected float"),
        ({"layer_estimates_intervals": {"A": 1, "B": -2}}, "negative"),
        ({"epsilon": 1.1}, "epsilon is 1.1, expected 0 to 1"),
        ({"rho": -0.1}, "negative"),
        ({"epsilon": None}, "'epsilon' is None, expected float"),
        ({"rho": "high"}, "'rho' is 'high', expected float"),
        ({"intervals": 1.5}, "'intervals' is 1.5, expected int"),
        ({"intervals": -1}, "negative"),
        ({"rewards": [[1, 2]]}, "'rewards' must be 2 x 2 numbers"),
        ({"rewards": [[1, 2], [3, "x"]]}, "'rewards' must be 2 x 2 numbers"),
        ({"rewards": [[1, 2], [3, float("nan")]]}, "'rewards' must be 2 x 2 numbers"),
        ({"counts": [[1, 2], [3]]}, "'counts' must be 2 x 2 numbers"),
        ({"counts": [1, 2]}, "'counts' must be 2 x 2 numbers"),
        ({"counts": [[1, -2], [3, 4]]}, "negative"),
    ],
)
def test_damage_is_named(tmp_path: Path, changes: Dict[str, Any], message: str) -> None:
    with pytest.raises(DataFileError, match=message) as caught:
        read_state(written(tmp_path, **changes), ["A", "B"])
    assert "bandit.json" in str(caught.value) and "cosco-splitplace train mab" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_what_is_no_state_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bandit.json"
    path.write_text(text)
    with pytest.raises(DataFileError, match=r"bandit\.json .*train mab"):
        read_state(path, ["A"])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"none\.json is missing; make it again with: cosco-splitplace train mab"):
        read_state(tmp_path / "none.json", ["A"])


@pytest.mark.parametrize("regime", ["", *regime_names()])
def test_the_shipped_state_has_tried_every_arm(regime: str) -> None:
    state = read_state(trained_file("", regime, SHIPPED), ["MNIST", "FashionMNIST", "CIFAR100"])
    assert state.intervals == 200
    assert state.counts.min() > 0
    assert min(state.layer_estimates.values()) > 0
    assert np.all((state.rewards >= 0) & (state.rewards <= 1))
