"""The port between an agent and what runs its fragments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

Exited = Callable[[str, int, str], None]  # a fragment's name, its exit code, and why if the engine knows


@dataclass(frozen=True)
class Limits:
    """What a fragment may take of its host."""

    memory_mb: int
    cpus: float


@dataclass(frozen=True)
class Usage:
    """What a fragment takes now: CPU seconds since it began, resident memory."""

    cpu_s: float
    rss_mb: float


class Engine(ABC):
    """Runs the runtime in workspaces. Names are unique among those that run.

    ``exited`` is set by the agent and is called, from any thread, once for each runtime that ended by itself or was
    killed; not for one that ``stop`` or ``checkpoint`` ended.
    """

    name: str
    live_migration: bool  # can a running fragment be frozen here and go on elsewhere?
    exited: Exited

    @abstractmethod
    def start(self, name: str, work: Path, limits: Limits) -> None:
        """Start the runtime in `work`. Raises `EngineError`."""

    @abstractmethod
    def stop(self, name: str, grace_s: float = 0.0) -> None:
        """End it, after its micro-batch if that takes no longer than `grace_s`; what is not there is no error."""

    @abstractmethod
    def usage(self, name: str) -> Usage:
        """What it takes; zeros if it is not there."""

    @abstractmethod
    def checkpoint(self, name: str, folder: Path) -> None:
        """Freeze it: its memory goes into `folder`, and it ends here. Raises `EngineError`; it then goes on."""

    @abstractmethod
    def restore(self, name: str, work: Path, limits: Limits, folder: Path) -> None:
        """Go on with what `checkpoint` froze, here or elsewhere. Raises `EngineError`."""

    @abstractmethod
    def missing(self) -> str:
        """What is missing for it to work on this host, and how to get it; empty if nothing is."""

    @abstractmethod
    def close(self) -> None:
        """End all that runs."""
