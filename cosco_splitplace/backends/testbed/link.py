"""The broker's link to one agent: it listens for what changes, knows whether the agent is alive, and gives it jobs."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Callable, Dict

from ...agent.client import AgentClient, AgentSilent
from ...errors import AgentRefusal

logger = logging.getLogger(__name__)
AT_ONCE = 4  # jobs that one agent is busy with
AGAIN_S = 1.0  # between two attempts to reach a silent agent
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0


class AgentLink:
    """See the module.

    Parameters
    ----------
    index : the host's.
    client : the agent's.
    lease_s : how long it may be silent before it is taken for gone.
    told : called with (host, what it told, when that was asked by the monotonic clock).
    gone, back : called with the host when its lease ends, and when it answers again.
    """

    def __init__(
        self,
        index: int,
        client: AgentClient,
        lease_s: float,
        told: Callable[[int, Dict[str, Any], float], None],
        gone: Callable[[int, str], None],
        back: Callable[[int], None],
    ) -> None:
        self.index, self.client, self.lease_s = index, client, lease_s
        self._told, self._gone, self._back = told, gone, back
        self.up = False
        self.greeted = threading.Event()
        self.closed = threading.Event()
        self.now: Dict[str, float] = {}
        self.trouble = "it has not answered yet"
        self._jobs = ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"agent-{index}")
        self._thread = threading.Thread(target=self._watch, name=f"watch-{index}", daemon=True)

    def open(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """Listen no more; jobs that are under way end at their next failure."""
        self.closed.set()
        self._jobs.shutdown(wait=False, cancel_futures=True)

    def do(self, job: Callable[[], None], wanted: Callable[[], bool], refused: Callable[[AgentRefusal], None]) -> None:
        """Do `job` in a thread, again and again while the agent is silent and it is still `wanted`."""
        if not self.closed.is_set():
            self._jobs.submit(self._try, job, wanted, refused)

    def _try(
        self, job: Callable[[], None], wanted: Callable[[], bool], refused: Callable[[AgentRefusal], None]
    ) -> None:
        pause = FIRST_PAUSE_S
        while wanted() and not self.closed.is_set():
            try:
                job()
                return
            except AgentSilent as silence:
                logger.info("%s", silence)
            except AgentRefusal as refusal:
                refused(refusal)
                return
            except Exception:
                if not self.closed.is_set():
                    logger.exception("a job for host %d", self.index)
                return
            self.closed.wait(pause)
            pause = min(LONGEST_PAUSE_S, 2 * pause)

    def _watch(self) -> None:
        incarnation, since, heard = "", -1, time.monotonic()
        while not self.closed.is_set():
            asked = time.monotonic()
            try:
                told = self.client.notifications(incarnation, since, self.lease_s / 3)
                incarnation, since, self.now = str(told["incarnation"]), int(told["version"]), told["host"]
            except (AgentSilent, AgentRefusal, KeyError, TypeError, ValueError) as failure:
                self.trouble = str(failure) or type(failure).__name__
                if self.up and time.monotonic() - heard > self.lease_s:
                    self.up = False
                    self._report(lambda: self._gone(self.index, self.trouble))
                self.closed.wait(AGAIN_S)
                continue
            heard = time.monotonic()
            if not self.up:
                self.up = True
                self._report(lambda: self._back(self.index))
            self.greeted.set()
            self._report(partial(self._told, self.index, told, asked))

    def _report(self, what: Callable[[], None]) -> None:
        """Tell the backend; when it is being closed it may not listen any more."""
        try:
            what()
        except Exception:
            if not self.closed.is_set():
                logger.exception("what host %d told", self.index)
