"""Real time, for backends of real hosts."""
from __future__ import annotations

import logging
import time
from typing import Callable

from .port import Clock

logger = logging.getLogger(__name__)


class WallClock(Clock):
    """Real time.

    Parameters
    ----------
    now, sleep : where it comes from and how it is waited for.
    elapsed_s : what has passed before, in a run that is gone on with.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        elapsed_s: float = 0.0,
    ) -> None:
        self._now, self._sleep, self._began = now, sleep, now() - elapsed_s

    @property
    def now_s(self) -> float:
        return self._now() - self._began

    def wait_until(self, time_s: float) -> None:
        late = self.now_s - time_s
        if late > 0:
            logger.warning("%.1f s late: deciding, or agents' answers, took longer than an interval", late)
        else:
            self._sleep(-late)
