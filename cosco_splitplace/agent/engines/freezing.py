"""CRIU for processes: a fragment's process is frozen into files, and goes on from them on this host or another.

A process can only go on where every file that it has open lies at the same path. A fragment's workspace therefore
appears to it at a place of its own below `PLACES`, in a mount namespace that nobody else sees, whatever the folder of
the agent is; and as its process number may be taken elsewhere, it goes on in a namespace of numbers, too::

    python -m cosco_splitplace.agent.engines.freezing NAME WORK IMAGES CRIU CORES   makes both and becomes CRIU, which
    python -m cosco_splitplace.agent.engines.freezing wait                          becomes this, once the fragment runs

The second prints ``restored``, ends with the fragment's exit code, and ends the fragment when its standard input ends.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import List

from ...errors import EngineError

PLACES = Path("/run/cosco-splitplace")
MS_BIND = 0x1000
OWN_MOUNTS = ["unshare", "--mount", "--propagation", "private", "--"]
OWN_NUMBERS = [
    "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "--",
]
ANSWER_S = 120.0
RESTORED = "restored"
KILLED = 128  # a process that signal n ended has exit code KILLED + n
DUMP_LOG, RESTORE_LOG = "criu-dump.log", "criu-restore.log"


def missing_for_freezing() -> str:
    """What this host lacks, and how to get it; empty if nothing."""
    if os.geteuid() != 0:
        return "freezing needs root"
    for tool in ("criu", "unshare", "nsenter"):
        if shutil.which(tool) is None:
            return f"there is no {tool} on the PATH; setup-testbed-debian.sh installs it"
    done = subprocess.run(["criu", "check"], capture_output=True, text=True, check=False)  # noqa: S607
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return f"criu check fails ({reason}); setup-testbed-debian.sh installs one that works"
    return ""


def make_places() -> None:
    """An empty `PLACES` for this mount namespace alone."""
    _mount("tmpfs", PLACES, "tmpfs", 0)


def show_at_its_place(name: str, work: Path) -> Path:
    """Let the workspace appear at its place; returns that."""
    place = PLACES / name
    place.mkdir()
    _mount(str(work), place, "", MS_BIND)
    return place


def remove_place(name: str) -> None:
    """The workspace is needed there no more."""
    ctypes.CDLL(None).umount2(os.fsencode(PLACES / name), 2)  # MNT_DETACH
    (PLACES / name).rmdir()


def freeze(pid: int, folder: Path) -> None:
    """Freeze the process into `folder` and end it.

    Raises
    ------
    EngineError
        CRIU can't; the process goes on.
    """
    inner = _number_within(pid)
    command = ["nsenter", "--target", str(pid), "--mount", "--pid", _criu(), "dump", "--tree", str(inner)]
    _run([*command, "--images-dir", str(folder), "--log-file", DUMP_LOG, "-v2"], folder / DUMP_LOG)


def thawing(name: str, work: Path, folder: Path, cores: List[int]) -> List[str]:
    """The command that goes on with what `freeze` put into `folder`, in the workspace `work`."""
    what = [name, str(work), str(folder), _criu(), ",".join(map(str, cores))]
    return [*OWN_NUMBERS, sys.executable, "-m", __name__, *what]


def why_not_thawed(folder: Path) -> str:
    """The first error in CRIU's log."""
    return _first_error(folder / RESTORE_LOG)


def _criu() -> str:
    found = shutil.which("criu")
    if found is None:
        raise EngineError("there is no criu on the PATH any more")
    return found


def _number_within(pid: int) -> int:
    """The number of a process within its own namespace."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    except OSError:
        pass
    raise EngineError("its process is gone")


def _run(command: List[str], log: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=ANSWER_S, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"CRIU did not end within {ANSWER_S:g} s") from None
    if done.returncode:
        raise EngineError(f"CRIU can't freeze it: {_first_error(log) or done.stderr.strip()[-300:]}")


def _first_error(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    # the first is a warning about a limit that CRIU may not raise, and does not need
    errors = [one for one in lines if "Error" in one and "RLIMIT_NOFILE" not in one]
    return errors[0].strip()[:300] if errors else ""


def _mount(source: str, target: Path, kind: str, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(os.fsencode(source), os.fsencode(target), kind.encode("ascii") or None, flags, None):
        raise OSError(ctypes.get_errno(), f"{target} can't be mounted: {os.strerror(ctypes.get_errno())}")


def _become_criu(name: str, work: str, folder: str, criu: str, cores: str) -> None:
    os.sched_setaffinity(0, [int(one) for one in cores.split(",")])
    make_places()
    show_at_its_place(name, Path(work))
    command = [criu, "restore", "--images-dir", folder, "--log-file", RESTORE_LOG, "-v2", "--exec-cmd", "--"]
    os.execv(criu, [*command, sys.executable, "-m", __spec__.name, "wait"])  # noqa: S606


def _wait() -> int:
    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.stdout.write(f"{RESTORED}\n")
    sys.stdout.flush()
    _, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    return KILLED - code if code < 0 else code


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    if sys.argv[1:] == ["wait"]:
        sys.exit(_wait())
    _become_criu(*sys.argv[1:])
