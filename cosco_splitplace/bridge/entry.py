"""What the hook line in COSCO's ``main.py`` calls: anchor, shims, and over to this plugin's own loop."""
from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, Optional, Sequence

from ..errors import SplitPlaceError
from .anchor import anchor
from .checkout import Checkout, inspect_checkout, open_checkout
from .shims import apply_shims

FAILED = 2  # as for the command cosco-splitplace
INTERRUPTED = 130  # what shells give for an end by Ctrl-C


def main(main_file: str) -> NoReturn:
    """Run this plugin in the checkout that `main_file` belongs to, and end the process with its exit code.

    The project's own errors become one line on standard error.
    """
    sys.exit(run_in(None, sys.argv[1:], main_file))


def run_in(path: Optional[str], arguments: Sequence[str], main_file: Optional[str] = None) -> int:
    """``python main.py ARGUMENTS`` without ``main.py``: also what ``cosco-splitplace run --cosco PATH`` does.

    Parameters
    ----------
    path : the checkout; None: that of `main_file`, else as `open_checkout` finds it.
    arguments : those of the command line, from ``--scheduler`` on.
    main_file : the ``main.py`` that is running.

    Returns
    -------
    The exit code.
    """
    try:
        checkout = _checkout_of(main_file) if main_file is not None else open_checkout(path)
        enter(checkout)
        hosted: Any = import_module("cosco_splitplace.framework_patches")  # late: it imports COSCO
        return int(hosted.main(list(arguments)) or 0)
    except SplitPlaceError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 there is no console yet
        return FAILED
    except KeyboardInterrupt:
        print("interrupted; nothing was finished", file=sys.stderr)  # noqa: T201
        return INTERRUPTED


def enter(checkout: Checkout) -> None:
    """Make `checkout` importable in this process: anchor and shims, in this order."""
    anchor(checkout.root)
    apply_shims(checkout.root)


def _checkout_of(main_file: str) -> Checkout:
    """The checkout of a running ``main.py``, which may be a link to or from elsewhere."""
    here = Path(main_file).absolute()
    for folder in (here.parent, here.resolve().parent):
        checkout = inspect_checkout(folder)
        if not checkout.lacking:
            return checkout
    return open_checkout(here.parent)  # which says what it lacks
