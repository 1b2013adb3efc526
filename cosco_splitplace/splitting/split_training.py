"""From images to trained networks: the whole one cut into a chain, the semantic branches, and the compressed one."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable

import numpy as np
import torch

from ..records import COMPRESSED, LAYER, SEMANTIC
from ..threads import limited_threads
from .application_settings import ApplicationSettings
from .architectures import branch_network, branch_stages, whole_network
from .compression import pruned_network
from .datasets import ImageSet
from .layer_split import split_layers
from .network import Operator, build_network
from .semantic_split import BranchedNetwork, class_similarity, group_classes
from .split_network import BRANCHES, CHAIN, SplitNetwork
from .training import accuracy_of, fine_tune_classifier, train_classifier

__all__ = ["measured_accuracy", "resplit_layers", "train_compressed", "train_layer_split", "train_semantic_split"]

logger = logging.getLogger(__name__)

OnStep = Callable[[int, int], None]


def train_layer_split(
    settings: ApplicationSettings, images: ImageSet, seed: int, on_step: OnStep | None = None
) -> SplitNetwork:
    """Train the whole network and cut it into the application's number of layer fragments."""
    operators = whole_network(settings)
    whole = build_network(operators)
    train_classifier(whole, images.train_images, images.train_labels, settings.training[LAYER],
                     _generator(seed, settings.name, LAYER), on_step)
    uncut = SplitNetwork(settings.name, LAYER, CHAIN, images.source, settings.image_shape, settings.n_classes,
                         (operators,), (whole,), (), images.held_out_sha256())
    return resplit_layers(uncut, settings.layer_fragments)


def resplit_layers(network: SplitNetwork, fragments: int) -> SplitNetwork:
    """The same trained chain in another number of fragments; the weights are not touched.

    Raises ValueError for what is no chain, and with the possible range for an impossible number.
    """
    if network.structure != CHAIN:
        raise ValueError(f"only a chain can be cut again, got {network.structure}")
    operators, whole = _uncut(network)
    parts = split_layers(operators, network.image_shape, fragments)
    edges = np.cumsum([0, *map(len, parts)])
    modules = tuple(torch.nn.Sequential(*list(whole)[start:end]) for start, end in zip(edges, edges[1:]))
    return dataclasses.replace(network, operators=parts, fragments=modules, artifact_hash="")


def train_semantic_split(
    settings: ApplicationSettings, images: ImageSet, whole: SplitNetwork, n_branches: int, seed: int,
    on_step: OnStep | None = None,
) -> SplitNetwork:
    """Group the classes by what the trained ``whole`` network takes for alike, and train a branch for each group.

    The branches share nothing; they are trained together, with one cross entropy over all their logits.
    """
    likeness = class_similarity(whole.logits(images.train_images), images.train_labels)
    groups = group_classes(likeness, n_branches)
    stages = branch_stages(settings, n_branches)
    operators = tuple(branch_network(settings, stages, len(group)) for group in groups)
    branches = [build_network(branch) for branch in operators]
    train_classifier(BranchedNetwork(branches, groups), images.train_images, images.train_labels,
                     settings.training[SEMANTIC], _generator(seed, settings.name, f"semantic-{n_branches}"), on_step)
    return SplitNetwork(settings.name, SEMANTIC, BRANCHES, images.source, settings.image_shape, settings.n_classes,
                        operators, tuple(branches), groups, images.held_out_sha256())


def train_compressed(
    settings: ApplicationSettings, images: ImageSet, whole: SplitNetwork, seed: int, on_step: OnStep | None = None
) -> SplitNetwork:
    """Prune the trained ``whole`` network, make it physically smaller and fine-tune what is left: one fragment."""
    operators, module = pruned_network(*_uncut(whole), settings.image_shape[0], settings.pruned_share)
    fine_tune_classifier(module, images.train_images, images.train_labels, settings.training[COMPRESSED],
                         _generator(seed, settings.name, COMPRESSED), on_step)
    return dataclasses.replace(whole, split=COMPRESSED, operators=(operators,), fragments=(module,), artifact_hash="")


def measured_accuracy(network: SplitNetwork, images: ImageSet) -> float:
    """Share of the held-out images that the fragments, really run, classify rightly (on one thread: sums in another
    order could change an answer)."""
    with limited_threads(1):
        accuracy = accuracy_of(network.logits(images.test_images), images.test_labels)
    logger.info("%s %s: accuracy %.4f on %d held-out images (%s)", network.application, network.split, accuracy,
                len(images.test_labels), images.source)
    return accuracy


def _uncut(network: SplitNetwork) -> tuple[tuple[Operator, ...], torch.nn.Sequential]:
    """A chain's operators and modules in one piece."""
    modules = (module for fragment in network.fragments for module in fragment.children())
    return sum(network.operators, ()), torch.nn.Sequential(*modules)


def _generator(seed: int, *names: str) -> torch.Generator:
    """A stream of its own for each network, so that training one of them never changes another."""
    entropy = [seed, *"/".join(names).encode("utf-8")]
    state = np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
