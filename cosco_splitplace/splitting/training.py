"""Training a classifier, and measuring its accuracy. Every draw comes from the generator that is passed in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from .application_settings import TrainingSettings
from .network import initialise_weights

__all__ = ["Loss", "accuracy_of", "fine_tune_classifier", "label_loss", "train_classifier"]

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]  # of images, logits and labels
_WARM_UP_SHARE = 0.1
_MAX_GRADIENT_NORM = 5.0  # made up: only the first steps ever reach it


def label_loss(_images: torch.Tensor, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross entropy."""
    return functional.cross_entropy(logits, targets)


def train_classifier(
    module: nn.Module,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    settings: TrainingSettings,
    generator: torch.Generator,
    on_step: Callable[[int, int], None] | None = None,
    loss_of: Loss = label_loss,
) -> None:
    """Train ``module`` from fresh weights, as :func:`fine_tune_classifier` does from the weights that it has."""
    initialise_weights(module, generator)
    fine_tune_classifier(module, images, labels, settings, generator, on_step, loss_of)


def fine_tune_classifier(
    module: nn.Module,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    settings: TrainingSettings,
    generator: torch.Generator,
    on_step: Callable[[int, int], None] | None = None,
    loss_of: Loss = label_loss,
) -> None:
    """Train ``module`` further with AdamW to lower ``loss_of``; it is left in eval mode.

    ``images`` uint8 (n, c, h, w), ``labels`` int64 (n,); ``module`` maps images to logits (n, classes).
    ``on_step(done, total)`` is called after every step. Raises ValueError without images, or when the loss is no
    longer a number.
    """
    if len(images) == 0 or len(images) != len(labels):
        raise ValueError(f"training needs images, and a label for each: got {len(images)} images "
                         f"and {len(labels)} labels")
    module.train()
    pixels, targets = torch.from_numpy(images), torch.from_numpy(labels)
    optimizer = torch.optim.AdamW(module.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    for step, chosen in zip(range(settings.steps), _batches(len(labels), settings.batch, generator)):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _rate_factor(step, settings.steps)
        batch = _shifted(pixels[chosen], settings.shift_pixels, generator)
        loss = loss_of(batch, module(batch), targets[chosen])
        if not math.isfinite(loss.item()):
            raise ValueError(f"training diverged at step {step}: try a learning_rate below {settings.learning_rate}")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(module.parameters(), _MAX_GRADIENT_NORM)
        optimizer.step()
        if on_step is not None:
            on_step(step + 1, settings.steps)
    module.eval()


def accuracy_of(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Share of rows of ``logits`` (n, classes) whose largest value stands at the label, 0 to 1."""
    if len(labels) == 0:
        raise ValueError("no images to measure the accuracy on")
    return float((logits.argmax(axis=1) == labels).mean())


def _rate_factor(step: int, steps: int) -> float:
    warm_up = max(1, int(steps * _WARM_UP_SHARE))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1.0 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def _batches(n_images: int, batch: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Endless shuffled passes; the short rest of a pass is left out, so that every batch is of one size."""
    size = min(batch, n_images)
    while True:
        order = torch.randperm(n_images, generator=generator)
        yield from _whole_rows(order, size)


def _whole_rows(order: torch.Tensor, size: int) -> Iterable[torch.Tensor]:
    return order[: len(order) // size * size].view(-1, size)


def _shifted(images: torch.Tensor, reach: int, generator: torch.Generator) -> torch.Tensor:
    """Each image moved by up to ``reach`` pixels in each direction; what comes in is black."""
    if reach == 0:
        return images
    count, channels, height, width = images.shape
    padded = functional.pad(images, (reach,) * 4)
    down, right = torch.randint(0, 2 * reach + 1, (2, count), generator=generator)
    rows = (down[:, None] + torch.arange(height))[:, None, :, None]  # (n, 1, h, 1)
    columns = (right[:, None] + torch.arange(width))[:, None, None, :]  # (n, 1, 1, w)
    return padded[torch.arange(count)[:, None, None, None], torch.arange(channels)[None, :, None, None], rows, columns]
