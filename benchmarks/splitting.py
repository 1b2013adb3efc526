"""What layer splits cost and save, in ratios measured side by side in one run: ``make bench-splitting``.

``python benchmarks/splitting.py --only memory`` (or chain, naive, precision) runs one part. Networks are those of the
zoo with random weights, but for precision: there they are the trained ones that this package ships.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import torch

from cosco_splitplace.datafiles import DATA_DIR
from cosco_splitplace.splitting.applications import application_names
from cosco_splitplace.splitting.artifacts import load_artifact
from cosco_splitplace.splitting.datasets import load_images
from cosco_splitplace.splitting.graphs.artifact import GraphArtifact, save_graph_artifact
from cosco_splitplace.splitting.graphs.chain import chain_accuracy, random_input, run_chain
from cosco_splitplace.splitting.graphs.costs import GraphCosts, graph_costs
from cosco_splitplace.splitting.graphs.cuts import FragmentTable, balanced_cuts, equal_layers
from cosco_splitplace.splitting.graphs.fragmenting import PRECISIONS
from cosco_splitplace.splitting.graphs.memory import measured_memory
from cosco_splitplace.splitting.graphs.models import traced
from cosco_splitplace.splitting.graphs.module import GraphModule
from cosco_splitplace.splitting.graphs.split import fragment_modules
from cosco_splitplace.splitting.graphs.tracing import TracedModel, trace_module
from cosco_splitplace.splitting.graphs.zoo import ZOO, build

FRAGMENTS, BATCH, RUNS = 4, 16, 5
TARGET = "resnetv2-50"

# The model as its author wrote it, in a process of its own: what the fragments' memory is compared with.
WHOLE = """
import sys, torch
from cosco_splitplace.agent import runtime
from cosco_splitplace.splitting.graphs.zoo import build
from cosco_splitplace.splitting.measure import peak_rss_kb
torch.set_num_threads(1)
import pytorchcv.models.preresnet
before = peak_rss_kb()
module, entry = build({name!r})
given = [torch.ones(({images}, *entry.input_shape), dtype=getattr(torch, entry.dtype))]
with torch.inference_mode():
    answers = runtime.run_parts(module, given, {at_once})
runtime.payload(module, answers)
print(before / 1024, peak_rss_kb() / 1024)
"""


def memory() -> None:
    """Peak RAM of each fragment against the whole model's, each in a process of its own."""
    model = traced(TARGET, None)
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name) / "whole"
        save_graph_artifact(GraphArtifact("whole", "float32", {}, (GraphModule(model.graph, model.weights),), (0,)),
                            whole)
        measured = measured_memory(whole, 0, BATCH, BATCH, operators=True)
        costs = graph_costs(model, BATCH, measured.workspace_bytes)
        table = FragmentTable(costs, measured.runtime_mb * 2**20)
        cuts = balanced_cuts(table, FRAGMENTS)
        work = np.diff([0, *(table.before[list(cuts)]), table.before[-1]])
        print(f"{TARGET} in {FRAGMENTS} fragments, batch of {BATCH}; bottleneck "
              f"{work.max() * FRAGMENTS / work.sum():.3f} x work / K (target 1.15)")
        folder = Path(name) / "split"
        fragments = fragment_modules(model, costs, cuts)
        save_graph_artifact(GraphArtifact(TARGET, "float32", {}, fragments, (0,) * FRAGMENTS), folder)
        edges = (0, *cuts, len(model.graph.nodes))
        for at_once in (BATCH, 4, 1):
            code = WHOLE.format(name=TARGET, images=BATCH, at_once=at_once)
            before, peak = map(float, subprocess.run([sys.executable, "-c", code], check=True,  # noqa: S603
                                                     capture_output=True, text=True).stdout.split())
            print(f"  {at_once} images at once: the whole model {peak:.0f} MB, of which torch {before:.0f}")
            if at_once == BATCH:
                whole_mb, whole_peak = peak - before, peak
            for index in range(FRAGMENTS):
                one = measured_memory(folder, index, BATCH, at_once)
                predicted = table.peak_bytes[edges[index], edges[index + 1]] / 2**20
                said = f", predicted {predicted:.0f}" if at_once == BATCH else ""
                weights = sum(costs.weight_bytes[each] for each in fragments[index].graph.weight_names()) / 2**20
                beyond_mb = one.peak_mb - one.runtime_mb
                print(f"    fragment {index}: {one.peak_mb:.0f} MB{said}; beyond torch {beyond_mb:.0f} MB = "
                      f"{beyond_mb / whole_mb:.2f} of the whole's (target 0.40), torch included "
                      f"{one.peak_mb / whole_peak:.2f}; loaded in {one.load_s:.2f} s (target 3), "
                      f"{(one.loaded_mb - one.runtime_mb) / weights:.2f} x its weights (target 1.2)")


