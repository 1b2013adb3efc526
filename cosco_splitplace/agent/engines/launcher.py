"""The process that fragments are forked from: torch is loaded once, a fragment then starts in 10 ms instead of 3 s.

Started by the process engine. On standard input come JSON lines ``{"name", "work", "memory_mb", "cores"}``, on
standard output go ``{"name", "pid"}`` when a fragment was started and ``{"name", "pid", "code"}`` when it ended. It
ends with its input, and takes all fragments with it. With ``--freezable`` every workspace is shown at a place where
CRIU finds it again on any host (`freezing`).
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import selectors
import signal
import sys
from pathlib import Path
from typing import Any, Dict

import torch

from .. import runtime
from .freezing import KILLED, make_places, remove_place, show_at_its_place

PR_SET_PDEATHSIG = 1
LOADED_MB = 1024  # address space that torch's private data takes before any work; measured: 600 MB


def main(freezable: bool) -> None:
    """Serve standard input until it ends."""
    torch.set_num_threads(1)
    if freezable:
        make_places()
    names: Dict[int, str] = {}
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    ready = selectors.DefaultSelector()
    ready.register(sys.stdin.fileno(), selectors.EVENT_READ, "orders")
    ready.register(wake_read, selectors.EVENT_READ, "ended")
    rest = b""
    while True:
        for key, _ in ready.select():
            if key.data == "ended":
                os.read(wake_read, 4096)
                _reap(names, freezable)
                continue
            came = os.read(sys.stdin.fileno(), 65536)
            if not came:
                return
            *lines, rest = (rest + came).split(b"\n")
            for line in lines:
                order = json.loads(line)
                if freezable:
                    order["work"] = str(show_at_its_place(order["name"], Path(order["work"])))
                pid = os.fork()
                if pid == 0:
                    _become(order)
                names[pid] = order["name"]
                _say(name=order["name"], pid=pid)


def _reap(names: Dict[int, str], freezable: bool) -> None:
    while names:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        code = os.waitstatus_to_exitcode(status)
        name = names.pop(pid)
        if freezable:
            remove_place(name)
        _say(name=name, pid=pid, code=KILLED - code if code < 0 else code)


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _become(order: Dict[str, Any]) -> None:
    """The child: cut loose from the launcher, limited, and then the runtime."""
    code = runtime.FAILED
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        work = Path(order["work"])
        nothing = os.open(os.devnull, os.O_RDONLY)
        log = os.open(work / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.closerange(3, 1024)
        os.chdir(work)
        os.sched_setaffinity(0, order["cores"])
        most = (order["memory_mb"] + LOADED_MB) * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NPROC, (4096, 4096))
        code = runtime.main([str(work)])
    finally:
        os._exit(code)


if __name__ == "__main__":
    main("--freezable" in sys.argv[1:])
