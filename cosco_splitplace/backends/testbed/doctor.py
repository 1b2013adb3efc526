"""What this machine has for a testbed, what is missing, and how to get it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import List, Optional

from ...datafiles import DATA_DIR
from .daemon import CRIU

SCRIPT = DATA_DIR / "deploy" / "setup-testbed-debian.sh"


@dataclass(frozen=True)
class Finding:
    """One thing that a testbed may need: whether it is there, what was found, what to do, and what it is for."""

    name: str
    there: bool
    found: str
    remedy: str
    needed_for: str


def examine() -> List[Finding]:
    """Everything, in the order in which one thing needs the other."""
    docker = _which("dockerd")
    tools = [one for one in ("ip", "tc", "nsenter") if _which(one) is None]
    return [
        Finding("processes", hasattr(os, "fork"), "fork works" if hasattr(os, "fork") else "no fork", "use a Unix",
                "the process engine"),
        Finding("root", os.geteuid() == 0, f"user {os.geteuid()}", "run it as root", "Docker, CRIU, --netns"),
        Finding("Docker Engine", docker is not None, _said(docker, "--version") or "dockerd is not installed",
                f"sudo {SCRIPT}", "--engine docker"),
        _criu(),
        Finding("namespaces", not tools, f"{', '.join(tools)} missing" if tools else "ip, tc and nsenter are there",
                "apt-get install iproute2 util-linux", "--netns"),
    ]


def _criu() -> Finding:
    criu = _which("criu")
    if criu is None:
        return Finding("CRIU", False, "criu is not installed", f"sudo {SCRIPT}", "live migration")
    done = subprocess.run([criu, "check"], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode == 0:
        return Finding("CRIU", True, f"{_said(criu, '--version')}: looks good on Linux {os.uname().release}", "",
                       "live migration")
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    version = _said(criu, "--version")
    return Finding(
        "CRIU", False, f"{version} fails on Linux {os.uname().release}: {reason}",
        f"a newer kernel needs a newer CRIU (4.1 works on Linux 6.18): sudo {SCRIPT}", "live migration",
    )


def _which(program: str) -> Optional[str]:
    return shutil.which(program, path=os.pathsep.join([str(CRIU), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


def _said(program: Optional[str], option: str) -> str:
    """The first line that a program says of itself."""
    if program is None:
        return ""
    done = subprocess.run([program, option], capture_output=True, text=True, check=False)  # noqa: S603
    return (done.stdout.strip().splitlines() or [""])[0]
