"""Does the simulator's prediction of a chain hold on the machine that the chain was profiled on?

Profiles each shipped layer split, predicts what a task of IMAGES images takes on this machine, and runs the task: each
fragment in a new process, one after another, MICRO_BATCH images at once. Profile and run take turns, so that both see
the same machine; the rows say by wall clock and by CPU seconds, which other programs disturb less.

    python benchmarks/profile_prediction.py
    python benchmarks/profile_prediction.py --artifact results/split-001 --out prediction.csv
"""
from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import click
import torch
from rich.console import Console
from rich.table import Table

from cosco_splitplace.agent.allocation import reuse_freed_memory
from cosco_splitplace.arrivals.catalogue import load_catalogue
from cosco_splitplace.config import FragmentSettings
from cosco_splitplace.datafiles import DATA_DIR
from cosco_splitplace.evaluation.files import write_csv, write_json
from cosco_splitplace.evaluation.prediction import machine_mips, predict
from cosco_splitplace.splitting.artifacts import input_tensors, load_fragment
from cosco_splitplace.splitting.catalogue_entry import artifact_facts, catalogue_with
from cosco_splitplace.splitting.measure import pin
from cosco_splitplace.splitting.profiles import profile_artifact, read_manifest

MICRO_BATCH = 256
WITHIN = 0.15


def run_alone(folder: Path, index: int, images: int) -> Tuple[float, float]:
    """Wall-clock and CPU seconds of fragment `index` on `images` images, in a process of its own, loading left out."""
    command = [sys.executable, __file__, "--alone", f"{folder}:{index}", "--images", str(images)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    wall, cpu = done.stdout.split()
    return float(wall), float(cpu)


def run_here(folder: Path, index: int, images: int) -> None:
    """The child: runs the fragment and prints its seconds."""
    pin(1)
    reuse_freed_memory()  # as in the profile, and in an agent's fragments
    module = load_fragment(folder, index)
    generator = torch.Generator().manual_seed(0)
    inputs = [one.random(MICRO_BATCH, generator) for one in input_tensors(folder, index)]
    with torch.inference_mode():
        module(*inputs)
        began, cpu_began = time.perf_counter(), time.process_time()
        for _ in range(images // MICRO_BATCH):
            module(*inputs)
        print(time.perf_counter() - began, time.process_time() - cpu_began)


def ratios(folder: Path, images: int, settings: FragmentSettings) -> Dict[str, float]:
    """Predicted over measured, once."""
    profiled = profile_artifact(folder, (MICRO_BATCH,))
    facts = artifact_facts(folder)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "apps.json"
        write_json(file, catalogue_with(file, folder, facts, profiled, ""))
        split = load_catalogue(str(file))[facts.application].split(facts.split)
    measured = [run_alone(folder, index, images) for index in range(len(read_manifest(folder)["fragments"]))]
    found = {}
    for name, cpu in (("wall", False), ("cpu", True)):
        predicted = predict(split, images, machine_mips(profiled, MICRO_BATCH, settings, cpu), settings).seconds
        seconds = sum(one[cpu] for one in measured)
        found.update({f"{name}_predicted_s": predicted, f"{name}_measured_s": seconds, name: predicted / seconds})
    return found


@click.command()
@click.option("--artifact", "artifacts", multiple=True, type=click.Path(path_type=Path), help="[default: the shipped]")
@click.option("--images", default=16 * MICRO_BATCH, show_default=True, help="Of the task.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="CSV file, one row a repeat.")
@click.option("--alone", hidden=True)
def main(artifacts: Sequence[Path], images: int, repeats: int, out: Optional[Path], alone: Optional[str]) -> None:
    """Profile, predict, run, compare."""
    if alone is not None:
        folder, _, index = alone.rpartition(":")
        run_here(Path(folder), int(index), images)
        return
    settings = FragmentSettings(cores=1.0, micro_batch_images=MICRO_BATCH)
    chosen = artifacts or [DATA_DIR / "artifacts" / name / "layer" for name in ("MNIST", "FashionMNIST", "CIFAR100")]
    rows: List[Dict[str, object]] = []
    table = Table("Artifact", "Predicted / measured, wall", "within 15 %", "CPU seconds", "within 15 %",
                  title=f"{images} images, {repeats} repeats: median (all)", title_justify="left")
    for folder in chosen:
        found = [ratios(folder, images, settings) for _ in range(repeats)]
        rows += [{"artifact": str(folder), "repeat": number, **one} for number, one in enumerate(found)]
        cells = []
        for name in ("wall", "cpu"):
            values = [one[name] for one in found]
            middle = statistics.median(values)
            cells += [f"{middle:.3f} ({', '.join(f'{one:.3f}' for one in values)})",
                      "yes" if abs(middle - 1) <= WITHIN else "NO"]
        table.add_row("/".join(folder.parts[-2:]), *cells)
    Console(width=140).print(table)
    if out is not None:
        write_csv(out, list(rows[0]), rows)


if __name__ == "__main__":
    main()
