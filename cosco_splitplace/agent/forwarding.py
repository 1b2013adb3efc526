"""Sends a fragment's payloads on to a fragment at another agent, one by one as they come, until all were taken."""

from __future__ import annotations

import logging
import threading
from typing import Callable, Tuple

from ..errors import AgentRefusal
from .client import AgentClient, AgentSilent
from .spec import Target

logger = logging.getLogger(__name__)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0  # between attempts; doubled each time; our choice


class Forwarder:
    """A thread that keeps one target supplied.

    Parameters
    ----------
    client : the target's agent.
    target : who takes them.
    chunks : how many there will be.
    available : waits until more than the given number are there, or `cancelled`; returns how many there are.
    content : a payload by its number, and its SHA-256.
    acknowledged : told how many the target has taken.

    A target that is not there (it moves, or is not placed yet) or does not answer is tried again until the broker
    names another one. After each failure it is asked what it has, so that nothing is sent twice or left out.
    """

    def __init__(
        self,
        client: AgentClient,
        target: Target,
        chunks: int,
        available: Callable[[int, threading.Event], int],
        content: Callable[[int], Tuple[bytes, str]],
        acknowledged: Callable[[Target, int], None],
    ) -> None:
        self.target = target
        self._client, self._chunks = client, chunks
        self._available, self._content, self._acknowledged = available, content, acknowledged
        self.cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"forward-{target.fragment}", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Send nothing more."""
        self.cancelled.set()

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self.cancelled.is_set():
            try:
                self._supply()
                return
            except (AgentSilent, AgentRefusal) as failure:
                logger.info("forwarding to %s: %s", self.target.fragment, failure)
            except OSError as error:  # the fragment's folder is gone
                logger.info("forwarding to %s ends: %s", self.target.fragment, error)
                return
            self.cancelled.wait(pause)
            pause = min(LONGEST_PAUSE_S, 2 * pause)

    def _supply(self) -> None:
        taken = self._client.received(self.target.fragment)
        self._acknowledged(self.target, taken)
        while taken < self._chunks:
            there = self._available(taken, self.cancelled)
            if self.cancelled.is_set():
                return
            while taken < there and not self.cancelled.is_set():
                content, sha256 = self._content(taken)
                self._client.put_input(self.target.fragment, taken, content, sha256)
                taken += 1
                self._acknowledged(self.target, taken)
