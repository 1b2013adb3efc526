"""Deciders that learn nothing."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosco_splitplace.cluster import load_cluster
from cosco_splitplace.config import Settings
from cosco_splitplace.contract.made_parts import made_application, made_task
from cosco_splitplace.deciders import DECIDERS, DeciderSetup
from cosco_splitplace.errors import UnknownNameError

CLUSTER = load_cluster(Settings().cluster)
TASKS = [made_task(number) for number in range(2000)]


def setup(**splits: object) -> DeciderSetup:
    made = made_application()
    if splits:
        made = replace(made, splits={name: made.splits[name] for name in splits})
    return DeciderSetup(Settings(), {"A": made}, CLUSTER, np.random.default_rng(0))


@pytest.mark.parametrize("name", ["layer", "semantic", "compressed", "unsplit"])
def test_always_the_same(name: str) -> None:
    assert {one.split for one in DECIDERS.get(name)(setup()).decide(TASKS, 0)} == {name}


def test_a_fair_coin() -> None:
    splits = [one.split for one in DECIDERS.get("random")(setup()).decide(TASKS, 0)]
    assert set(splits) == {"layer", "semantic"}
    assert splits.count("layer") / len(splits) == pytest.approx(0.5, abs=0.04)


def test_an_application_that_cannot_be_split_so_is_refused_at_once() -> None:
    with pytest.raises(UnknownNameError, match="unknown split of A 'semantic'; known: layer"):
        DECIDERS.get("semantic")(setup(layer=True))


@pytest.mark.parametrize("name", ["random", "mab-training"])
def test_so_do_deciders_that_need_both_splits(name: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown split of A 'semantic'; known: layer"):
        DECIDERS.get(name)(setup(layer=True))
