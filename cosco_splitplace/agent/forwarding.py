"""Sends a fragment's payloads on to a fragment at another agent, one by one as they come, until all were taken."""

from __future__ import annotations

import logging
import threading
from typing import Callable

from ..errors import AgentRefusal
from .client import AgentClient, AgentSilent
from .spec import Target
from .transport import Payload, Transport

logger = logging.getLogger(__name__)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0  # between attempts; doubled each time; our choice


class Forwarder:
    """A thread that keeps one target supplied.

    Parameters
    ----------
    client : the target's agent.
    transport : how payloads get there.
    target : who takes them.
    chunks : how many there will be.
    available : waits until more than the given number are there, or `cancelled`; returns how many there are.
    payload : a payload by its number.
    acknowledged : told how many the target has taken.

    A target that is not there (it moves, or is not placed yet) or does not answer is tried again until the broker
    names another one. After each failure it is asked what it has, so that nothing is sent twice or left out.
    """

    def __init__(
        self,
        client: AgentClient,
        transport: Transport,
        target: Target,
        chunks: int,
        available: Callable[[int, threading.Event], int],
        payload: Callable[[int], Payload],
        acknowledged: Callable[[Target, int], None],
    ) -> None:
        self.target = target
        self._client, self._transport, self._chunks = client, transport, chunks
        self._available, self._payload, self._acknowledged = available, payload, acknowledged
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
                taken += self._transport.send(self._client, self.target.fragment, self._payload, taken, there)
                self._acknowledged(self.target, taken)
