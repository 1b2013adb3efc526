"""From images to trained networks: the whole one cut into a chain, the semantic branches, and the compressed one."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import ConfigurationError, unknown_name
from ..records import COMPRESSED, LAYER, SEMANTIC
from ..threads import limited_threads
from .application_settings import ApplicationSettings
from .architectures import branch_network, branch_stages, stem_length, whole_network
from .compression import pruned_network
from .datasets import ImageSet
from .distillation import distillation_loss
from .layer_split import split_layers
from .network import Operator, build_network
from .semantic_split import (
    GROUPINGS,
    INDEX,
    LEARNED,
    RANDOM,
    BranchedNetwork,
    class_similarity,
    group_classes,
    grouped_by_index,
    grouped_randomly,
)
from .split_network import BRANCHES, CHAIN, SplitNetwork
from .training import accuracy_of, fine_tune_classifier, label_loss, train_classifier

__all__ = ["AS_SHIPPED", "SemanticOptions", "measured_accuracy", "prune_split", "resplit_layers",
           "train_compressed", "train_layer_split", "train_semantic_split"]

logger = logging.getLogger(__name__)

OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class SemanticOptions:
    """How the branches of a semantic split are made.

    ``grouping``: which classes share a branch (one of GROUPINGS). ``stem_stages``: how many first stages all branches
    share (the tree form); every branch's artifact has a copy of them, so that it runs anywhere without the others.
    ``distill``: learn from the whole network's answers, too.
    """

    grouping: str = LEARNED
    stem_stages: int = 0
    distill: bool = False

    def __post_init__(self) -> None:
        if self.grouping not in GROUPINGS:
            raise unknown_name("grouping", self.grouping, GROUPINGS)


AS_SHIPPED = SemanticOptions()


def train_layer_split(
    settings: ApplicationSettings, images: ImageSet, seed: int, on_step: OnStep | None = None
) -> SplitNetwork:
    """Train the whole network and cut it into the application's number of layer fragments.

    Raises ConfigurationError for images whose classes are not the application's.
    """
    _refuse_other_classes(settings, images)
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
    on_step: OnStep | None = None, options: SemanticOptions = AS_SHIPPED,
) -> SplitNetwork:
    """Group the classes by what the trained ``whole`` network takes for alike, and train a branch for each group.

    The branches share nothing (but a stem, if ``options`` say so); they are trained together, with one loss over all
    their logits. Raises ValueError for an impossible number of branches or stages, and for images whose classes are
    not the application's.
    """
    _refuse_other_classes(settings, images)
    stages, shared = branch_stages(settings, n_branches), stem_length(settings, options.stem_stages)
    groups = _groups(settings, images, whole, n_branches, seed, options.grouping)
    operators = tuple(branch_network(settings, stages, len(group)) for group in groups)
    built = [list(build_network(branch)) for branch in operators]
    branches = [torch.nn.Sequential(*built[0][:shared], *layers[shared:]) for layers in built]
    loss = distillation_loss(_uncut(whole)[1]) if options.distill else label_loss
    train_classifier(BranchedNetwork(branches, groups, shared), images.train_images, images.train_labels,
                     settings.training[SEMANTIC], _generator(seed, settings.name, f"semantic-{n_branches}"), on_step,
                     loss)
    return SplitNetwork(settings.name, SEMANTIC, BRANCHES, images.source, settings.image_shape, settings.n_classes,
                        operators, tuple(branches), groups, images.held_out_sha256())


def _groups(
    settings: ApplicationSettings, images: ImageSet, whole: SplitNetwork, n_groups: int, seed: int, grouping: str
) -> tuple[tuple[int, ...], ...]:
    if grouping == INDEX:
        return grouped_by_index(settings.n_classes, n_groups)
    if grouping == RANDOM:
        return grouped_randomly(settings.n_classes, n_groups, _generator(seed, settings.name, f"groups-{n_groups}"))
    return group_classes(class_similarity(whole.logits(images.train_images), images.train_labels), n_groups)


def _refuse_other_classes(settings: ApplicationSettings, images: ImageSet) -> None:
    """Every class of the application must have training images, and no other may."""
    counts = np.bincount(images.train_labels, minlength=settings.n_classes)
    if len(counts) > settings.n_classes or (counts == 0).any():
        absent = [label for label, count in enumerate(counts[: settings.n_classes]) if count == 0]
        what = f"class {len(counts) - 1}" if len(counts) > settings.n_classes else f"none of class {absent[0]}"
        raise ConfigurationError(f"{settings.name} has {settings.n_classes} classes, from 0, but its {images.source} "
                                 f"training images have {what}; mend n_classes, or the images")


def train_compressed(
    settings: ApplicationSettings, images: ImageSet, whole: SplitNetwork, seed: int, on_step: OnStep | None = None,
    pruned_share: float | None = None,
) -> SplitNetwork:
    """Prune the trained ``whole`` network, make it physically smaller and fine-tune what is left: one fragment.

    ``pruned_share``: of each convolution's channels, 0 to below 1; default: the application's.
    """
    _refuse_other_classes(settings, images)
    pruned = prune_split(whole, settings.pruned_share if pruned_share is None else pruned_share)
    fine_tune_classifier(pruned.fragments[0].requires_grad_(True), images.train_images, images.train_labels,
                         settings.training[COMPRESSED], _generator(seed, settings.name, COMPRESSED), on_step)
    pruned.fragments[0].requires_grad_(False)
    return pruned


def prune_split(whole: SplitNetwork, share: float) -> SplitNetwork:
    """The trained ``whole`` network without ``share`` of each convolution's channels, as it is then: one fragment."""
    operators, module = pruned_network(*_uncut(whole), whole.image_shape[0], share)
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
