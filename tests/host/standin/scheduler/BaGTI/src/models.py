import torch
from torch import nn

from .constants import *


class energy_latency_10(nn.Module):
    size = 10

    def __init__(self):
        super().__init__()
        self.name = type(self).__name__
        self.find = nn.Linear(self.size * (self.size + 2), self.size)

    def forward(self, x):
        return torch.sigmoid(self.find(x.flatten()))


class energy_latency_50(energy_latency_10):
    size = 50
