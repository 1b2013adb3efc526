"""Sweeps of made-up work: what is skipped, kept, reported and refused."""
from __future__ import annotations

from typing import Dict, List, Optional

import pytest

from cosco_splitplace.config import Settings
from cosco_splitplace.errors import ConfigurationError, UnknownNameError
from cosco_splitplace.evaluation.sweep import Run, sweep


def runs(*seeds: int) -> List[Run]:
    return [Run("M+G", Settings().replace(run={"seed": seed})) for seed in seeds]


def doubled(one: Run) -> int:
    if one.seed == 7:
        raise RuntimeError("seven is not allowed")
    if one.seed == 9:
        raise KeyboardInterrupt
    return 2 * one.seed


class Kept:
    """Keeps results in a dict, and counts them."""

    def __init__(self) -> None:
        self.found: Dict[str, int] = {}
        self.order: List[int] = []

    def kept(self, one: Run) -> Optional[int]:
        return self.found.get(one.content)

    def keep(self, one: Run, made: int) -> int:
        self.order.append(one.seed)
        self.found[one.content] = made
        return made


def test_content_is_of_settings_and_model() -> None:
    one, same, other = runs(1)[0], runs(1)[0], runs(2)[0]
    assert one.content == same.content != other.content
    assert Run("L+G", one.settings).content != one.content


@pytest.mark.parametrize("workers", [1, 2])
def test_runs_are_done_once_and_kept(workers: int) -> None:
    store = Kept()
    first = sweep(runs(1, 2, 1), doubled, store.kept, store.keep, workers)
    assert sorted(first.done.values()) == [2, 4] and first.skipped == 0
    second = sweep(runs(1, 2, 3), doubled, store.kept, store.keep, workers)
    assert sorted(second.done.values()) == [2, 4, 6] and second.skipped == 2
    assert sorted(store.order) == [1, 2, 3]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_crash_is_reported_with_seed_and_settings_and_stops_nothing(workers: int) -> None:
    store = Kept()
    told: List[int] = []
    found = sweep(
        runs(7, 1, 2), doubled, store.kept, store.keep, workers, lambda done, total, _: told.append(done)
    )
    (failure,) = found.failures
    assert (failure.model, failure.seed, failure.error) == ("M+G", 7, "RuntimeError: seven is not allowed")
    assert "in doubled" in failure.trace and "seed = 7" in failure.settings
    assert sorted(found.done.values()) == [2, 4] and told == [0, 1, 2, 3]


def test_ctrl_c_keeps_what_was_done() -> None:
    store = Kept()
    found = sweep(runs(1, 9, 2), doubled, store.kept, store.keep)
    assert found.interrupted and list(found.done.values()) == [2]
    rest = sweep(runs(1, 2), doubled, store.kept, store.keep)
    assert rest.skipped == 1 and not rest.interrupted


def test_bad_requests_are_refused_before_anything_runs() -> None:
    store = Kept()
    with pytest.raises(ConfigurationError, match="jobs is 0"):
        sweep(runs(1), doubled, store.kept, store.keep, 0)
    with pytest.raises(UnknownNameError, match="unknown backend 'spark'; known: joblib, ray"):
        sweep(runs(1), doubled, store.kept, store.keep, backend="spark")
    with pytest.raises(ConfigurationError, match="takes no address"):
        sweep(runs(1), doubled, store.kept, store.keep, options={"address": "auto"})
    assert store.order == []
