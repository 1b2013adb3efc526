"""The deadline decider: what it sees, how it chooses, that it adapts, and its state's file."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Type

import numpy as np
import pytest

from cosco_splitplace.cluster import load_cluster
from cosco_splitplace.config import Settings
from cosco_splitplace.contract.made_parts import made_application, made_outcome, made_task
from cosco_splitplace.deciders import DeciderSetup
from cosco_splitplace.deciders.deadline import DeadlineDecider, TrainingDeadlineDecider
from cosco_splitplace.deciders.deadline_state import DeadlineState, read_deadline_state
from cosco_splitplace.deciders.outlook import FEATURES, Outlook
from cosco_splitplace.errors import ConfigurationError, DataFileError
from cosco_splitplace.fragments.workflow import make_fragments
from cosco_splitplace.records import Task
from cosco_splitplace.regimes import load_regime, regime_names, trained_file

CLUSTER = load_cluster(Settings().cluster)
APPLICATIONS = {"A": made_application("A"), "B": made_application("B")}


def decider(kind: Type[DeadlineDecider] = DeadlineDecider, seed: int = 0, **deadline: Any) -> DeadlineDecider:
    settings = Settings().replace(deadline={"state_file": "untrained", **deadline})
    return kind(DeciderSetup(settings, APPLICATIONS, CLUSTER, np.random.default_rng(seed)))


def task(number: int, deadline: int = 6, application: str = "A") -> Task:
    return made_task(number, application=application, deadline_intervals=deadline)


def live(made: DeadlineDecider, numbers: range, response: Dict[str, int]) -> List[str]:
    """A task an interval, whose response depends on its split alone; the splits that were chosen."""
    chosen = []
    for number in numbers:
        new = task(number, deadline=5 if number % 2 else 15)
        (decision,) = made.decide([new], number)
        intervals = response[decision.split]
        outcome = made_outcome(
            new, decision.split, response_intervals=intervals, violated=intervals > new.deadline_intervals,
            accuracy=APPLICATIONS["A"].split(decision.split).accuracy,
        )  # fmt: skip
        made.learn([outcome], number)
        chosen.append(decision.split)
    return chosen


def trained(**deadline: Any) -> DeadlineDecider:
    """One that has seen layer splits take 9 intervals, semantic ones 3."""
    training = decider(TrainingDeadlineDecider, **deadline)
    live(training, range(400), {"layer": 9, "semantic": 3})
    made = decider(**deadline)
    made.belief = training.belief
    return made


def test_what_is_under_way_adds_up_and_goes_again() -> None:
    outlook = Outlook(Settings(), CLUSTER)
    first, second = task(0), task(1, application="B")
    one, two = (outlook.demand(each, APPLICATIONS[each.application], "layer") for each in (first, second))
    alone = outlook.features(first, one)
    outlook.enters(first, one)
    outlook.enters(second, two)
    assert outlook.features(second, two)[3:] == pytest.approx(one.amounts + 2 * two.amounts)
    outlook.leaves([second, first])
    assert outlook.features(first, one) == pytest.approx(alone)
    assert alone[0] == 1 and alone[1] + alone[2] == pytest.approx(np.log(first.deadline_intervals))


def test_a_demand_is_in_shares_of_the_cluster() -> None:
    settings, new = Settings(), task(0)
    fragments = make_fragments(new, APPLICATIONS["A"].split("layer"), settings.fragments, 0)
    demand = Outlook(settings, CLUSTER).demand(new, APPLICATIONS["A"], "layer")
    assert demand.amounts[0] * CLUSTER.mips.sum() * 300 == pytest.approx(sum(one.work_mi for one in fragments))
    assert demand.amounts[1] * CLUSTER.ram_mb.sum() == pytest.approx(max(one.ram_mb for one in fragments))
    data = fragments[0].input_mb + fragments[-1].output_mb
    assert demand.amounts[2] * CLUSTER.broker_link_mb_s * 300 == pytest.approx(data)
    twice = load_cluster(settings.replace(cluster={"hosts": 100}).cluster)
    assert Outlook(settings, twice).demand(new, APPLICATIONS["A"], "layer").alone == pytest.approx(demand.alone)


def test_it_takes_the_best_expected_reward_and_says_why() -> None:
    made = decider()
    layer, semantic = (APPLICATIONS["A"].split(one).accuracy for one in ("layer", "semantic"))
    assert layer > semantic
    (decision,) = made.decide([task(0, deadline=10_000)], 0)  # both are sure to keep it
    assert decision.split == "layer" and decision.p_deadline > 0.99
    assert "layer" in decision.reason and "semantic" in decision.reason


def test_it_learns_which_split_keeps_which_deadline() -> None:
    chosen = live(trained(), range(400, 480), {"layer": 9, "semantic": 3})
    assert set(chosen[1::2]) == {"semantic"} and set(chosen[::2]) == {"layer"}  # short and long deadlines


def test_it_follows_a_change_and_does_so_faster_when_it_forgets_more() -> None:
    tries = {}
    for forgetting in (0.0, 0.02):
        made = trained(forgetting=forgetting)
        chosen = live(made, range(400, 800), {"layer": 20, "semantic": 3})  # layer splits now always come too late
        tries[forgetting] = chosen.count("layer")
        assert chosen[0] == "layer" and set(chosen[-100:]) == {"semantic"}
    assert tries[0.02] < tries[0.0]


def test_accuracy_is_learned_too() -> None:
    made = decider()
    patient = [task(number, deadline=10_000) for number in range(300)]
    assert made.decide(patient[:1], 0)[0].split == "layer"
    for one in patient[1:]:
        (decision,) = made.decide([one], 0)
        made.learn([made_outcome(one, decision.split, accuracy=0.2 if decision.split == "layer" else 0.8,
                                 violated=False)], 0)  # fmt: skip
    assert made.decide([task(999, deadline=10_000)], 0)[0].split == "semantic"


def test_one_split_alone_and_all_three() -> None:
    assert live(decider(splits=("semantic",)), range(5), {"semantic": 3}) == ["semantic"] * 5
    three = ("layer", "semantic", "compressed")
    chosen = live(decider(TrainingDeadlineDecider, splits=three), range(200), dict.fromkeys(three, 5))
    assert set(chosen) == set(three)


def test_what_is_written_is_read_back_exactly(tmp_path: Path) -> None:
    made = decider(TrainingDeadlineDecider)
    live(made, range(60), {"layer": 9, "semantic": 3})
    path = tmp_path / "deadline.json"
    made.belief.write(path, {"seed": 1})
    again = read_deadline_state(path, ("semantic",))
    assert list(again.beliefs) == ["semantic"] and again.outcomes["semantic"] == made.belief.outcomes["semantic"]
    assert (again.beliefs["semantic"].precision == made.belief.beliefs["semantic"].precision).all()
    assert read_deadline_state(path).named() == made.belief.named()


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "deadline.json"
    DeadlineState(("layer",)).write(path, {})
    content = json.loads(path.read_text())
    content["splits"]["layer"].update({key: one for key, one in changes.items() if key != "features"})
    content.update({key: one for key, one in changes.items() if key == "features"})
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": [1.0]}, "'mean' must be 6 finite numbers"),
        ({"mean": ["x"] * 6}, "'mean' must be 6 finite numbers"),
        ({"mean": [float("nan")] * 6}, "'mean' must be 6 finite numbers"),
        ({"precision": [[1.0]]}, "'precision' must be 6 x 6 finite numbers"),
        ({"precision": (-np.eye(6)).tolist()}, "no symmetric, positive definite matrix"),
        ({"precision": (np.eye(6) + np.eye(6, k=1)).tolist()}, "no symmetric, positive definite matrix"),
        ({"outcomes": "many"}, "'outcomes' is 'many', expected int"),
    ],
)
def test_damage_is_named(tmp_path: Path, changes: Dict[str, Any], message: str) -> None:
    with pytest.raises(DataFileError, match=message) as caught:
        read_deadline_state(written(tmp_path, **changes), ("layer",))
    assert "cosco-splitplace train deadline" in str(caught.value)


def test_other_features_and_missing_splits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"trained on the features speed, expected constant, .*train deadline"):
        read_deadline_state(written(tmp_path, features=["speed"]))
    with pytest.raises(ConfigurationError, match=r"trained on the splits layer, deadline.splits has layer, semantic"):
        read_deadline_state(written(tmp_path), ("layer", "semantic"))


@pytest.mark.parametrize("regime", ["", *regime_names()])
def test_the_shipped_belief_has_seen_both_splits_and_gives_more_time_a_better_chance(regime: str) -> None:
    state = read_deadline_state(trained_file("", regime, "deadline.json"), ("layer", "semantic"))
    assert min(state.outcomes.values()) > 200
    for belief in state.beliefs.values():
        at = FEATURES.index("log(deadline / time alone)")
        assert belief.mean[at] > 2 * belief.covariance[at, at] ** 0.5


def test_an_application_that_it_was_not_trained_on_needs_nothing_new() -> None:
    settings = replace(load_regime("contended").settings())
    applications = {"new": replace(made_application("A"), name="new")}
    made = DeadlineDecider(DeciderSetup(settings, applications, CLUSTER, np.random.default_rng(0)))
    assert len(made.decide([task(0, application="new")], 0)) == 1
