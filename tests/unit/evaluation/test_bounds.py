"""The bounds hold for every policy, are reached where nothing contends, and a plan is what a run makes of it."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import List

import pytest

from cosco_splitplace.config import Settings
from cosco_splitplace.errors import ConfigurationError, DataFileError, InvariantError
from cosco_splitplace.evaluation.bounds import run_bounds
from cosco_splitplace.evaluation.bounds.clairvoyant import clairvoyant_plan, run_plan
from cosco_splitplace.evaluation.bounds.no_contention import no_contention
from cosco_splitplace.evaluation.bounds.run_bounds import kept_bounds, search_all, search_bounds
from cosco_splitplace.regimes import load_regime
from cosco_splitplace.simulation import simulate

POLICIES = (("semantic", "least-loaded"), ("layer", "first-fit"), ("deadline", "daso-set"), ("random", "random"))


def small(regime: str, **changes: object) -> Settings:
    run = {"intervals": 10, "seed": 4, "placer": "daso-set", **changes}
    return load_regime(regime).settings().replace(run=run)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "cosco-splitplace" / "bounds"


@pytest.mark.parametrize("regime", ["contended", "slack", "tight-ram"])
def test_no_task_is_faster_or_better_paid_than_alone(regime: str) -> None:
    for decider, placer in POLICIES:
        settings = small(regime, decider=decider, placer=placer)
        bound = no_contention(settings)
        result = simulate(settings)
        assert list(bound.tasks) == list(result.tasks) and len(bound.tasks) > 20
        for one in result.outcomes:
            alone = bound.alone[one.task.task_id][one.split]
            assert one.response_intervals >= alone.response_intervals
            assert one.accuracy == alone.accuracy and one.reward <= alone.reward
        assert result.metrics["drained_reward"] <= bound.reward


@pytest.mark.parametrize("split", ["semantic", "compressed"])
def test_it_is_reached_where_a_task_is_alone(split: str) -> None:
    settings = small("slack", decider=split, placer="least-loaded", intervals=60).replace(
        arrivals={"rate": 0.2}, cluster={"mobility": False}
    )
    bound, result = no_contention(settings), simulate(settings)
    slower: List[int] = [
        one.response_intervals - bound.alone[one.task.task_id][split].response_intervals for one in result.outcomes
    ]
    assert len(slower) >= 8 and min(slower) == 0 and sum(one > 0 for one in slower) <= len(slower) // 4


def test_a_larger_batch_takes_no_less_time_alone() -> None:
    settings = small("contended")
    twice = settings.replace(
        arrivals={"batch_min": 2 * settings.arrivals.batch_min, "batch_max": 2 * settings.arrivals.batch_max}
    )
    for one, other in zip(no_contention(settings).alone, no_contention(twice).alone):
        assert all(other[split].response_intervals >= one[split].response_intervals for split in one)
    assert no_contention(twice).reward < no_contention(settings).reward


def test_a_plan_is_what_its_run_reaches_and_never_worse_than_its_starts() -> None:
    settings = small("contended")
    bound = no_contention(settings)
    plan = clairvoyant_plan(settings, bound, evaluations=12)
    assert run_plan(settings, plan.splits).metrics["drained_reward"] == plan.reward <= bound.reward
    starts = [simulate(settings.replace(run={"decider": one})).metrics for one in ("semantic", "deadline")]
    rewards = [one["drained_reward"] for one in starts]
    assert plan.reward >= max(rewards) and plan.trajectory[0] == rewards[0]
    assert list(plan.trajectory) == sorted(plan.trajectory) and plan.trajectory[-1] == plan.reward
    again = clairvoyant_plan(settings, bound, evaluations=12)
    assert again == plan


def test_a_climb_finds_what_one_task_gains() -> None:
    settings = small("slack", intervals=4)
    bound = no_contention(settings)
    plan = clairvoyant_plan(settings, bound, starts=("layer",), evaluations=25)
    layer = simulate(settings.replace(run={"decider": "layer"})).metrics["drained_reward"]
    assert plan.reward > layer and "semantic" in plan.splits.values()


def test_a_plan_above_the_bound_is_a_defect() -> None:
    settings = small("slack", intervals=3)
    bound = no_contention(settings)
    poor = [{name: replace(one, reward=one.reward / 2) for name, one in splits.items()} for splits in bound.alone]
    with pytest.raises(InvariantError, match="more than the no-contention bound"):
        clairvoyant_plan(settings, replace(bound, alone=poor), evaluations=2)


def test_a_plan_of_another_run_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not in the plan, which holds 1 tasks"):
        run_plan(small("slack", intervals=3), {0: "layer"})


def test_plans_are_kept_for_every_policy_of_the_world(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = small("slack", intervals=3)
    assert kept_bounds(settings).plan is None and not cache.exists()
    found = search_bounds(settings, 4)
    assert found.plan is not None and found.evaluations == 4 and len(found.trajectory) <= 4
    other = settings.replace(run={"decider": "layer", "placer": "random"})
    assert kept_bounds(other) == found
    assert kept_bounds(settings.replace(run={"seed": 5})).plan is None
    monkeypatch.setattr(run_bounds, "clairvoyant_plan", None)
    assert search_bounds(other, 3) == found  # as good a search was made before
    with pytest.raises(TypeError):
        search_bounds(other, 5)


def test_a_damaged_plan_is_named(cache: Path) -> None:
    settings = small("slack", intervals=3)
    search_bounds(settings, 2)
    (path,) = cache.iterdir()
    path.write_text(json.dumps({"format": 1, "nonsense": 1}))
    with pytest.raises(DataFileError, match="remove it and run: cosco-splitplace bound"):
        kept_bounds(settings)


def test_one_or_two_workers_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = small("slack", intervals=3)
    alone = {one.seed: one for one in search_all(settings, (1, 2), 3, 1)}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert {one.seed: one for one in search_all(settings, (1, 2), 3, 2)} == alone
    with pytest.raises(ConfigurationError, match="at least 2"):
        next(search_all(settings, (1,), 1, 1))
