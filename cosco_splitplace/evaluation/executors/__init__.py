"""Where a sweep's items are worked on: one module a backend, each with the same function.

``execute(function, items, workers, **options)`` yields ``(index of the item, result or Failure)`` as they complete, in
any order, each index once. ``function``, items and results must be picklable. A crash, or the death of a worker, is a
`Failure` of its item and stops nothing else; ``KeyboardInterrupt`` passes through, and so does what is wrong with the
backend itself (a ``SplitPlaceError``, before the first item).
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Callable, Iterator, Protocol, Sequence, Tuple, TypeVar, Union

from ...errors import unknown_name

Item = TypeVar("Item")
Result = TypeVar("Result")

BACKENDS = ("joblib", "ray")


@dataclass(frozen=True)
class Failure:
    """An item whose function raised, or whose worker died; ``trace`` is the traceback, empty where there is none."""

    error: str
    trace: str = ""


class Execute(Protocol):
    """What every backend's ``execute`` is."""

    def __call__(
        self, function: Callable[[Item], Result], items: Sequence[Item], workers: int, **options: Any
    ) -> Iterator[Tuple[int, Union[Result, Failure]]]: ...


def executor(backend: str) -> Execute:
    """The ``execute`` of a backend; it is imported only now, as it may need an extra.

    Raises
    ------
    UnknownNameError
        There is no such backend.
    """
    if backend not in BACKENDS:
        raise unknown_name("backend", backend, BACKENDS)
    execute: Execute = import_module(f".{backend}", __name__).execute
    return execute


def attempt(function: Callable[[Item], Result], item: Item) -> Union[Result, Failure]:
    """``function(item)``, in the worker; an exception becomes a `Failure`."""
    try:
        return function(item)
    except Exception as error:
        return Failure(f"{type(error).__name__}: {error}", traceback.format_exc())
