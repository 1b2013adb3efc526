"""Do branches of similar classes beat branches of random classes, and what do more branches give and cost?

For every seed a whole network is trained and tells which classes are alike; then, for every number of branches, one
split by likeness and one at random, from the same first weights and the same order of images: what differs is the
grouping. Every branch's memory is measured in a process of its own.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Dict, List, Optional, Sequence

import pandas as pd

from ...errors import require
from ...records import LAYER, SEMANTIC
from ...splitting.application_settings import ApplicationSettings, application_settings
from ...splitting.architectures import branch_network, branch_stages, whole_network
from ...splitting.artifacts import save_artifact
from ...splitting.costs import network_cost
from ...splitting.datasets import load_images
from ...splitting.network import Operator, build_network
from ...splitting.profiles import profile_artifact
from ...splitting.semantic_split import LEARNED, RANDOM, grouped_by_index
from ...splitting.split_network import BRANCHES, CHAIN, SplitNetwork
from ...splitting.split_training import (
    SemanticOptions,
    measured_accuracy,
    train_layer_split,
    train_semantic_split,
)
from ...threads import limited_threads
from ..pairing import bootstrap_interval
from .memory import MEMORY_BATCH, memory_row
from .units import Row, Unit

WHOLE = "whole"
DISTILLED = "learned, distilled"
ACCURACY_COLUMNS = ("application", "source", "seed", "branches", "grouping", "accuracy", "multiply_adds",
                    "parameters", "cpu_s", "class_groups")
PAIRED_COLUMNS = ("application", "branches", "learned", "random", "difference_points", "std_points", "low_points",
                  "high_points", "wins", "seeds")  # fmt: skip
MEMORY_COLUMNS = ("application", "branches", "branch", "multiply_adds", "parameters", "peak_rss_mb",
                  "network_rss_mb")  # fmt: skip


def semantic_units(
    application: str, branches: Sequence[int], seeds: Sequence[int], distill: bool, data_dir: Optional[str] = None
) -> List[Unit]:
    """The units of one application: one a seed.

    Raises
    ------
    ConfigurationError
        The application is unknown, or a number of branches is impossible for its classes.
    """
    settings = application_settings(application)
    for count in branches:
        require(
            1 <= count <= settings.n_classes,
            f"{count} branches for {application}: give 1 to {settings.n_classes}, the number of its classes",
        )
    given: Dict[str, Any] = {"application": application, "branches": list(branches), "distill": distill}
    return [
        Unit(f"{application}-seed{seed}", accuracy_rows, {**given, "seed": seed, "data_dir": data_dir})
        for seed in seeds
    ]


def memory_units(application: str, branches: Sequence[int]) -> List[Unit]:
    """The units that measure memory: one for the whole network, one for each number of branches."""
    return [Unit(f"{application}-memory-{count}", memory_rows, {"application": application, "branches": count})
            for count in (0, *branches)]


def accuracy_rows(
    application: str, branches: Sequence[int], seed: int, distill: bool, data_dir: Optional[str]
) -> List[Row]:
    """Accuracy and cost of the whole network and of every split, from one seed; one thread."""
    settings, images = application_settings(application), load_images(application, data_dir)
    with limited_threads(1):
        began = time.process_time()
        whole = train_layer_split(settings, images, seed)
        rows = [_row(settings, whole, seed, WHOLE, measured_accuracy(whole, images), time.process_time() - began)]
        for count in branches:
            for grouping, options in _arms(count, settings.n_classes, distill).items():
                began = time.process_time()
                split = train_semantic_split(settings, images, whole, count, seed, options=options)
                accuracy = measured_accuracy(split, images)
                rows.append(_row(settings, split, seed, grouping, accuracy, time.process_time() - began))
    return rows


def _arms(branches: int, n_classes: int, distill: bool) -> Dict[str, SemanticOptions]:
    """What is trained for a number of branches. One branch, or one a class, can be grouped in one way only."""
    arms = {LEARNED: SemanticOptions(LEARNED)}
    if 1 < branches < n_classes:
        arms[RANDOM] = SemanticOptions(RANDOM)
    if distill:
        arms[DISTILLED] = SemanticOptions(LEARNED, distill=True)
    return arms


def _row(
    settings: ApplicationSettings, network: SplitNetwork, seed: int, grouping: str, accuracy: float, cpu_s: float
) -> Row:
    chain = network.structure == CHAIN
    parts: Sequence[Sequence[Operator]] = [sum(network.operators, ())] if chain else network.operators
    costs = [network_cost(part, settings.image_shape) for part in parts]
    return {
        "application": settings.name, "source": network.source, "seed": seed, "branches": 0 if chain else len(parts),
        "grouping": grouping, "accuracy": accuracy, "multiply_adds": sum(one.multiply_adds for one in costs),
        "parameters": sum(one.parameters for one in costs), "cpu_s": round(cpu_s, 2),
        "class_groups": ["+".join(map(str, group)) for group in network.class_groups],
    }


def memory_rows(application: str, branches: int) -> List[Row]:
    """Peak memory of each branch (of the whole network for 0 branches) on MEMORY_BATCH images, in own processes.

    Memory does not depend on weights, so that fresh ones do.
    """
    settings = application_settings(application)
    with TemporaryDirectory() as folder:
        artifact = Path(folder) / "artifact"
        save_artifact(_untrained(settings, branches), artifact)
        profiled = profile_artifact(artifact, (1, MEMORY_BATCH))
    return [memory_row(one, {"application": application, "branches": branches, "branch": number})
            for number, one in enumerate(profiled)]


def _untrained(settings: ApplicationSettings, branches: int) -> SplitNetwork:
    groups = grouped_by_index(settings.n_classes, branches) if branches else ()
    stages = branch_stages(settings, branches) if branches else ()
    operators = tuple(branch_network(settings, stages, len(group)) for group in groups) or (whole_network(settings),)
    return SplitNetwork(settings.name, SEMANTIC if branches else LAYER, BRANCHES if branches else CHAIN, "none",
                        settings.image_shape, settings.n_classes, operators, tuple(map(build_network, operators)),
                        groups)


def paired_rows(frame: pd.DataFrame) -> List[Row]:
    """By application and number of branches: learned less random groups, seed by seed, in points of accuracy.

    Parameters
    ----------
    frame : the accuracy rows.
    """
    found = []
    for (application, branches), part in frame[frame["branches"] > 0].groupby(["application", "branches"], sort=False):
        by_seed = part.pivot(index="seed", columns="grouping", values="accuracy")
        if RANDOM not in by_seed:
            continue
        differences = ((by_seed[LEARNED] - by_seed[RANDOM]) * 100).to_numpy(dtype=float)
        low, high = bootstrap_interval(differences)
        found.append({
            "application": application, "branches": branches, "learned": float(by_seed[LEARNED].mean()),
            "random": float(by_seed[RANDOM].mean()), "difference_points": float(differences.mean()),
            "std_points": float(differences.std(ddof=1)) if len(differences) > 1 else float("nan"),
            "low_points": low, "high_points": high, "wins": int((differences > 0).sum()), "seeds": len(differences),
        })  # fmt: skip
    return found
