"""Distillation: a network learns from a trained one's answers as well as from the labels.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015): the teacher's softened answers say
which wrong classes are nearly right, which a label does not.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from .training import Loss

__all__ = ["SHARE", "TEMPERATURE", "distillation_loss"]

TEMPERATURE = 2.0  # softens the answers; our choice, as is the share
SHARE = 0.5  # of the loss that comes from the teacher


def distillation_loss(teacher: nn.Module, share: float = SHARE, temperature: float = TEMPERATURE) -> Loss:
    """The loss ``(1 - share) * cross entropy + share * temperature^2 * KL(teacher || student)``.

    ``teacher`` maps images to logits; it is put into eval mode and gets no gradients. Its answers are computed on the
    very images that the student sees. Raises ValueError for a share outside 0 to 1 or a temperature not above 0.
    """
    if not (0 <= share <= 1 and temperature > 0):
        raise ValueError(f"share must be 0 to 1 and temperature above 0, got {share} and {temperature}")
    teacher.eval()

    def loss(images: torch.Tensor, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            wanted = functional.log_softmax(teacher(images) / temperature, dim=1)
        given = functional.log_softmax(logits / temperature, dim=1)
        # temperature^2, for the gradients of softened answers are that much smaller
        apart = functional.kl_div(given, wanted, reduction="batchmean", log_target=True) * temperature**2
        return (1 - share) * functional.cross_entropy(logits, targets) + share * apart

    return loss
