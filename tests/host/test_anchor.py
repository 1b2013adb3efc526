"""COSCO's package names are tied to one checkout, and to nothing that stands in the way."""
from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from cosco_splitplace.bridge.anchor import anchor, clashes
from cosco_splitplace.bridge.interface import PACKAGES
from cosco_splitplace.errors import CheckoutError

PROBE = """
import os, sys
from cosco_splitplace.bridge.checkout import open_checkout
from cosco_splitplace.bridge.entry import enter
enter(open_checkout(sys.argv[1]))
"""


def test_packages_come_from_the_checkout(anchored: Path) -> None:
    module = importlib.import_module("simulator.Simulator")
    assert Path(str(module.__file__)).is_relative_to(anchored)
    assert Path.cwd() == anchored
    assert str(anchored) in sys.path
    constants = importlib.import_module("src.constants")
    assert Path(str(constants.__file__)) == anchored / "scheduler" / "BaGTI" / "src" / "constants.py"


def test_release_forgets_everything(standin_root: Path) -> None:
    before, path = Path.cwd(), list(sys.path)
    held = anchor(standin_root)
    importlib.import_module("simulator.Simulator")
    held.release()
    assert Path.cwd() == before
    assert sys.path == path
    assert not [one for one in sys.modules if one.partition(".")[0] in (*PACKAGES, "src")]


def test_second_call_changes_nothing(anchored: Path, tmp_path: Path) -> None:
    simulator = importlib.import_module("simulator.Simulator")
    os.chdir(tmp_path)
    anchor(str(anchored))
    assert Path.cwd() == anchored
    assert importlib.import_module("simulator.Simulator") is simulator
    assert clashes(anchored) == []


def test_another_checkout_is_refused(anchored: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckoutError, match="this process uses the COSCO in"):
        anchor(tmp_path)


@pytest.mark.parametrize("name", [*PACKAGES, "src"])
def test_a_module_of_the_same_name_is_refused(
    standin_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    other = tmp_path / "plugin" / name
    module = ModuleType(name)
    module.__file__ = str(other / "__init__.py")
    monkeypatch.setitem(sys.modules, name, module)
    before = Path.cwd()
    with pytest.raises(CheckoutError) as caught:
        anchor(standin_root)
    assert f"the module '{name}' is imported already" in str(caught.value)
    assert str(other / "__init__.py") in str(caught.value)
    assert Path.cwd() == before
    assert len(clashes(standin_root)) == 1


def test_a_module_below_one_is_refused_too(standin_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "utils.helpers", ModuleType("utils.helpers"))
    with pytest.raises(CheckoutError, match=r"'utils.helpers' is imported already, from nowhere known"):
        anchor(standin_root)


def test_a_package_on_the_path_does_not_hide_the_checkout(
    standin_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PACKAGES:
        (tmp_path / "plugin" / name).mkdir(parents=True)
        (tmp_path / "plugin" / name / "__init__.py").write_text("raise RuntimeError('the wrong one')")
    monkeypatch.syspath_prepend(str(tmp_path / "plugin"))
    held = anchor(standin_root)
    try:
        assert Path(str(importlib.import_module("utils.ColorUtils").__file__)).is_relative_to(standin_root)
    finally:
        held.release()


def test_what_was_imported_from_the_checkout_itself_is_kept(
    standin_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(standin_root))
    importlib.invalidate_caches()
    before = importlib.import_module("utils.ColorUtils")
    held = anchor(standin_root)
    try:
        assert importlib.import_module("utils.ColorUtils") is before
    finally:
        held.release()


def test_our_own_folders_are_not_taken_for_cosco(anchored: Path) -> None:
    ours = importlib.import_module("cosco_splitplace.scheduler")
    assert not Path(str(ours.__file__)).is_relative_to(anchored)
    assert not getattr(sys.modules["scheduler"], "__file__", None)


def test_real_packages_import_in_a_process(cosco_root: Path, python, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """From another directory, with a program folder of the same names on the path."""
    (tmp_path / "work" / "scheduler").mkdir(parents=True)
    (tmp_path / "work" / "scheduler" / "__init__.py").write_text("raise RuntimeError('the wrong one')")
    code = PROBE + (
        "from simulator.Simulator import Simulator\n"
        "from scheduler.GOBI import GOBIScheduler\n"
        "import stats.Stats, simulator.workload.BitbrainWorkload2\n"
        "print(os.getcwd(), sys.modules['scheduler.GOBI'].__file__)"
    )
    done = python(["-c", code, cosco_root], tmp_path / "work", PYTHONPATH=str(tmp_path / "work"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(cosco_root), str(cosco_root / "scheduler" / "GOBI.py")]


def test_shadowed_at_start_is_one_clear_line(standin_root: Path, python, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "utils.py").write_text("")  # such as a user's own
    code = (
        "import utils, sys; sys.argv += ['--scheduler', 'list']\n"
        "from cosco_splitplace.bridge.entry import main; main(sys.argv[1])"
    )
    done = python(["-c", code, standin_root / "main.py"], tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: the module 'utils' is imported already, from ")
    assert "utils.py" in done.stderr
