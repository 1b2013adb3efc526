"""From stage settings to operators: the whole network of an application, and one branch of its semantic split."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from .application_settings import ApplicationSettings, StageSettings
from .costs import network_cost
from .network import (
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    MaxPool,
    Operator,
    Relu,
    Residual,
    ScalePixels,
)

__all__ = ["branch_network", "branch_stages", "convolutional_network", "stem_length", "whole_network"]


def whole_network(settings: ApplicationSettings) -> tuple[Operator, ...]:
    """The operators of the network that the layer split cuts."""
    return convolutional_network(settings.image_shape, settings.n_classes, settings.whole)


def branch_network(
    settings: ApplicationSettings, stages: Sequence[StageSettings], n_outputs: int
) -> tuple[Operator, ...]:
    """The operators of one semantic branch that answers for ``n_outputs`` classes."""
    return convolutional_network(settings.image_shape, n_outputs, stages)


def convolutional_network(
    image_shape: tuple[int, int, int], n_outputs: int, stages: Sequence[StageSettings]
) -> tuple[Operator, ...]:
    """Pixels, the stages, and one linear layer over what is left of the image.

    Raises ValueError if the pooling leaves nothing of the image.
    """
    channels, height, width = image_shape
    operators: list[Operator] = [ScalePixels((0.5,) * channels, (0.25,) * channels)]
    for stage in stages:
        if stage.residual and stage.channels != channels:
            raise ValueError(f"a residual stage keeps its {channels} channels, got {stage.channels}")
        operators += _residual_stage(stage) if stage.residual else _plain_stage(channels, stage)
        channels = stage.channels
        if stage.pool > 1:
            operators.append(MaxPool(stage.pool))
            height, width = height // stage.pool, width // stage.pool
    if min(height, width) < 1:
        raise ValueError(f"the stages' pooling leaves nothing of images of {image_shape[1]} x {image_shape[2]} pixels")
    return (*operators, Flatten(), Linear(channels * height * width, n_outputs))


def branch_stages(settings: ApplicationSettings, n_branches: int) -> tuple[StageSettings, ...]:
    """The stages of one of ``n_branches`` branches.

    The hand-written stages hold for ``settings.semantic_branches``. For another count their widths are scaled by
    the largest factor (in steps of 1/32) at which all branches together have no more parameters and no more
    multiply-adds than the whole network.
    """
    if not 1 <= n_branches <= settings.n_classes:
        raise ValueError(f"branches must be 1 to {settings.n_classes} (the classes of {settings.name}), "
                         f"got {n_branches}")
    if n_branches == settings.semantic_branches:
        return settings.branch
    whole = network_cost(whole_network(settings), settings.image_shape)
    n_outputs = -(-settings.n_classes // n_branches)
    for factor in range(32 * 8, 0, -1):
        stages = tuple(dataclasses.replace(stage, channels=max(1, stage.channels * factor // 32))
                       for stage in settings.branch)
        branch = network_cost(branch_network(settings, stages, n_outputs), settings.image_shape)
        if (n_branches * branch.parameters <= whole.parameters
                and n_branches * branch.multiply_adds <= whole.multiply_adds):
            return stages
    raise ValueError(f"{n_branches} branches, however narrow, are larger than the whole network of {settings.name}")


def stem_length(settings: ApplicationSettings, stem_stages: int) -> int:
    """How many of a branch's operators its first ``stem_stages`` stages are (0: none are shared).

    Raises ValueError, with the possible range, if nothing would be left for the branches.
    """
    most = len(settings.branch) - 1
    if not 0 <= stem_stages <= most:
        raise ValueError(f"a shared stem takes 0 to {most} of the {most + 1} stages of {settings.name}'s branches, "
                         f"got {stem_stages}")
    if stem_stages == 0:
        return 0
    stem = convolutional_network(settings.image_shape, settings.n_classes, settings.branch[:stem_stages])
    return len(stem) - len((Flatten, Linear))  # every network ends with these two


def _plain_stage(in_channels: int, stage: StageSettings) -> list[Operator]:
    return [Conv2d(in_channels, stage.channels, stage.kernel, padding=stage.kernel // 2),
            BatchNorm(stage.channels), Relu()]


def _residual_stage(stage: StageSettings) -> list[Operator]:
    conv = Conv2d(stage.channels, stage.channels, stage.kernel, padding=stage.kernel // 2)
    return [Residual((conv, BatchNorm(stage.channels), Relu(), conv, BatchNorm(stage.channels)))]
