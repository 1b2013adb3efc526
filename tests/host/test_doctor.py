"""What the doctor finds, and what it says about it."""
from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Dict

import pytest

from cosco_splitplace.bridge import doctor
from cosco_splitplace.bridge.checkout import (
    HOME_VARIABLE,
    changed_files,
    commit_of,
    inspect_checkout,
    open_checkout,
)
from cosco_splitplace.bridge.checkpoints import missing_models, model_files
from cosco_splitplace.bridge.doctor import MISSING, OK, PROBLEM, Check, diagnose
from cosco_splitplace.bridge.hook import install_hook
from cosco_splitplace.bridge.interface import INTERFACE, KNOWN_DIGESTS
from cosco_splitplace.errors import CheckoutError


def checks(root: Path) -> Dict[str, Check]:
    return {one.name: one for one in diagnose(inspect_checkout(root)).checks}


def test_splitplace_can_run_and_nothing_is_written(cosco_root: Path) -> None:
    before = sorted(cosco_root.rglob("*"))
    diagnosis = diagnose(inspect_checkout(cosco_root))
    assert diagnosis.can_run
    assert sorted(cosco_root.rglob("*")) == before
    assert all(one.means and one.remedy for one in diagnosis.checks if one.state != OK)


def test_command(cosco_root: Path, call) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = call("doctor", cosco_root)
    assert code == 0
    assert f"SplitPlace can run in {cosco_root}" in out
    assert f"-> cosco-splitplace install {cosco_root}" in out
    assert "train gobi --cosco" in out
    code, out, _ = call("doctor", cosco_root, "--json")
    told = json.loads(out)
    assert code == 0 and told["can_run"] is True
    assert {"name", "state", "found", "means", "remedy", "needed"} == set(told["checks"][0])


def test_not_cosco(tmp_path: Path, call) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = call("doctor", tmp_path)
    assert code == 1
    assert "COSCO: it has neither main.py nor any of COSCO's folders" in out and "(needed)" in out
    assert json.loads(call("doctor", tmp_path, "--json")[1])["can_run"] is False


def test_hook_states(standin_root: Path) -> None:
    assert (checks(standin_root)["hook in main.py"].state, "absent") == (MISSING, "absent")
    install_hook(standin_root)
    assert checks(standin_root)["hook in main.py"].state == OK
    (standin_root / "main.py").write_text("x = (\n")
    assert checks(standin_root)["hook in main.py"].state == PROBLEM
    assert not diagnose(inspect_checkout(standin_root)).can_run


def test_missing_models(standin_root: Path) -> None:
    assert len(missing_models(standin_root)) == len(model_files()) == 12
    file = standin_root / "scheduler/BaGTI/checkpoints/energy_latency_50_Trained.ckpt"
    file.parent.mkdir()
    file.write_bytes(b"")
    assert len(missing_models(standin_root)) == 12  # an empty file is none
    file.write_bytes(b"x")
    assert "model of GOBI, 50 hosts" not in checks(standin_root)
    found = checks(standin_root)["model of GOBI, 10 hosts"]
    assert "GOBI, SOGOBI, GA with 10 hosts would run untrained" in found.means
    assert found.remedy == f"cosco-splitplace train gobi --cosco {standin_root} --hosts 10"
    (standin_root / "checkpoints").mkdir()
    (standin_root / "checkpoints" / "energy_latency_10_Trained.ckpt").write_bytes(b"x")
    assert "model of GOBI, 10 hosts" not in checks(standin_root)


def test_a_model_of_the_user_counts(standin_root: Path) -> None:
    from cosco_splitplace.bridge.gobi_checkpoints import own_checkpoint

    file = own_checkpoint("energy_latency2_50")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x")
    try:
        assert "model of GOBI2, 50 hosts" not in checks(standin_root)
    finally:
        file.unlink()


def test_data_sets(standin_root: Path) -> None:
    name = "COSCO's data sets"
    assert checks(standin_root)[name].state == MISSING
    folder = standin_root / "simulator" / "workload" / "datasets" / "bitbrain"
    folder.mkdir(parents=True)
    assert f"remove {folder}, left by a failed download" in checks(standin_root)[name].remedy
    (folder / "rnd").mkdir()
    (folder / "rnd" / "1.csv").write_text("x")
    assert "Bitbrain: has traces, Azure 2017: no traces" in checks(standin_root)[name].found