def chain() -> None:
    """Time of the chain in one process against the whole model, and whether they give the same bits."""
    print(f"the chain of {FRAGMENTS} fragments in one process against the whole model (target 1.05)")
    for name in ZOO:
        module, entry = build(name)
        model = trace_module(module, entry.input_shape, entry.dtype)
        costs = graph_costs(model, 1)
        fragments = fragment_modules(model, costs, balanced_cuts(FragmentTable(costs, 0.0), FRAGMENTS))
        given = random_input(model.graph.inputs[0], 2)
        ways: Dict[str, Callable[[], Any]] = {"whole": partial(module, given),
                                              "chain": partial(run_chain, fragments, given)}
        seconds: Dict[str, List[float]] = {key: [] for key in ways}
        with torch.inference_mode():
            for _ in range(RUNS + 1):
                for key, run in ways.items():
                    began = time.perf_counter()
                    run()
                    seconds[key].append(time.perf_counter() - began)
            difference = float((module(given) - run_chain(fragments, given)[0]).abs().max())
            largest = float(module(given).abs().max())
        ratio = statistics.median(c / w for c, w in zip(seconds["chain"][1:], seconds["whole"][1:]))
        print(f"  {name:14} {'x'.join(map(str, entry.input_shape)):12} {ratio:.3f}; largest difference "
              f"{difference / largest:.1e} of the largest output")


def naive() -> None:
    """How far equal numbers of layers are behind the best cuts, in work and in bytes."""
    print("bottleneck x K / work of the best cuts (tolerance 0.05; 0) and of equal layers; MB across cuts an input")
    for name in ZOO:
        model = traced(name, None)
        costs = graph_costs(model, 1)
        table = FragmentTable(costs, 0.0)
        for fragments in (2, 4, 8):
            ways = {"best": balanced_cuts(table, fragments), "exact": balanced_cuts(table, fragments, tolerance=0.0),
                    "layers": equal_layers(costs, fragments)}
            shown = [f"{way} {_bottleneck(costs, cuts):.3f}, {costs.crossing_bytes[list(cuts)].sum() / 2**20:6.2f} MB"
                     for way, cuts in ways.items()]
            print(f"  {name:14} K = {fragments}: {'; '.join(shown)}")


def _bottleneck(costs: GraphCosts, cuts: tuple) -> float:  # type: ignore[type-arg]
    edges = (0, *cuts, len(costs.multiply_adds))
    work = [costs.multiply_adds[start:end].sum() for start, end in zip(edges, edges[1:])]
    return float(max(work)) * len(work) / float(sum(work))


def precision() -> None:
    """Accuracy of the shipped networks, whose activations cross every cut in fewer bits; K as large as can be."""
    print("accuracy on all held-out images by precision of what crosses (MNIST: real images, others may be synthetic)")
    for name in application_names():
        network = load_artifact(DATA_DIR / "artifacts" / name / "layer")
        images = load_images(name, source=network.source, train=False)
        model = trace_module(torch.nn.Sequential(*network.fragments), network.image_shape, "uint8")
        costs = graph_costs(model, 1)
        table = FragmentTable(costs, 0.0)
        for fragments in (min(4, table.most), table.most):
            cuts = balanced_cuts(table, fragments)
            print(f"  {name} ({images.source}, {len(images.test_labels)} images), {fragments} fragments: "
                  + ", ".join(_accuracy(model, costs, cuts, one, images) for one in PRECISIONS))


def _accuracy(model: TracedModel, costs: GraphCosts, cuts: Any, precision: str, images: Any) -> str:
    fragments = fragment_modules(model, costs, cuts, precision)
    crossing = sum(spec.bytes_per_image for one in fragments[:-1] for spec in one.graph.outputs)
    return f"{precision} {chain_accuracy(fragments, images):.2%} ({crossing / 1024:.1f} kB)"


PARTS = {"memory": memory, "chain": chain, "naive": naive, "precision": precision}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="one part")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for key, part in PARTS.items():
        if given.only in (None, key):
            part()
