"""The file of Gillis' policy: read back as written; damage, other applications and other classes refused."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest

from cosco_splitplace.config import GillisSettings
from cosco_splitplace.deciders.gillis_state import SHIPPED, GillisState, fitting_gillis_state, read_gillis_state
from cosco_splitplace.errors import ConfigurationError, DataFileError
from cosco_splitplace.regimes import regime_names, trained_file

APPLICATIONS = ["MNIST", "FashionMNIST", "CIFAR100"]


def written(folder: Path, **changes: Any) -> Path:
    state = GillisState(("A", "B"), (4.0,), (), epsilon=0.1, intervals=200)
    state.values[1, 0, 0] = [1 / 7, 0.3]
    state.counts[1, 0, 0] = [3, 4]
    path = folder / "gillis.json"
    state.write(path, {"seed": 50})
    if changes:
        content: Dict[str, Any] = json.loads(path.read_text())
        content.update(changes)
        path.write_text(json.dumps(content))
    return path


def test_what_is_written_is_read_back_exactly(tmp_path: Path) -> None:
    path = written(tmp_path)
    state = read_gillis_state(path)
    assert (state.applications, state.deadline_edges, state.batch_edges) == (("A", "B"), (4.0,), ())
    assert (state.epsilon, state.intervals) == (0.1, 200)
    assert state.values.shape == (2, 2, 1, 2) and state.values[1, 0, 0].tolist() == [1 / 7, 0.3]
    assert state.counts[1, 0, 0].tolist() == [3, 4] and state.counts.dtype == np.int64
    assert json.loads(path.read_text())["origin"] == {"seed": 50}
    assert state.named() == {
        "epsilon": 0.1, "tried": 0.25, "Q.A.layer": 1.0, "Q.A.compressed": 1.0, "Q.B.layer": pytest.approx(1 / 7),
        "Q.B.compressed": pytest.approx(0.3),
    }  # fmt: skip


def test_it_is_taken_for_some_of_its_applications_and_the_same_classes_only(tmp_path: Path) -> None:
    file = written(tmp_path)
    settings = GillisSettings(deadline_edges=(4.0,), batch_edges=())
    assert fitting_gillis_state(file, settings, ["B"]).applications == ("A", "B")
    with pytest.raises(ConfigurationError, match=r"trained on the applications A, B, the run has A, C; .*train gillis"):
        fitting_gillis_state(file, settings, ["A", "C"])
    with pytest.raises(ConfigurationError, match=r"with gillis.deadline_edges \[4.0\], the settings have \[3.0, 5.0"):
        fitting_gillis_state(file, GillisSettings(batch_edges=()), ["A"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "has format 2, expected 1"),
        ({"applications": "A"}, "'applications' is 'A', expected list"),
        ({"applications": ["A", 3]}, r"'applications\[1\]' is 3, expected str"),
        ({"deadline_edges_intervals": [None]}, r"'deadline_edges_intervals\[0\]' is None, expected float"),
        ({"epsilon": 1.1}, "epsilon and values must be 0 to 1"),
        ({"epsilon": "x"}, "'epsilon' is 'x', expected float"),
        ({"intervals": -1}, "must be whole numbers from 0"),
        ({"values": [[1, 2]]}, "'values' must be 2 x 2 x 1 x 2 finite numbers"),
        ({"values": [[1], [2, 3]]}, "'values' must be 2 x 2 x 1 x 2 finite numbers"),
        ({"values": [[[[0, float("nan")]], [[0, 0]]]] * 2}, "'values' must be .* finite"),
        ({"values": [[[[0, 1.5]], [[0, 0]]]] * 2}, "epsilon and values must be 0 to 1"),
        ({"counts": [[[[0, 1.5]], [[0, 0]]]] * 2}, "must be whole numbers from 0"),
        ({"counts": [[[[0, -1]], [[0, 0]]]] * 2}, "must be whole numbers from 0"),
        ({"counts": [[[["x", 0]], [[0, 0]]]] * 2}, "'counts' must be .* finite"),
    ],
)
def test_damage_is_named(tmp_path: Path, changes: Dict[str, Any], message: str) -> None:
    with pytest.raises(DataFileError, match=message) as caught:
        read_gillis_state(written(tmp_path, **changes))
    assert "gillis.json" in str(caught.value) and "cosco-splitplace train gillis" in str(caught.value)


@pytest.mark.parametrize("regime", ["", *regime_names()])
def test_the_shipped_policy_is_trained_and_has_tried_both_actions_for_every_application(regime: str) -> None:
    state = fitting_gillis_state(trained_file("", regime, SHIPPED), GillisSettings(), APPLICATIONS)
    assert state.intervals == GillisSettings().training_intervals
    assert state.epsilon == GillisSettings().exploration_floor
    assert state.counts.sum(axis=(1, 2)).min() > 100