def test_packages(standin_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = importlib.metadata.version

    def without_pandas(name: str) -> str:
        if name in ("pandas", "scikit-learn"):
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name) if name in ("torch", "numpy", "scipy", "matplotlib", "joblib") else "1.0"

    monkeypatch.setattr(importlib.metadata, "version", without_pandas)
    diagnosis = diagnose(inspect_checkout(standin_root))
    found = {one.name: one for one in diagnosis.checks}
    assert not diagnosis.can_run
    assert found["packages for SplitPlace"].remedy == f"{sys.executable} -m pip install pandas"
    assert (found["packages for COSCO's HGP"].state, found["packages for COSCO's HGP"].needed) == (MISSING, False)
    assert found["packages for COSCO by itself"].state == OK


def test_machine(standin_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    found = checks(standin_root)
    assert [found[one].state for one in ("LaTeX", "Docker", "CRIU", "InfluxDB")] == [MISSING] * 4
    assert found["InfluxDB"].found == "nothing listens at 127.0.0.1:1"
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(doctor, "_answer", lambda *command: "Version: 3.19\nGitID" if command[0] == "criu" else None)
    found = checks(standin_root)
    assert (found["Docker"].state, found["Docker"].found) == (PROBLEM, "its daemon does not answer")
    assert (found["CRIU"].state, found["CRIU"].found) == (OK, "Version: 3.19")


def test_only_this_machine_is_asked_for_a_database(standin_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = standin_root / "framework" / "config" / "VLAN_config.json"
    config.write_text(json.dumps({"database": {"ip": "192.0.2.1", "port": 8086}}))

    def refuse(*_: object) -> None:
        raise AssertionError("asked another machine")

    monkeypatch.setattr(doctor.socket, "create_connection", refuse)
    assert checks(standin_root)["InfluxDB"].found == "configured at 192.0.2.1:8086, which was not asked"


def test_names_that_are_taken(standin_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stats", ModuleType("stats"))
    found = checks(standin_root)["package names"]
    assert found.state == PROBLEM and "the module 'stats' is imported already" in found.found


def test_constants_that_need_the_program(standin_root: Path) -> None:
    file = standin_root / "main.py"
    file.write_text(file.read_text().replace("HOSTS = 2 * 5", "HOSTS = int(input())"))
    assert "HOSTS can't be read" in checks(standin_root)["main.py's constants"].found


# ---- the checkout ----


def test_where_a_checkout_is_looked_for(
    standin_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    monkeypatch.chdir(standin_root)
    assert open_checkout().root == standin_root
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckoutError, match=r"\(the current directory\) is not a COSCO"):
        open_checkout()
    monkeypatch.setenv(HOME_VARIABLE, str(standin_root))
    assert open_checkout().root == standin_root
    with pytest.raises(CheckoutError, match=r"\(as given\)"):
        open_checkout(tmp_path)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(CheckoutError, match=r"\(from COSCO_HOME\).*there is no folder"):
        open_checkout()


def test_what_differs_is_named(standin_root: Path) -> None:
    (standin_root / "stats" / "Stats.py").write_text("class Stats:\n    pass\n")
    (standin_root / "metrics" / "powermodels" / "PM.py").write_text("class PM(:\n")
    (standin_root / "simulator" / "host" / "RAM.py").unlink()
    lacking = inspect_checkout(standin_root).lacking
    assert "there is no simulator/host/RAM.py" in lacking
    assert any(one.startswith("stats/Stats.py: class Stats has no initStats, saveStats") for one in lacking)
    assert any(one.startswith("metrics/powermodels/PM.py does not parse (line 1: ") for one in lacking)


def test_all_that_is_needed_has_a_digest() -> None:
    assert set(INTERFACE) <= set(KNOWN_DIGESTS)


def test_changed_files(cosco_root: Path) -> None:
    if "stand-in" in os.environ.get("PYTEST_CURRENT_TEST", ""):
        assert set(changed_files(cosco_root)) == set(KNOWN_DIGESTS)
        return
    assert changed_files(cosco_root) == ()
    file = cosco_root / "simulator" / "Simulator.py"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert changed_files(cosco_root) == ()
    file.write_bytes(file.read_bytes() + b"\r\n")
    assert changed_files(cosco_root) == ("simulator/Simulator.py",)


def test_commit(standin_root: Path) -> None:
    assert commit_of(standin_root) is None
    (standin_root / ".git").mkdir()
    assert commit_of(standin_root) is None
