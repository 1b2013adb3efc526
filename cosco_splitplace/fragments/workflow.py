"""Task + decision -> fragments with their dependencies. Pure: no state, no clock."""
from __future__ import annotations

from typing import Tuple

from ..arrivals.catalogue import CHAIN, FragmentProfile, SplitProfile
from ..config import FragmentSettings
from ..records import COMPRESSED, LAYER, SEMANTIC, UNSPLIT, Fragment, Task

BYTES_PER_MB = 1e6
KB_PER_MB = 1e3


def make_fragments(task: Task, split: SplitProfile, settings: FragmentSettings, first_id: int) -> Tuple[Fragment, ...]:
    """The containers C^i of `task`: a chain in which each depends on the one before it, or independent branches.

    Parameters
    ----------
    task : whose batch size sets the amounts.
    split : the chosen split's measured profile.
    settings : how a profile becomes work and memory.
    first_id : id of the first fragment; the others follow.
    """
    chain = split.structure == CHAIN
    last = len(split.fragments) - 1
    return tuple(
        Fragment(
            fragment_id=first_id + index,
            task_id=task.task_id,
            index=index,
            split=split.name,
            depends_on=(first_id + index - 1,) if chain and index else (),
            is_last=index == last or not chain,
            work_mi=fragment_work_mi(profile, split.name, task.batch_images, settings),
            ram_mb=fragment_ram_mb(profile, split, task.batch_images, settings),
            input_mb=profile.input_bytes * task.batch_images / BYTES_PER_MB,
            output_mb=profile.output_bytes * task.batch_images / BYTES_PER_MB,
        )
        for index, profile in enumerate(split.fragments)
    )


def fragment_work_mi(profile: FragmentProfile, split: str, batch_images: int, settings: FragmentSettings) -> float:
    """Work in million instructions: multiply-adds an image x images x instructions a multiply-add x split's factor."""
    factor = {SEMANTIC: settings.semantic_work, COMPRESSED: settings.compressed_work}.get(split, 1.0)
    return profile.multiply_adds * factor * settings.instructions_per_multiply_add * batch_images / 1e6


def fragment_ram_mb(
    profile: FragmentProfile, split: SplitProfile, batch_images: int, settings: FragmentSettings
) -> float:
    """Peak RAM: the measured base, the activations of a micro-batch, and (``resident_batch``) all input and output.

    A layer fragment takes on top what the settings say, and a whole network as much as all of its fragments.
    """
    micro_batch = min(batch_images, settings.micro_batch_images)
    ram = profile.ram_base_mb + micro_batch * profile.ram_per_image_kb / KB_PER_MB
    if settings.resident_batch:
        ram += (profile.input_bytes + profile.output_bytes) * batch_images / BYTES_PER_MB
    if split.name in (LAYER, UNSPLIT):
        whole = sum(one.multiply_adds for one in split.fragments) / 1e6
        ram += split.joined * (settings.layer_ram_extra_mb + settings.layer_ram_mb_per_mmac * whole)
    return ram
