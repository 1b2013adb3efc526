"""Processes of this machine; see the package for what ``execute`` promises."""

from __future__ import annotations

import logging
import warnings
from typing import Any, Callable, Iterator, List, Sequence, Tuple, Union

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import BrokenProcessPool

from ...errors import require
from . import Failure, Item, Result, attempt

logger = logging.getLogger(__name__)


def execute(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int, **options: Any
) -> Iterator[Tuple[int, Union[Result, Failure]]]:
    """One worker works in this process, more in processes of their own; there are no options."""
    require(not options, f"the joblib backend takes no {', '.join(sorted(options))}; it works on this machine")
    if workers == 1 or not items:
        yield from ((index, attempt(function, item)) for index, item in enumerate(items))
        return
    left = list(range(len(items)))
    try:
        for index, result in _in_processes(function, items, left, workers):
            left.remove(index)
            yield index, result
    except BrokenProcessPool as error:
        # a worker was killed, nobody knows by which item: do what is left one by one, each in a process of its own
        logger.warning("a worker process died (%s); going on with one at a time", type(error).__name__)
        for index in left:
            yield from _alone(function, items, index)


def _in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], chosen: List[int], workers: int
) -> Iterator[Tuple[int, Union[Result, Failure]]]:
    # joblib replaces a worker that has come to hold much memory, between two items; it warns, but nothing is lost
    warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given to the executor")
    pool = Parallel(n_jobs=max(2, min(workers, len(chosen))), return_as="generator_unordered", batch_size=1)
    yield from pool(delayed(_numbered)(function, index, items[index]) for index in list(chosen))


def _alone(
    function: Callable[[Item], Result], items: Sequence[Item], index: int
) -> Iterator[Tuple[int, Union[Result, Failure]]]:
    try:
        yield from _in_processes(function, items, [index], 2)
    except BrokenProcessPool:
        yield index, Failure("its worker process was killed (out of memory?)")


def _numbered(
    function: Callable[[Item], Result], index: int, item: Item
) -> Tuple[int, Union[Result, Failure]]:
    return index, attempt(function, item)
