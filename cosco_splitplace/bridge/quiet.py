"""Calls into COSCO: in its folder, which it takes for the current one, and with what it prints going to the log."""
from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from pathlib import Path
from typing import Iterator, Optional

logger = logging.getLogger(__name__)


def anchored_root() -> Optional[Path]:
    """The checkout that COSCO's packages are tied to in this process, or None."""
    folders = list(getattr(sys.modules.get("scheduler"), "__path__", ()))
    return Path(folders[0]).parent if folders else None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Be in COSCO's folder meanwhile, and log what is printed: standard output holds our results only."""
    root, before, printed = anchored_root(), Path.cwd(), io.StringIO()
    try:
        if root is not None:
            os.chdir(root)
        with contextlib.redirect_stdout(printed):
            yield
    finally:
        os.chdir(before)
        for line in printed.getvalue().splitlines():
            logger.debug("COSCO: %s", line)
