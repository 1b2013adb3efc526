"""What every test may use: hand-made parts (``made_parts``), and a home of its own for the user's cache."""
from __future__ import annotations

import sys
from pathlib import Path
from typing import Callable, Tuple

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent / "made"))

torch.set_num_threads(1)  # the networks are tiny

Call = Callable[..., Tuple[int, str, str]]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Surrogates that a user has trained do not reach the tests, nor the other way round."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture()
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """``cosco-splitplace ARGUMENTS`` in this process and an empty directory; returns (exit code, output, errors)."""
    from cosco_splitplace.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cosco-splitplace", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line whether the tests against COSCO ran on the stand-in, on the real one, or on both."""
    reports = [one for outcome in ("passed", "failed") for one in terminalreporter.stats.get(outcome, [])]
    ran = [one for one in reports if one.nodeid.startswith("tests/host/") and one.when == "call"]
    real = sum("real_cosco" in one.keywords for one in ran)
    if ran:
        then = f"and {real} on the real one" if real else "none on the real one, as COSCO_HOME is not set"
        terminalreporter.write_line(f"tests against COSCO: {len(ran) - real} on the stand-in, {then}")
    on_testbed = [one for one in reports if one.nodeid.startswith("tests/testbed/") and one.when == "call"]
    if on_testbed:
        in_docker = sum("test_docker" in one.nodeid for one in on_testbed)
        skipped = sum(one.nodeid.startswith("tests/testbed/") for one in terminalreporter.stats.get("skipped", []))
        terminalreporter.write_line(
            f"tests on the testbed: {len(on_testbed) - in_docker} with processes, {in_docker} with Docker and CRIU, "
            f"{skipped} skipped"
        )
