"""How fast this machine is, in the unit of the simulator."""

from __future__ import annotations

import statistics
import time

import torch

from ...arrivals.catalogue import load_catalogue
from ...config import FragmentSettings
from ...pipeline.inference import load_network
from ...records import LAYER
from ...threads import limited_threads

REFERENCE = "MNIST"
RUNS = 7


def measured_mips() -> float:
    """Million instructions a second of one core: what the reference's layer split does, at its multiply-adds.

    The simulator counts a multiply-add as ``fragments.instructions_per_multiply_add`` instructions.
    """
    split = load_catalogue(names=[REFERENCE])[REFERENCE].split(LAYER)
    network, settings = load_network(split.artifact), FragmentSettings()
    images = torch.zeros((settings.micro_batch_images, *network.image_shape), dtype=torch.uint8)
    seconds = []
    with limited_threads(1), torch.inference_mode():
        for _ in range(RUNS):
            began, activation = time.perf_counter(), images
            for fragment in network.fragments:
                activation = fragment(activation)
            seconds.append(time.perf_counter() - began)
    work = sum(one.multiply_adds for one in split.fragments) * settings.micro_batch_images
    return work * settings.instructions_per_multiply_add / 1e6 / statistics.median(seconds[1:])
