"""How much work can a network do without? Accuracy, work and memory against how much of it pruning leaves."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import List, Optional, Sequence

from ...errors import ConfigurationError, require
from ...records import COMPRESSED
from ...splitting.application_settings import application_settings
from ...splitting.architectures import whole_network
from ...splitting.artifacts import save_artifact
from ...splitting.compression import share_for_work
from ...splitting.costs import network_cost
from ...splitting.datasets import load_images
from ...splitting.network import build_network
from ...splitting.profiles import profile_artifact
from ...splitting.split_network import CHAIN, SplitNetwork
from ...splitting.split_training import (
    measured_accuracy,
    prune_split,
    resplit_layers,
    train_compressed,
    train_layer_split,
)
from ...threads import limited_threads
from .memory import MEMORY_BATCH, memory_row
from .units import Row, Unit

ACCURACY_COLUMNS = ("application", "source", "seed", "asked_work", "work", "pruned_share", "fine_tuned", "accuracy",
                    "multiply_adds", "parameters")  # fmt: skip
MEMORY_COLUMNS = ("application", "asked_work", "multiply_adds", "parameters", "peak_rss_mb", "network_rss_mb")


def compression_units(
    application: str, works: Sequence[float], seeds: Sequence[int], data_dir: Optional[str] = None
) -> List[Unit]:
    """The units of one application: one a seed.

    Parameters
    ----------
    works : shares of the whole network's multiply-adds that are to be left.

    Raises
    ------
    ConfigurationError
        The application is unknown, or pruning can't leave so little.
    """
    settings = application_settings(application)
    require(len(set(works)) == len(works), f"shares of work {', '.join(map(str, works))} name one twice")
    try:
        for work in works:
            share_for_work(whole_network(settings), settings.image_shape, work)
    except ValueError as error:
        raise ConfigurationError(f"{application}: {error}") from None
    given = {"application": application, "works": list(works), "data_dir": data_dir}
    return [Unit(f"{application}-seed{seed}", accuracy_rows, {**given, "seed": seed}) for seed in seeds]


def memory_units(application: str, works: Sequence[float]) -> List[Unit]:
    """The unit that measures memory: of the whole network (work 1) and of every pruned one."""
    return [Unit(f"{application}-memory", memory_rows, {"application": application, "works": [1.0, *works]})]


def accuracy_rows(application: str, works: Sequence[float], seed: int, data_dir: Optional[str]) -> List[Row]:
    """Accuracy and cost of the whole network and of each pruned one, before and after fine-tuning; one thread."""
    settings, images = application_settings(application), load_images(application, data_dir)
    shape = settings.image_shape
    with limited_threads(1):
        whole = resplit_layers(train_layer_split(settings, images, seed), 1)
        total = network_cost(whole.operators[0], shape).multiply_adds

        def row(network: SplitNetwork, asked: float, share: float, fine_tuned: bool) -> Row:
            cost = network_cost(network.operators[0], shape)
            return {
                "application": application, "source": images.source, "seed": seed, "asked_work": asked,
                "work": cost.multiply_adds / total, "pruned_share": share, "fine_tuned": fine_tuned,
                "accuracy": measured_accuracy(network, images), "multiply_adds": cost.multiply_adds,
                "parameters": cost.parameters,
            }

        rows = [row(whole, 1.0, 0.0, False)]
        for work in works:
            share = share_for_work(whole.operators[0], shape, work)
            rows.append(row(prune_split(whole, share), work, share, False))
            rows.append(row(train_compressed(settings, images, whole, seed, pruned_share=share), work, share, True))
    return rows


def memory_rows(application: str, works: Sequence[float]) -> List[Row]:
    """Peak memory of the whole network and of each pruned one on MEMORY_BATCH images, in own processes.

    Memory does not depend on weights, so that fresh ones do.
    """
    settings = application_settings(application)
    operators = whole_network(settings)
    whole = SplitNetwork(application, COMPRESSED, CHAIN, "none", settings.image_shape, settings.n_classes, (operators,),
                         (build_network(operators),), ())
    rows = []
    for work in works:
        pruned = prune_split(whole, share_for_work(operators, settings.image_shape, work))
        with TemporaryDirectory() as folder:
            save_artifact(pruned, Path(folder) / "artifact")
            (profiled,) = profile_artifact(Path(folder) / "artifact", (1, MEMORY_BATCH))
        rows.append(memory_row(profiled, {"application": application, "asked_work": work}))
    return rows
