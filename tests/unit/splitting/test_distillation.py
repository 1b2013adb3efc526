"""Learning from a teacher's answers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from cosco_splitplace.splitting.distillation import distillation_loss

IMAGES, LABELS = torch.zeros(2, 1), torch.tensor([0, 1])


class Answers(nn.Module):
    """A teacher that always gives the same logits."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(images), -1)


def test_by_hand() -> None:
    # Softened by 2, logits 2 ln 3 and 0 are the odds 3 : 1; the student's 0 and 0 are 1 : 1.
    student = torch.zeros(2, 2)
    apart = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    loss = distillation_loss(Answers(2 * math.log(3), 0.0), share=0.25, temperature=2.0)
    assert float(loss(IMAGES, student, LABELS)) == pytest.approx(0.75 * math.log(2) + 0.25 * 4 * apart, rel=1e-6)


def test_nothing_from_the_teacher_is_cross_entropy_and_all_vanishes_where_they_agree() -> None:
    student = torch.tensor([[1.0, 0.0], [0.5, 2.0]])
    labels_only = distillation_loss(Answers(5.0, -5.0), share=0.0)(IMAGES, student, LABELS)
    assert torch.allclose(labels_only, nn.functional.cross_entropy(student, LABELS))
    agreeing = distillation_loss(Answers(1.0, 0.0), share=1.0)(IMAGES, torch.tensor([[1.0, 0.0]] * 2), LABELS)
    assert float(agreeing) == pytest.approx(0.0, abs=1e-7)


def test_the_teacher_learns_nothing() -> None:
    teacher, student = Answers(1.0, 0.0), torch.zeros(2, 2, requires_grad=True)
    distillation_loss(teacher)(IMAGES, student, LABELS).backward()
    assert teacher.logits.grad is None and student.grad is not None and not teacher.training


@pytest.mark.parametrize(("share", "temperature"), [(-0.1, 2.0), (1.1, 2.0), (0.5, 0.0)])
def test_impossible_settings(share: float, temperature: float) -> None:
    with pytest.raises(ValueError, match="share must be 0 to 1 and temperature above 0"):
        distillation_loss(Answers(0.0), share, temperature)
