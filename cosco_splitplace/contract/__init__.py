"""What every decider, placer and backend owes the loop, as tests that can be run on one's own.

::

    COSCO_SPLITPLACE_DECIDERS=my_module:MyDecider pytest --pyargs cosco_splitplace.contract
    COSCO_SPLITPLACE_PLACERS=my_module:MyPlacer pytest --pyargs cosco_splitplace.contract
    COSCO_SPLITPLACE_BACKENDS=my_module:make_backend pytest --pyargs cosco_splitplace.contract

Several names are separated by commas. A backend's name is that of a function without arguments that returns one on
three hosts without mobility, or a context manager that gives one and ends what it started. Without any of these
variables the suite runs on all that are registered here.
"""
from __future__ import annotations

import os
from typing import Iterable, List

VARIABLES = tuple(f"COSCO_SPLITPLACE_{kind}" for kind in ("DECIDERS", "PLACERS", "BACKENDS"))


def under_test(kind: str, registered: Iterable[str]) -> List[str]:
    """The names to test of `kind` ("DECIDERS" ...): what its variable gives; `registered` if no variable is set."""
    if not any(os.environ.get(one) for one in VARIABLES):
        return list(registered)
    given = os.environ.get(f"COSCO_SPLITPLACE_{kind}", "")
    return [one.strip() for one in given.split(",") if one.strip()]
