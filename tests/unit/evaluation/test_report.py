from __future__ import annotations

import base64
import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import List, Optional, Tuple

import pandas as pd

from cosco_splitplace.evaluation.plots import Plot, run_plots
from cosco_splitplace.evaluation.report import write_comparison_report, write_report
from cosco_splitplace.records import RunResult

VOID = {"meta", "img", "br", "link", "hr"}


class Checker(HTMLParser):
    """Collects images and links, and fails on tags that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: List[str] = []
        self.images: List[str] = []
        self.outside: List[str] = []

    def handle_starttag(self, tag: str, attributes: List[Tuple[str, Optional[str]]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            if tag == "img" and name == "src":
                self.images.append(value or "")
            if name in ("src", "href") and not (value or "").startswith(("data:", "#")):
                self.outside.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(path: Path) -> Checker:
    checker = Checker()
    checker.feed(path.read_text(encoding="utf-8"))
    assert checker.open == []
    return checker


def test_the_report_holds_every_plot_and_fetches_nothing(tmp_path: Path, result: RunResult) -> None:
    plots = run_plots(result)
    report = write_report(result, tmp_path, "cosco-splitplace run --seed 0 --name '<x>'", plots)
    checker = checked(report)
    prefix = "data:image/png;base64,"
    assert [base64.b64decode(one[len(prefix) :]) for one in checker.images] == [one.png for one in plots]
    assert checker.outside == []
    for one in plots:
        assert (tmp_path / "plots" / one.name).read_bytes() == one.png
    text = report.read_text(encoding="utf-8")
    assert "--name &#39;&lt;x&gt;&#39;" in text  # escaped
    for wanted in (
        "SplitPlace: a run of 12 intervals", "FashionMNIST (synthetic)", f"{100 * result.metrics['reward']:.2f}",
        "prefers-color-scheme: dark", 'name="viewport"', "interval_s = 300.0", "numpy",
        "cosco-splitplace run --config settings.toml",
    ):  # fmt: skip
        assert wanted in text, wanted


def test_an_interrupted_run_says_so(tmp_path: Path, result: RunResult) -> None:
    plot = Plot("one.png", "One", "caption", b"png")
    report = write_report(dataclasses.replace(result, intervals_done=7), tmp_path, plots=[plot])
    assert "a run of 7 of 12 intervals" in report.read_text(encoding="utf-8")


def test_the_comparison_report_shows_failures_and_the_best(tmp_path: Path, result: RunResult) -> None:
    better = {**result.metrics, "reward": 0.999}
    frame = pd.DataFrame(
        [{"model": "SplitPlace", "seed": 3, **better}, {"model": "M+G", "seed": 3, **result.metrics}]
    )
    plots = [Plot("one.png", "One", "caption", b"png")]
    failures = [{"model": "R+D", "seed": 4, "error": "RuntimeError: <boom>"}]
    report = write_comparison_report(
        frame, {}, result.data_sources, result.settings, tmp_path, plots, failures, "the command"
    )
    assert len(checked(report).images) == 1
    text = report.read_text(encoding="utf-8")
    assert "R+D, seed 4: RuntimeError: &lt;boom&gt;" in text and "the command" in text
    assert "FashionMNIST (synthetic)" in text
    best = re.findall(r'class="number best">([^<]*)<', text)
    assert "99.90" in best and f"{100 * result.metrics['reward']:.2f}" not in best
