"""A real short run that several tests look at."""
from __future__ import annotations

import pytest

from cosco_splitplace.config import Settings
from cosco_splitplace.records import RunResult
from cosco_splitplace.simulation import simulate


@pytest.fixture(scope="session")
def short_run() -> RunResult:
    """Layer and semantic splits on 10 hosts that have to swap at times; some tasks are still there at its end."""
    settings = Settings().replace(
        run={"decider": "random", "placer": "least-loaded", "intervals": 24, "seed": 1, "drain_intervals": 0},
        cluster={"hosts": 10},
        arrivals={"rate": 4.0},
    )
    return simulate(settings)
