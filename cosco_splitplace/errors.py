"""The project's own failures: every one is a :class:`SplitPlaceError`.

Bad arguments from a caller raise ``ValueError`` or ``TypeError``; what a user can mend (a setting, a file, a name)
raises one of these, with a message that says what came, what is allowed and what to do.
"""
from __future__ import annotations

from typing import Iterable, Type


class SplitPlaceError(Exception):
    """Base of all errors that this package raises on purpose."""


class ConfigurationError(SplitPlaceError, ValueError):
    """A setting is unknown, impossible or contradicts another one."""


class UnknownNameError(ConfigurationError):
    """A name was looked up that is not registered; the message lists those that are."""


class DataFileError(SplitPlaceError):
    """A data file is missing, damaged or of another version; the message names it and the command that makes it."""


class ResultExistsError(SplitPlaceError):
    """A result folder exists already; results are never overwritten."""


class InvariantError(SplitPlaceError):
    """A run broke a law of the system (work, bytes or tasks lost or made, precedence or capacity violated)."""


class CheckoutError(SplitPlaceError):
    """A COSCO checkout is not what we understand, or something in this process stands in its way."""


class PayloadError(SplitPlaceError):
    """A payload is not what its name, its size or its format promises."""


class AgentRefusal(SplitPlaceError):
    """An agent refuses a request: what came, what is allowed. ``status`` is the HTTP status that says so."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class EngineError(SplitPlaceError):
    """A process or container could not be started, checkpointed or restored."""


def require(condition: bool, message: str, error: Type[SplitPlaceError] = ConfigurationError) -> None:
    """Raise `error` with `message` unless `condition` holds."""
    if not condition:
        raise error(message)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """The error for a `name` that no `kind` has, listing the `known` ones."""
    return UnknownNameError(f"unknown {kind} {name!r}; known: {', '.join(sorted(known))}")
