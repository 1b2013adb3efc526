from __future__ import annotations

from typing import Tuple

import pytest

from cosco_splitplace.errors import ConfigurationError
from cosco_splitplace.evaluation.seeds import parse_seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("5", (0, 1, 2, 3, 4)), ("1", (0,)), (" 2 ", (0, 1)), ("7,", (7,)), ("3,7,10-14", (3, 7, 10, 11, 12, 13, 14)),
        ("4-4", (4,)), ("9, 2 - 3", (9, 2, 3)),
    ],
)  # fmt: skip
def test_counts_and_lists(text: str, seeds: Tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "''"), ("0", "none"), (",", "''"), ("1,,2", "''"), ("-3", "'-3'"), ("3,-4", "'-4'"), ("9-5", "backwards"),
        ("1,2,1", "1 more than once"), ("3-6,5", "5 more than once"), ("a", "'a'"), ("1.5", "'1.5'"), ("3-", "'3-'"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_seeds(text)
