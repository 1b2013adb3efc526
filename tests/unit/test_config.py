"""Settings: TOML there and back, unknown names, wrong types, impossible numbers."""
from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Dict

import pytest

from cosco_splitplace.config import Settings, describe_settings
from cosco_splitplace.errors import ConfigurationError


def test_the_defaults_are_the_issues() -> None:
    run, cluster, arrivals = Settings().run, Settings().cluster, Settings().arrivals
    assert (run.decider, run.placer, run.intervals, run.interval_s, run.seed) == ("mab", "daso", 100, 300.0, 0)
    assert (cluster.hosts, arrivals.rate) == (50, 6.0)
    assert (arrivals.batch_min, arrivals.batch_max, arrivals.sample_images) == (16_000, 64_000, 500)
    bandit = Settings().bandit
    assert (bandit.ema_weight, bandit.exploration, bandit.feedback) == (0.9, 0.5, 0.1)
    assert bandit.training_intervals == 200


def test_toml_there_and_back(tmp_path: Path) -> None:
    settings = Settings().replace(
        run={"decider": "my:Décider", "seed": 7, "interval_s": 0.1 + 0.2},
        cluster={"hosts": 3, "mobility": False, "hosts_file": 'odd "name"\\.json'},
        arrivals={"applications": ("MNIST", "CIFAR100"), "rate": 1e-9},
        surrogate={"hidden": (8, 4, 2), "energy_weight": 0.25, "response_weight": 0.75},
    )
    path = tmp_path / "settings.toml"
    path.write_text(settings.to_toml(), encoding="utf-8")
    assert Settings.from_toml(path) == settings
    assert Settings.from_toml(path).to_toml() == settings.to_toml()


def test_what_a_file_leaves_out_keeps_its_default(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[run]\nseed = 3\n")
    assert Settings.from_toml(path) == Settings().replace(run={"seed": 3})
    path.write_text("")
    assert Settings.from_toml(path) == Settings()


def test_a_whole_number_is_taken_for_a_float_only() -> None:
    rate = Settings.from_mapping({"arrivals": {"rate": 3}}).arrivals.rate
    assert rate == 3.0 and isinstance(rate, float)
    with pytest.raises(ConfigurationError, match=r"\[run\] intervals is 3\.0; it must be of type int"):
        Settings.from_mapping({"run": {"intervals": 3.0}})


@pytest.mark.parametrize(
    ("table", "key", "value", "message"),
    [
        ("run", "intervals", "5", "it must be of type int"),
        ("run", "intervals", True, "it must be of type int"),
        ("run", "interval_s", True, "it must be of type float"),
        ("run", "decider", 3, "it must be of type str"),
        ("cluster", "mobility", 1, "it must be of type bool"),
        ("cluster", "mobility", "yes", "it must be of type bool"),
        ("arrivals", "applications", "MNIST", "it must be a list"),
        ("arrivals", "applications", ["MNIST", 3], "it must be of type str"),
        ("surrogate", "hidden", [64, 1.5], "it must be of type int"),
        ("surrogate", "hidden", 64, "it must be a list"),
    ],
)
def test_wrong_types(table: str, key: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"settings: \[{table}\] {key} is .*; {message}"):
        Settings.from_mapping({table: {key: value}})


def test_unknown_tables_and_keys_are_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="unknown table 'runs'; known: arrivals, bandit, churn, cluster, "):
        Settings.from_mapping({"runs": {}})
    with pytest.raises(ConfigurationError, match=r"\[cluster\]: unknown key 'host', 'size'; known: compute_factor, "):
        Settings.from_mapping({"cluster": {"size": 3, "host": 4}})
    with pytest.raises(ConfigurationError, match=r"\[run\] must be a table, not 3"):
        Settings.from_mapping({"run": 3})


