"""Verdicts on hand-made numbers: what holds, what does not, what is no difference, and what is said of it."""
from __future__ import annotations

from typing import Sequence

import pytest
from made_measures import chosen_data

from cosco_splitplace.evaluation.reproduction.claims import (
    best,
    better,
    changes,
    least_change,
    ordered_applications,
)
from cosco_splitplace.evaluation.reproduction.experiment import Data

HIGH, LOW, NEAR = (0.90, 0.92, 0.91, 0.93), (0.80, 0.81, 0.83, 0.82), (0.91, 0.91, 0.92, 0.92)


def data(**rewards: Sequence[float]) -> Data:
    names = {"splitplace": "SplitPlace", "layer": "L+G", "semantic": "S+G"}
    return chosen_data({(names[one], "normal"): {"reward": values} for one, values in rewards.items()})


def test_a_difference_that_is_there_holds_or_not_by_its_sign() -> None:
    found = data(splitplace=HIGH, layer=LOW)
    up = better("It is higher.", "reward", "SplitPlace", ("L+G",), 1)(found)
    down = better("It is lower.", "reward", "SplitPlace", ("L+G",), -1)(found)
    assert (up.verdict, down.verdict) == ("holds", "does not hold")
    # paired by seed: 0.10, 0.11, 0.08, 0.11: mean 0.10
    assert up.found.startswith("Average Reward of SplitPlace 91.50, L+G 81.50 % (+10.00, 95 % interval +")
    assert up.found.endswith("larger in 4 of 4 seeds)")


def test_an_interval_that_holds_0_is_no_difference_in_words() -> None:
    found = better("It is higher.", "reward", "SplitPlace", ("L+G",), 1)(data(splitplace=HIGH, layer=NEAR))
    assert found.verdict == "no difference"
    assert "larger in 2 of 4 seeds: no difference" in found.found


def test_too_few_seeds_say_nothing() -> None:
    found = better("It is higher.", "reward", "SplitPlace", ("L+G",), 1)(data(splitplace=HIGH[:2], layer=LOW[:2]))
    assert found.verdict == "too few seeds to say" and "too few seeds for an interval" in found.found


def test_what_did_not_run_is_not_measured() -> None:
    assert better("It is higher.", "reward", "SplitPlace", ("MC",), 1)(data(splitplace=HIGH)).verdict == "not measured"
    assert best("It is best.", "reward", "SplitPlace", True)(data(splitplace=HIGH)).verdict == "not measured"


def test_several_differences_hold_in_part() -> None:
    found = better("It is the lowest.", "reward", "L+G", ("SplitPlace", "S+G"), -1)(
        data(splitplace=HIGH, layer=LOW, semantic=(0.7, 0.7, 0.7, 0.7))
    )
    assert found.verdict == "holds in part (1 of 2)"


def test_the_best_is_compared_with_the_best_of_the_others() -> None:
    found = best("It is best.", "reward", "SplitPlace", True)(data(splitplace=HIGH, layer=LOW, semantic=NEAR))
    assert found.verdict == "no difference" and "S+G" in found.found and "L+G" not in found.found
    low = best("It is the lowest.", "reward", "L+G", False)(data(splitplace=HIGH, layer=LOW, semantic=NEAR))
    assert low.verdict == "holds"


def test_unchanged_within_a_percentage_point() -> None:
    normal = {"accuracy": (0.900, 0.910, 0.905, 0.915)}
    for shift, verdict in ((0.002, "holds"), (0.05, "does not hold")):
        there = {"accuracy": [one + shift for one in normal["accuracy"]]}
        found = chosen_data({("L+G", "normal"): normal, ("L+G", "cut"): there})
        assert changes("It stays.", "accuracy", ("L+G",), "normal", ("cut",), 0)(found).verdict == verdict


def test_who_changes_least() -> None:
    found = chosen_data({
        ("SplitPlace", "normal"): {"violations": (0.1, 0.1, 0.1)},
        ("SplitPlace", "cut"): {"violations": (0.2, 0.2, 0.21)},
        ("L+G", "normal"): {"violations": (0.1, 0.1, 0.1)},
        ("L+G", "cut"): {"violations": (0.4, 0.5, 0.6)},
    })  # fmt: skip
    claim = least_change("It rises least.", "violations", "SplitPlace", ("L+G",), "normal", ("cut",), 1)
    assert claim(found).verdict == "holds"
    other = least_change("It rises least.", "violations", "L+G", ("SplitPlace",), "normal", ("cut",), 1)
    assert other(found).verdict == "does not hold"


def test_applications_and_many_differences_are_told_in_groups() -> None:
    found = data(splitplace=HIGH, layer=LOW, semantic=NEAR)
    claim = ordered_applications("Higher.", "reward", ("SplitPlace", "L+G", "S+G"), "MNIST", "CIFAR100")
    assert claim(found).verdict == "not measured"  # nothing of CIFAR100
    many = better(
        "Higher.", "reward", "SplitPlace", ("L+G", "S+G"), 1, applications=("MNIST", "all")
    )(found)
    assert many.verdict == "holds in part (2 of 4)"
    assert many.found.count("no difference: ") == 1 and many.found.startswith("holds: Average Reward of SplitPlace")


@pytest.mark.parametrize("highest", [True, False])
def test_the_same_numbers_twice_are_no_difference(highest: bool) -> None:
    found = data(splitplace=HIGH, layer=HIGH)
    assert best("Best.", "reward", "SplitPlace", highest)(found).verdict == "no difference"
