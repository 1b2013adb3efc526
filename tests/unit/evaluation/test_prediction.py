"""The simulator's prediction of a profiled chain: its work is what the fragments really do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cosco_splitplace.arrivals.catalogue import load_catalogue
from cosco_splitplace.config import FragmentSettings
from cosco_splitplace.datafiles import DATA_DIR
from cosco_splitplace.evaluation.files import write_json
from cosco_splitplace.evaluation.prediction import machine_mips, predict
from cosco_splitplace.splitting.artifacts import load_fragment
from cosco_splitplace.splitting.catalogue_entry import artifact_facts, catalogue_with
from cosco_splitplace.splitting.profiles import profile_artifact, read_manifest

SETTINGS = FragmentSettings(cores=1.0)
LATENCY_MS = 20.0  # of every fragment on 256 images


def made_up(*_: Any) -> Dict[str, Any]:
    timing = {"batch": 256, "latency_ms": LATENCY_MS, "fastest_ms": 10.0, "latency_p90_ms": 30.0,
              "images_per_s": 12800.0, "cpu_ms": 15.0, "runs": 5, "peak_rss_mb": 250.0}  # fmt: skip
    return {"runtime_rss_mb": 190.0, "load_s": 0.1, "threads": 1, "ram_base_mb": 200.0, "ram_per_image_kb": 50.0,
            "seconds_per_1000_images": 1.0, "batches": [timing]}


@pytest.mark.parametrize("name", ["MNIST", "CIFAR100"])
def test_the_predicted_work_is_what_the_fragments_do(name: str, tmp_path: Path) -> None:
    folder, images = DATA_DIR / "artifacts" / name / "layer", 1000
    profiled = profile_artifact(folder, measure=made_up)
    file = tmp_path / "apps.json"
    write_json(file, catalogue_with(file, folder, artifact_facts(folder, accuracy=0.9), profiled, "test"))
    split = load_catalogue(str(file))[name].split("layer")
    assert split.artifact.resolve() == folder.resolve()

    counter = FlopCounterMode(display=False)  # PyTorch's own: not the hooks that made the profile
    activation = torch.zeros((images, *read_manifest(folder)["image_shape"]), dtype=torch.uint8)
    with torch.no_grad(), counter:
        for index in range(len(profiled)):
            activation = load_fragment(folder, index)(activation)
    really_mi = counter.get_total_flops() / 2 * SETTINGS.instructions_per_multiply_add / 1e6

    mips = machine_mips(profiled, 256, SETTINGS, cpu=False)
    predicted = predict(split, images, mips, SETTINGS)
    assert predicted.work_mi == pytest.approx(really_mi, rel=0.15)
    assert predicted.work_mi == pytest.approx(really_mi, rel=1e-6)  # as it is, there is no difference
    assert predicted.seconds == pytest.approx(len(profiled) * LATENCY_MS / 1e3 * images / 256, rel=1e-6)


def test_cpu_seconds_give_the_speed_of_an_undisturbed_machine() -> None:
    profiled = profile_artifact(DATA_DIR / "artifacts" / "MNIST" / "layer", measure=made_up)
    by_clock, by_cpu = (machine_mips(profiled, 256, SETTINGS, cpu) for cpu in (False, True))
    assert by_cpu == pytest.approx(by_clock * LATENCY_MS / 15.0)
