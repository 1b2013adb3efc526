"""Options of ``cosco-splitplace split`` that belong to semantic and compressed splits."""

from __future__ import annotations

from typing import Any, Dict, Optional

import click

from ..errors import require
from ..records import SEMANTIC
from ..splitting.semantic_split import GROUPINGS, LEARNED
from ..splitting.split_training import SemanticOptions
from .common import F

CLASS_OPTIONS = ("groups", "grouping", "stem", "distill", "work")


def class_split_options(command: F) -> F:
    """``--groups --grouping --stem --distill --work``; ``split_arguments`` makes arguments of them."""
    options = (
        click.option("--groups", type=int, help="Branches of a semantic split, each with a group of classes."),
        click.option(
            "--grouping", type=click.Choice(GROUPINGS), default=LEARNED, show_default=True,
            help="Classes that look alike to the trained network share a branch; others are for comparison.",
        ),
        click.option(
            "--stem", type=int, default=0, show_default=True, help="Stages that all branches share (the tree form)."
        ),
        click.option("--distill", is_flag=True, help="Branches learn from the whole network's answers, too."),
        click.option("--work", type=float, help="Compressed: share of the multiply-adds to leave, e.g. 0.5."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def split_arguments(
    strategy: str, fragments: Optional[int], groups: Optional[int], grouping: str, stem: int, distill: bool,
    work: Optional[float],
) -> Dict[str, Any]:  # fmt: skip
    """Arguments of ``split_application``; raises ConfigurationError for options that contradict one another."""
    require(groups is None or strategy == SEMANTIC, f"--groups belongs to --strategy {SEMANTIC}, not to {strategy}")
    require(groups is None or fragments is None, "--groups and --fragments both say how many; give one of them")
    return {
        "fragments": fragments if groups is None else groups,
        "options": SemanticOptions(grouping, stem, distill), "work": work,
    }  # fmt: skip
