"""What there is on this machine and in a checkout, and what each absence means; nothing is changed or imported."""
from __future__ import annotations

import importlib.metadata
import ipaddress
import json
import platform
import shutil
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from ..errors import CheckoutError
from .anchor import clashes
from .checkout import SHOWN, Checkout, changed_files, commit_of
from .checkpoints import ModelFile, missing_models
from .constants import main_constants
from .hook import ABSENT, CURRENT, OLDER, hook_state
from .interface import KNOWN_COMMIT
from .shims import AZURE_2017, AZURE_2019, BITBRAIN, has_data

OK, MISSING, PROBLEM = "ok", "missing", "problem"
OLDEST_PYTHON = (3, 9)
COMMAND_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 0.5


@dataclass(frozen=True)
class Check:
    """One thing that was looked for.

    name : what it is.
    state : "ok", "missing" or "problem".
    found : what was found.
    means : what follows from its absence, empty if it is there.
    remedy : what to do then.
    needed : without it ``--scheduler SplitPlace`` can't run.
    """

    name: str
    state: str
    found: str
    means: str = ""
    remedy: str = ""
    needed: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """All checks of a checkout."""

    root: Path
    checks: Tuple[Check, ...]

    @property
    def can_run(self) -> bool:
        """Can SplitPlace run in this checkout with this Python?"""
        return not any(one.needed and one.state != OK for one in self.checks)

    def as_object(self) -> Dict[str, Any]:
        """For JSON."""
        return {"root": str(self.root), "can_run": self.can_run, "checks": [asdict(one) for one in self.checks]}


def diagnose(checkout: Checkout) -> Diagnosis:
    """Look at everything; a folder that is not COSCO is a finding too."""
    checks = [_python(), *_packages(), _source(checkout)]
    if not checkout.lacking:
        checks += [_names(checkout.root), _constants(checkout), _hook(checkout.root)]
        checks += [*_models(checkout.root), _data_sets(checkout.root)]
    checks += [_latex(), _docker(), _criu(), _influx(checkout.root)]
    return Diagnosis(checkout.root, tuple(checks))


# ---- this Python ----


def _python() -> Check:
    oldest = ".".join(map(str, OLDEST_PYTHON))
    fine = sys.version_info >= OLDEST_PYTHON
    found = f"{platform.python_version()} ({sys.executable})"
    remedy = "" if fine else f"use Python {oldest} or later"
    return Check("Python", OK if fine else PROBLEM, found, "" if fine else "it is too old", remedy, needed=True)


_RUNS = "SplitPlace can't run"
# what packages are for, the packages, what the absence of one means
_PACKAGES: Tuple[Tuple[str, Tuple[str, ...], str], ...] = (
    ("SplitPlace", ("torch", "numpy", "pandas", "scipy", "matplotlib", "joblib"), _RUNS),
    ("COSCO's HGP", ("scikit-learn",), "COSCO's HGP can't be used"),
    ("COSCO's framework", ("requests", "python-dateutil"), "-e VLAN and the like can't be used; the simulator can"),
    (
        "COSCO by itself", ("influxdb", "SciencePlots", "wget", "tqdm"),
        "python main.py without --scheduler stops at its imports; --scheduler does without (plots: matplotlib's look)",
    ),
)  # fmt: skip


def _packages() -> List[Check]:
    return [_package_group(*one) for one in _PACKAGES]


def _package_group(purpose: str, names: Tuple[str, ...], means: str) -> Check:
    versions = {name: _version(name) for name in names}
    missing = [name for name, version in versions.items() if version is None]
    found = ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items())
    name, needed = f"packages for {purpose}", means == _RUNS
    if not missing:
        return Check(name, OK, found, needed=needed)
    return Check(name, MISSING, found, means, f"{sys.executable} -m pip install {' '.join(missing)}", needed)


def _version(name: str) -> Optional[str]:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


# ---- the checkout ----


def _source(checkout: Checkout) -> Check:
    if checkout.lacking:
        return Check(
            "COSCO", PROBLEM, checkout.summary, "this plugin does not understand it",
            f"use a checkout of imperial-qore/COSCO (commit {KNOWN_COMMIT[:7]}) and make your edits there", needed=True,
        )  # fmt: skip
    commit = commit_of(checkout.root)
    changed = changed_files(checkout.root)
    found = f"commit {commit[:7]}" if commit else "no git repository of its own"
    if not changed:
        same = "" if commit == KNOWN_COMMIT else f", the files that matter are those of {KNOWN_COMMIT[:7]}"
        return Check("COSCO", OK, found + same, needed=True)
    edited = f"{len(changed)} files" if len(changed) > SHOWN else ", ".join(changed)
    return Check(
        "COSCO", OK, f"{found}; not as in {KNOWN_COMMIT[:7]}: {edited}",
        "all that is needed is there, but was not tested with these edits",
        f"if a run fails, compare with commit {KNOWN_COMMIT[:7]}", needed=True,
    )  # fmt: skip


def _names(root: Path) -> Check:
    found = clashes(root)
    if not found:
        return Check("package names", OK, "free", needed=True)
    return Check("package names", PROBLEM, "; ".join(found), _RUNS, "take that folder off the Python path", needed=True)


