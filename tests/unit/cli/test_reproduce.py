"""``reproduce`` and ``report`` as users type them, with real, short runs."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Tuple

import pytest

Call = Callable[..., Tuple[int, str, str]]
SHORT = ("--intervals", "15", "--seeds", "1", "--jobs", "1")


def test_an_experiment_and_its_page(call: Call, tmp_path: Path) -> None:
    code, shown, errors = call("reproduce", "fig2", *SHORT, "--out", "out", "--docs", "results.md")
    assert code == 0, errors
    assert "2 runs, of which 0 were done before" in shown and "too few seeds to say" in shown
    assert (tmp_path / "out" / "fig2.png").exists()
    page = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "## fig2" in page and "cosco-splitplace reproduce fig2 --intervals 15" in page
    _, again, _ = call("reproduce", "fig2", *SHORT, "--out", "out", "--json")
    document: Any = json.loads(again)
    assert (document["runs"], document["skipped"], document["failures"]) == (2, 2, [])
    assert document["findings"]["fig2"]["paper"][0]["verdict"] == "too few seeds to say"
    code, _, errors = call("report", "out", "--out", "page.html")
    assert code == 0 and (tmp_path / "page.html").stat().st_size > 10_000, errors


def test_the_list_names_all_and_counts_shared_runs_once(call: Call) -> None:
    document: Any = json.loads(call("reproduce", "--list", "--seeds", "2", "--json")[1])
    runs = {one["name"]: one["runs"] for one in document["experiments"]}
    assert runs["table4"] == runs["fig7"] == 30 and document["runs"] < sum(runs.values())
    assert "table4" in call("reproduce", "--list")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("reproduce",), "name experiments"),
        (("reproduce", "fig3"), "unknown experiment 'fig3'; known: all, "),
        (("reproduce", "fig2", "--backend", "spark"), "'spark' is none of: joblib, ray"),
        (("reproduce", "fig2", "--seeds", "0"), "seeds '0' are none"),
        (("reproduce", "fig2", "--jobs", "0"), "jobs is 0"),
        (("reproduce", "fig2", "--address", "auto"), "the joblib backend takes no address"),
        (("reproduce", "fig2", "--regime", "no-such"), "unknown regime 'no-such'"),
        (("report", "no-such-folder"), "there is no folder no-such-folder"),
    ],
)
def test_bad_input_is_said_and_nothing_is_left(
    arguments: "tuple[str, ...]", said: str, call: Call, tmp_path: Path
) -> None:
    code, shown, errors = call(*arguments)
    assert code == 2 and shown == ""
    assert said in errors and "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []
