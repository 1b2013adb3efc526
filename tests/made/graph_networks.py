"""Small models that a user could bring: some that can be split, some that can't."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Skipping(nn.Module):
    """Convolutions, an in-place activation, a skip over a cut, a constant mask, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm, self.activation = nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        self.last = nn.Linear(8 * 16, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        kept = self.first(images)
        changed = self.activation(self.norm(self.second(kept)))
        masked = (changed + kept) * torch.ones(8, 8).tril()
        pooled = functional.dropout(functional.max_pool2d(masked, 2), training=self.training)
        return self.last(pooled.view(images.shape[0], -1))


class Tokens(nn.Module):
    """Attention whose inner tensors do not have the batch first: torch's own layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=False, dropout=0.0)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.layer(tokens.transpose(0, 1)).transpose(0, 1).contiguous()


class TwoOutputs(nn.Module):
    """Two answers of different shapes, one of them made early."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(6, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        early = self.first(given)
        return early, self.third(torch.relu(self.second(early)))


class FromNothing(nn.Module):
    """A tensor that only the number of images tells the size of."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 4)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        together = torch.cat([self.linear(given), torch.ones(given.shape[0], 2)], dim=1)
        return together.view(2 * given.shape[0], 3).reshape(-1, 6)


class DependsOnData(nn.Module):
    def forward(self, given: torch.Tensor) -> torch.Tensor:
        if given.sum() > 0:  # the line that the message names
            return given + 1
        return given


class FixedBatch(nn.Module):
    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return given.view(2, -1) * 2


class WritesIntoParts(nn.Module):
    def forward(self, given: torch.Tensor) -> torch.Tensor:
        copied = given.clone()
        copied[:, 0] = 1.0
        return copied


class Random(nn.Module):
    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return given + torch.rand_like(given)


def skipping() -> nn.Module:
    """With running statistics that are not their first ones."""
    network = Skipping()
    with torch.no_grad():
        network.norm.running_mean.uniform_(-1, 1)
        network.norm.running_var.uniform_(0.5, 2)
    return network
