"""Task + split -> fragments, by hand: bytes, work and memory of a batch of 2000 images."""
from __future__ import annotations

import pytest

from cosco_splitplace.config import FragmentSettings
from cosco_splitplace.contract.made_parts import made_application, made_task
from cosco_splitplace.fragments.workflow import make_fragments

SETTINGS = FragmentSettings(instructions_per_multiply_add=50.0, micro_batch_images=256)
TASK = made_task(7, batch_images=2000)


def test_a_chain() -> None:
    fragments = make_fragments(TASK, made_application().split("layer"), SETTINGS, first_id=40)
    assert [one.fragment_id for one in fragments] == [40, 41, 42]
    assert [one.depends_on for one in fragments] == [(), (40,), (41,)]
    assert [one.is_last for one in fragments] == [False, False, True]
    assert [one.index for one in fragments] == [0, 1, 2]
    assert {(one.task_id, one.split) for one in fragments} == {(7, "layer")}
    assert [one.input_mb for one in fragments] == pytest.approx([20, 40, 8])  # 10, 20, 4 kB x 2000
    assert [one.output_mb for one in fragments] == pytest.approx([40, 8, 2])
    assert [one.work_mi for one in fragments] == pytest.approx([100, 200, 50])  # 1000 x 50 x 2000 / 10^6
    # base 200 MB, 256 images of 50 kB = 12.8 MB, all input and output
    assert [one.ram_mb for one in fragments] == pytest.approx([272.8, 260.8, 222.8])


def test_branches() -> None:
    fragments = make_fragments(TASK, made_application().split("semantic"), SETTINGS, first_id=0)
    assert [one.depends_on for one in fragments] == [(), ()]
    assert [one.is_last for one in fragments] == [True, True]
    assert [one.input_mb for one in fragments] == pytest.approx([20, 20])
    assert [one.output_mb for one in fragments] == pytest.approx([1, 1])
    assert [one.work_mi for one in fragments] == pytest.approx([30, 40])


def test_memory_of_a_micro_batch_only() -> None:
    settings = FragmentSettings(resident_batch=False, micro_batch_images=100)
    first = make_fragments(TASK, made_application().split("layer"), settings, 0)[0]
    assert first.ram_mb == pytest.approx(205)
    assert first.input_mb == pytest.approx(20)


def test_a_batch_below_a_micro_batch_needs_less() -> None:
    task = made_task(batch_images=10)
    first = make_fragments(task, made_application().split("layer"), FragmentSettings(), 0)[0]
    assert first.ram_mb == pytest.approx(200 + 0.5 + 0.3)


def test_a_whole_network_takes_what_its_layer_fragments_take_together() -> None:
    plain, larger = FragmentSettings(), FragmentSettings(layer_ram_extra_mb=100.0, layer_ram_mb_per_mmac=1e5)
    split = made_application().split("unsplit")
    (before,), (one,) = (make_fragments(TASK, split, each, 0) for each in (plain, larger))
    assert (one.split, one.depends_on, one.is_last) == ("unsplit", (), True)
    assert (one.input_mb, one.output_mb) == pytest.approx((20, 2))
    assert one.work_mi == pytest.approx(3500 * plain.instructions_per_multiply_add * 2000 / 1e6)
    assert before.ram_mb == pytest.approx(200 + 12.8 + 22)
    assert one.ram_mb - before.ram_mb == pytest.approx(3 * (100 + 350))  # three layer fragments of 3500 multiply-adds