IMPOSSIBLE: Dict[str, Any] = {
    "run.intervals": (0, -1),
    "run.interval_s": (0.0, -300.0, float("nan"), float("inf")),
    "run.seed": (-1,),
    "run.drain_intervals": (-1,),
    "cluster.hosts": (0, -5),
    "cluster.compute_factor": (0.0, -1.0, float("nan"), float("inf")),
    "cluster.network_factor": (0.0, -1.0, float("nan")),
    "cluster.memory_factor": (0.0, -1.0, float("nan")),
    "arrivals.rate_steps": ([1.0, -0.1], [1e9]),
    "cluster.location": ("", "Cloud", "moon"),
    "churn.stay_intervals": (0.5, -1.0, float("nan"), float("inf")),
    "churn.away_intervals": (0.0, 0.9, float("nan")),
    "churn.most_away": (-0.1, 1.0, float("nan")),
    "images.sizes": ("", "docker"),
    "images.base_mb": (-1.0, float("nan")),
    "arrivals.rate": (-0.1, float("nan"), float("inf")),
    "arrivals.batch_min": (0, 70_000),
    "arrivals.batch_max": (15_999,),
    "arrivals.deadline_scale": (0.0, -1.0, float("nan"), float("inf")),
    "arrivals.sample_images": (0,),
    "fragments.instructions_per_multiply_add": (0.0, -1.0, float("nan"), float("inf")),
    "fragments.semantic_work": (0.0, -1.0, float("nan")),
    "fragments.compressed_work": (0.0, -1.0, float("nan")),
    "fragments.layer_ram_extra_mb": (-1.0, float("nan")),
    "fragments.layer_ram_mb_per_mmac": (-1.0, float("inf")),
    "fragments.micro_batch_images": (0,),
    "fragments.cores": (0.0, -2.0, float("nan")),
    "engine.ram_overcommit": (0.0, -1.0, float("nan")),
    "engine.swap_penalty": (-0.1, float("nan"), float("inf")),
    "bandit.ema_weight": (0.0, 1.1, float("nan")),
    "bandit.step_size": (0.0, 1.1),
    "bandit.exploration": (-0.1, float("nan"), float("inf")),
    "bandit.feedback": (0.0, 1.0),
    "bandit.threshold_start": (0.0, 1.0),
    "bandit.training_intervals": (0,),
    "gillis.deadline_edges": ((0.0, 3.0), (5.0, 5.0), (7.0, 3.0)),
    "gillis.batch_edges": ((-1.0,), (2.0, 1.0)),
    "gillis.step_size": (0.0, 1.1, float("nan")),
    "gillis.exploration_decay": (0.0, 1.1),
    "gillis.exploration_floor": (-0.1, 1.1, float("nan")),
    "gillis.training_intervals": (0,),
    "deadline.splits": ((), ("layer", "layer")),
    "deadline.forgetting": (-0.1, 1.0, float("nan")),
    "deadline.training_intervals": (0,),
    "surrogate.energy_weight": (-0.1, 1.1, 0.6),
    "surrogate.response_weight": (-0.1, 1.1, 0.6),
    "surrogate.hidden": ((), (0,), (64, -1)),
    "surrogate.learning_rate": (0.0, -1e-3, float("nan"), float("inf")),
    "surrogate.fine_tune_rate": (-1e-4, float("nan"), float("inf")),
    "bandit.estimate_start": (-0.1, 1.1, float("nan")),
    "surrogate.placement_decay": (-1.0, 1001.0, float("nan"), float("inf")),
    "surrogate.search_rate": (0.0, float("nan"), float("inf")),
    "surrogate.search_steps": (0,),
    "surrogate.search_tolerance": (0.0, float("nan")),
    "surrogate.trace_intervals": (0,),
    "surrogate.epochs": (0,),
    "pair_surrogate.time_price": (-0.1, float("nan"), float("inf")),
    "pair_surrogate.sweeps": (0,),
    "pair_surrogate.trace_intervals": (0,),
    "pair_surrogate.epochs": (0,),
    "testbed.lease_s": (0.5, -1.0, float("nan")),
    "testbed.attempts": (0,),
}


@pytest.mark.parametrize(("name", "value"), [(name, one) for name, values in IMPOSSIBLE.items() for one in values])
def test_impossible_values_are_refused_by_name(name: str, value: Any) -> None:
    table, key = name.split(".")
    with pytest.raises(ConfigurationError, match=key):
        Settings.from_mapping({table: {key: value}})


def test_every_number_has_an_impossible_value_above() -> None:
    numbers = {
        f"{table}.{key}" for table, key, default, _ in describe_settings()
        if isinstance(default, (int, float)) and not isinstance(default, bool)
    }  # fmt: skip
    assert numbers - set(IMPOSSIBLE) == set()


def test_every_setting_has_a_help_text() -> None:
    described = describe_settings()
    assert all(len(text) > 10 for _, _, _, text in described)
    assert {(table, key) for table, key, _, _ in described} == {
        (table, key) for table, values in Settings().to_mapping().items() for key in values
    }


def test_a_copy_with_changes_is_checked_too_and_leaves_the_first_alone() -> None:
    settings = Settings()
    assert settings.replace(run={"seed": 5}).run.seed == 5 and settings.run.seed == 0
    with pytest.raises(ConfigurationError, match=r"cluster\.hosts is 0"):
        settings.replace(cluster={"hosts": 0})
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.run.seed = 3  # type: ignore[misc]


@pytest.mark.parametrize("content", [b"[run\nseed = 3", b"[run]\nseed = 3\nseed = 4", b"\xff\xfe", b"run = "])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"settings file '.*settings\.toml' can't be read"):
        Settings.from_toml(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no settings file '.*none\.toml'"):
        Settings.from_toml(tmp_path / "none.toml")
    with pytest.raises(ConfigurationError, match="can't be read"):
        Settings.from_toml(tmp_path)
