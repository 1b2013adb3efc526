"""Regimes: the shipped ones are calibrated and say how; a damaged or foreign file is refused by name."""
from __future__ import annotations

from pathlib import Path

import pytest

from cosco_splitplace.arrivals.catalogue import load_catalogue
from cosco_splitplace.errors import ConfigurationError, DataFileError, UnknownNameError
from cosco_splitplace.evaluation.calibration import TARGETS
from cosco_splitplace.fragments.workflow import fragment_ram_mb
from cosco_splitplace.regimes import DEFAULT, load_regime, regime_names


def test_the_default_comes_first() -> None:
    assert regime_names()[0] == DEFAULT
    assert {"contended", "slack", "tight-ram"} <= set(regime_names())


@pytest.mark.parametrize("name", regime_names())
def test_a_shipped_regime_meets_its_targets_and_names_its_command(name: str) -> None:
    regime = load_regime(name)
    for one in TARGETS:
        assert regime.found[one.name] == pytest.approx(one.value, rel=0.05)
    assert f"calibrate --regime {name} " in regime.command
    assert "semantic_violations" in regime.predicted
    assert regime.settings().run.regime == name


def test_the_placer_of_the_calibration_is_told() -> None:
    assert (load_regime("contended").placer, load_regime("slack").placer) == ("least-loaded", "random")


def test_fixed_batches() -> None:
    for name in regime_names():
        arrivals = load_regime(name).settings().arrivals
        assert (arrivals.batch_min == arrivals.batch_max == 20_000) == name.endswith("-fixed")


def test_layer_fragments_of_tight_ram_take_2_6_to_4_5_gb() -> None:
    settings = load_regime("tight-ram").settings()
    layers = [one.split("layer") for one in load_catalogue().values()]
    sizes = [fragment_ram_mb(part, one, 40_000, settings.fragments) for one in layers for part in one.fragments]
    assert min(sizes) == pytest.approx(2600, rel=0.01) and max(sizes) == pytest.approx(4500, rel=0.01)
    assert settings.engine.ram_overcommit == 1.0


@pytest.mark.parametrize("name", ["calm", "", "../contended", "none.toml"])
def test_an_unknown_regime_lists_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownNameError, match="contended"):
        load_regime(name)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[knobs.fragments]\nspeed = 2\n", "speed"),
        ("[knobs.engine]\nram_overcommit = 2\n", "engine"),
        ("[world\n", "can't be read"),
        ("[regime]\nplacer = 3\n", "placer"),
        ("[extra]\n", "extra"),
        ("[found]\na = 'b'\n", "no number"),
        ("regime = 3\n", "must be a table"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(DataFileError, match=part) as caught:
        load_regime(str(path))
    assert "mine.toml" in str(caught.value)


def test_a_setting_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[world.fragments]\ncolour = 1\n")
    with pytest.raises(ConfigurationError, match="colour"):
        load_regime(str(path))


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[world.cluster]\nhosts = 7\n[knobs.arrivals]\ndeadline_scale = 1.5\n")
    settings = load_regime(str(path)).settings()
    assert (settings.cluster.hosts, settings.arrivals.deadline_scale) == (7, 1.5)
