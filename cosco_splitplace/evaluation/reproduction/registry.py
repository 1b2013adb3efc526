"""Every experiment by name."""

from __future__ import annotations

from typing import List, Sequence

from ...errors import unknown_name
from . import appendix, ours, paper
from .experiment import Experiment

EVERYTHING = "all"
EXPERIMENTS = {one.name: one for part in (paper, appendix, ours) for one in part.EXPERIMENTS}


def chosen_experiments(names: Sequence[str]) -> List[Experiment]:
    """The experiments called so, each once, in the registry's order; "all" is all of them.

    Raises
    ------
    UnknownNameError
        A name is unknown; the message lists the known ones.
    """
    for name in names:
        if name not in EXPERIMENTS and name != EVERYTHING:
            known = [*EXPERIMENTS, EVERYTHING]
            raise unknown_name("experiment", name, known)
    return [one for one in EXPERIMENTS.values() if EVERYTHING in names or one.name in names]
