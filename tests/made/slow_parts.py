"""A decider of one's own (``module:Name``) that waits in its fourth interval, so that a test can interrupt it there."""
from __future__ import annotations

import os
import time
from pathlib import Path
from typing import List, Sequence

from cosco_splitplace.deciders import DeciderSetup
from cosco_splitplace.deciders.fixed import SemanticDecider
from cosco_splitplace.records import Decision, Task


class SlowDecider(SemanticDecider):
    """Semantic; with SLOW_MARK set it writes that file in interval 3 and then waits for Ctrl-C."""

    def __init__(self, setup: DeciderSetup) -> None:
        super().__init__(setup)
        self._mark = os.environ.get("SLOW_MARK")

    def decide(self, tasks: Sequence[Task], interval: int) -> List[Decision]:
        if self._mark and interval == int(os.environ.get("SLOW_INTERVAL", "3")):
            Path(self._mark).write_text("waiting")
            time.sleep(60)
        return super().decide(tasks, interval)
