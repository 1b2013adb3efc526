"""Names, module:Name references, and what is said about wrong ones."""
from __future__ import annotations

import pytest

from cosco_splitplace.errors import ConfigurationError, SplitPlaceError, UnknownNameError
from cosco_splitplace.registry import Registry


def registry() -> "Registry[object]":
    made: Registry[object] = Registry("thing")
    made.register("b", dict, "the second")
    made.register("a", list, "the first")
    return made


def test_names_and_references() -> None:
    made = registry()
    assert made.get("a") is list
    assert made.get("collections:OrderedDict").__name__ == "OrderedDict"
    assert list(made) == ["b", "a"] and "a" in made and "c" not in made
    assert made.describe() == {"b": "the second", "a": "the first"}


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="thing 'a' is registered already"):
        registry().register("a", list, "again")


def test_an_unknown_name_lists_the_known_ones_in_order() -> None:
    with pytest.raises(UnknownNameError, match="unknown thing 'A'; known: a, b") as caught:
        registry().get("A")
    assert isinstance(caught.value, SplitPlaceError) and isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("no_such_module:Name", "can't be imported .*no_such_module.*one of: a, b"),
        ("collections:NoSuchName", "can't be imported .*NoSuchName"),
        (":Name", "can't be imported"),
        ("collections:", "can't be imported"),
        ("math:pi", "is a float, not a class or function"),
    ],
)
def test_a_bad_reference_is_explained(reference: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        registry().get(reference)
