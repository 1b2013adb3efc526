"""How long the simulator says that a profiled split takes on the machine that it was profiled on.

A profile says how fast the machine works through the multiply-adds of this very network (``machine_mips``), which
depends on the network: a narrow layer is slower than a wide one. The simulator's engine is then asked what becomes of a
task on one such host, fragment after fragment as in the paper's chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy as np

from ..arrivals.catalogue import SplitProfile
from ..backends.simulated.engine import Engine
from ..cluster import POWER_POINTS, Cluster
from ..config import EngineSettings, FragmentSettings
from ..fragments.workflow import make_fragments
from ..records import StartOrder, Task, Transfer
from ..splitting.profiles import ProfiledFragment

_LONG_S = 1e9  # later than anything ends
_NO_LIMIT = 1e12  # of memory and links: this is about computing


@dataclass(frozen=True)
class Prediction:
    """What the engine says: seconds in which fragments compute, and the work that they do (million instructions)."""

    seconds: float
    work_mi: float


def machine_mips(profiled: Sequence[ProfiledFragment], batch: int, settings: FragmentSettings, cpu: bool) -> float:
    """Million instructions a second that the machine did on this artifact's fragments together, `batch` images at once.

    Parameters
    ----------
    cpu : by CPU seconds, which other programs disturb less; else by the median of wall-clock seconds.
    """
    work = sum(one.costs.multiply_adds for one in profiled) * batch * settings.instructions_per_multiply_add / 1e6
    timings = [one.at(batch) for one in profiled]
    return work / sum((one.cpu_ms if cpu else one.latency_ms) / 1e3 for one in timings)


def predict(split: SplitProfile, images: int, mips: float, settings: FragmentSettings) -> Prediction:
    """The engine's answer for a task of `images`, alone on one host of `mips` (of one core, which a fragment gets)."""
    task = Task(0, "", images, 1, 0, 0)
    seconds = work_mi = 0.0
    for fragment in make_fragments(task, split, settings, 0):
        engine = Engine(_one_host(mips), settings, EngineSettings())
        engine.start([StartOrder(fragment, 0)])
        engine.send([Transfer(fragment.fragment_id, engine.broker, 0, fragment.input_mb)])
        engine.advance(_LONG_S)
        times = engine.times(fragment.fragment_id)
        seconds += times.finished_s - times.started_s
        work_mi += times.work_done_mi
    return Prediction(seconds, work_mi)


def _one_host(mips: float) -> Cluster:
    one = np.ones(1)
    return Cluster(
        host_types=("profiled",), cores=one, mips=mips * one, ram_mb=_NO_LIMIT * one, ping_s=0 * one,
        link_mb_s=_NO_LIMIT * one, price_usd_h=one, power_w=np.ones((1, POWER_POINTS)), broker_link_mb_s=_NO_LIMIT,
        broker_ping_s=0.0,
    )  # fmt: skip