def _constants(checkout: Checkout) -> Check:
    try:
        read = main_constants(checkout.root)
    except CheckoutError as error:
        return Check("main.py's constants", PROBLEM, str(error), _RUNS, "set it to a plain value", needed=True)
    found = f"{read.intervals} intervals of {read.interval_s:g} s, {read.hosts} hosts, {read.containers} containers"
    return Check("main.py's constants", OK, found, needed=True)


def _hook(root: Path) -> Check:
    try:
        state = hook_state(root)
    except CheckoutError as error:
        return Check("hook in main.py", PROBLEM, str(error), "python main.py does not run", "mend main.py", needed=True)
    if state == CURRENT:
        return Check("hook in main.py", OK, "there")
    means = {
        ABSENT: "python main.py knows no --scheduler; cosco-splitplace run --cosco works without it",
        OLDER: "an older version's line, or not where it belongs",
    }[state]
    return Check("hook in main.py", MISSING, state, means, f"cosco-splitplace install {root}")


def _models(root: Path) -> List[Check]:
    missing = [one for one in missing_models(root) if not _trained_here(one)]
    if not missing:
        return [Check("trained models", OK, "all of COSCO's schedulers have theirs, for 10 and 50 hosts")]
    return [_missing_model(root, one) for one in missing]


def _trained_here(one: ModelFile) -> bool:
    """Has this user trained it with ``cosco-splitplace train gobi``?"""
    try:
        from .gobi_checkpoints import own_checkpoint  # late: it needs torch, whose absence is a finding
    except ImportError:
        return False
    return one.trainable and own_checkpoint(one.model).is_file()


def _missing_model(root: Path, one: ModelFile) -> Check:
    users = ", ".join(one.schedulers)
    means = f"{users} with {one.hosts} hosts would run untrained, which --scheduler refuses; SplitPlace needs none"
    if one.trainable:
        which = f" --scheduler {one.schedulers[0]}" if one.schedulers[0] != "GOBI" else ""
        remedy = f"cosco-splitplace train gobi --cosco {root}{which} --hosts {one.hosts}"
    else:
        remedy = f"take the file from COSCO's repository (commit {KNOWN_COMMIT[:7]})"
    return Check(f"model of {one.schedulers[0]}, {one.hosts} hosts", MISSING, f"no {one.file}", means, remedy)


def _data_sets(root: Path) -> Check:
    folders = {"Bitbrain": BITBRAIN, "Azure 2017": AZURE_2017, "Azure 2019": AZURE_2019}
    missing = {name: folder for name, folder in folders.items() if not has_data(root, folder)}
    found = ", ".join(f"{name}: {'no' if name in missing else 'has'} traces" for name in folders)
    if not missing:
        return Check("COSCO's data sets", OK, found)
    remedy = "COSCO downloads them when python main.py without --scheduler builds a workload that uses them"
    left = [str(one) for one in (root / Path(*Path(folder).parts[:4]) for folder in missing.values()) if one.is_dir()]
    if left:
        remedy = f"remove {' and '.join(left)}, left by a failed download; {remedy}"
    means = "COSCO's own workloads need them; --scheduler has a workload that does not"
    return Check("COSCO's data sets", MISSING, found, means, remedy)


# ---- the machine ----


def _latex() -> Check:
    found = shutil.which("latex")
    if found:
        return Check("LaTeX", OK, found)
    means = "COSCO's grapher.py and training plots need it; plots under --scheduler do not"
    return Check("LaTeX", MISSING, "no latex on the path", means, "install TeX Live, or leave it")


def _docker() -> Check:
    remedy = "install Docker and let this user use it, or run without -e; fragments can run as plain processes too"
    means = "containers can't run on this machine; the simulator does not need them"
    if shutil.which("docker") is None:
        return Check("Docker", MISSING, "no docker on the path", means, remedy)
    version = _answer("docker", "version", "--format", "{{.Server.Version}}")
    if version is None:
        return Check("Docker", PROBLEM, "its daemon does not answer", means, remedy)
    return Check("Docker", OK, version)


def _criu() -> Check:
    if shutil.which("criu") is None:
        means = "running containers can't be migrated with their state on this machine; the simulator does not need it"
        return Check("CRIU", MISSING, "no criu on the path", means, "install criu on the hosts of a testbed")
    return Check("CRIU", OK, (_answer("criu", "--version") or "there").splitlines()[0])


def _influx(root: Path) -> Check:
    host, port = _database(root)
    where = f"{host}:{port}"
    means = "COSCO's own framework stores its measurements there; --scheduler uses files"
    if not _is_loopback(host):
        return Check("InfluxDB", OK, f"configured at {where}, which was not asked")
    try:
        socket.create_connection((host, port), CONNECT_TIMEOUT_S).close()
    except OSError:
        remedy = "start influxd (1.8) if you use COSCO's framework without --scheduler"
        return Check("InfluxDB", MISSING, f"nothing listens at {where}", means, remedy)
    return Check("InfluxDB", OK, f"something listens at {where}")


def _database(root: Path) -> Tuple[str, int]:
    try:
        with open(root / "framework" / "config" / "VLAN_config.json", encoding="utf-8") as stream:
            database = json.load(stream)["database"]
        return str(database["ip"]), int(database["port"])
    except (OSError, ValueError, KeyError, TypeError):
        return "127.0.0.1", 8086


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _answer(*command: str) -> Optional[str]:
    """What a command prints, None if it fails or takes too long."""
    try:
        answer = subprocess.run(  # noqa: S603 fixed commands
            command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
