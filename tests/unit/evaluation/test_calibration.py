"""Bisection finds a knob's value; what can't be reached is refused; a fitted regime's file reads back."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cosco_splitplace.evaluation.calibration import CalibrationError, Target, bisect, calibrate, regime_document
from cosco_splitplace.regimes import load_regime

RISING = Target(("fragments", "semantic_work"), 1.0, "semantic", "response_intervals", 9.0, True)


def test_it_finds_a_rising_and_a_falling_laws_root() -> None:
    assert bisect(lambda x: x**2, RISING) == pytest.approx(3.0, rel=0.002)
    falling = replace(RISING, rises=False)
    assert bisect(lambda x: 0.9 / x, falling) == pytest.approx(0.1, rel=0.003)


def test_of_a_step_function_it_takes_the_nearest_step() -> None:
    found = bisect(lambda x: 8.0 if x < 3 else 9.5, RISING)
    assert found >= 3


def test_what_is_out_of_reach_is_refused_by_name() -> None:
    with pytest.raises(CalibrationError, match=r"fragments\.semantic_work .* 9\.0"):
        bisect(lambda x: 1.0, RISING)


def test_a_small_world_is_calibrated_and_reads_back(tmp_path: Path) -> None:
    small = replace(
        load_regime("contended"),
        world={"cluster": {"hosts": 10}, "arrivals": {"rate": 1.2}, "run": {"intervals": 40}},
    )
    fitted = calibrate(small, [0])
    for name, value in {"layer_response_intervals": 9.92, "semantic_response_intervals": 3.70}.items():
        assert fitted.found[name] == pytest.approx(value, rel=0.05)
    path = tmp_path / "small.toml"
    path.write_text(regime_document(fitted))
    again = load_regime(str(path))
    assert again.found["layer_violations"] == pytest.approx(fitted.found["layer_violations"], abs=1e-4)
    assert again.settings().cluster.hosts == 10
