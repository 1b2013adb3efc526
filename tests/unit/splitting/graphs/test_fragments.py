"""The chain equals the whole, on disk and in memory, at every precision; damaged artifacts are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import graph_networks as made
import pytest
import torch
from safetensors.torch import load, save

from cosco_splitplace.agent import runtime
from cosco_splitplace.agent.workspace import Workspace
from cosco_splitplace.errors import DataFileError
from cosco_splitplace.splitting.artifacts import input_tensors, load_fragment
from cosco_splitplace.splitting.graphs.artifact import (
    GraphArtifact,
    load_graph_artifact,
    load_graph_fragment,
    save_graph_artifact,
)
from cosco_splitplace.splitting.graphs.chain import chain_difference, random_input, run_chain
from cosco_splitplace.splitting.graphs.costs import graph_costs
from cosco_splitplace.splitting.graphs.module import GraphModule
from cosco_splitplace.splitting.graphs.split import fragment_modules
from cosco_splitplace.splitting.graphs.tracing import TracedModel, trace_module
from cosco_splitplace.splitting.graphs.zoo import ZOO, build

SKIPPING_CUT = 2  # after the second convolution: its output and the skip cross


def chain(model: TracedModel, cuts: tuple[int, ...], precision: str = "float32") -> tuple[GraphModule, ...]:
    return fragment_modules(model, graph_costs(model, 2), cuts, precision)


def write(folder: Path, precision: str = "float32", cuts: tuple[int, ...] = (SKIPPING_CUT, 5)) -> TracedModel:
    model = trace_module(made.skipping(), (3, 8, 8))
    fragments = chain(model, cuts, precision)
    save_graph_artifact(GraphArtifact("skipping", precision, {"cuts": list(cuts)}, fragments, (0,) * len(fragments)),
                        folder)
    return model


SMALL = {"resnetv2-34": (1, 28, 28), "resnetv2-50": (3, 32, 32), "mobilenetv2": (1, 28, 28),
         "inceptionv3": (3, 32, 32), "vit-small": (3, 32, 32), "decoder-small": (28,)}


@pytest.mark.parametrize("name", ZOO)
def test_zoo_at_small_inputs(name: str) -> None:
    shape = SMALL[name]
    module, entry = build(name, shape)
    model = trace_module(module, shape, entry.dtype)
    costs = graph_costs(model, 2)
    positions = [at for at in range(len(costs.possible)) if costs.possible[at]]
    cuts = tuple(positions[len(positions) * part // 5] for part in range(1, 5))
    for images in (1, 3):
        given = random_input(model.graph.inputs[0], images)
        with torch.no_grad():
            expected = module(given)
        found, = run_chain(fragment_modules(model, costs, cuts), given)
        assert torch.isfinite(expected).all()
        assert float((found - expected).abs().max()) <= 1e-6 * float(expected.abs().max())


@pytest.mark.parametrize("name", [one for one in ZOO if len(SMALL[one]) == 3])
def test_zoo_runs_at_all_image_sizes(name: str) -> None:
    for shape in ((1, 28, 28), (3, 32, 32), (3, 96, 96)):
        module, entry = build(name, shape, seed=3)
        assert entry.input_shape == shape
        with torch.no_grad():
            assert module(torch.zeros(1, *shape)).shape == (1, 1000)


def test_every_cut_of_a_small_network_gives_the_same_bits() -> None:
    model = trace_module(made.skipping(), (3, 8, 8))
    whole, costs = GraphModule(model.graph, model.weights), graph_costs(model, 2)
    for at in range(1, len(model.graph.nodes)):
        assert costs.possible[at]
        assert chain_difference(whole, fragment_modules(model, costs, (at,))) == 0
    every = tuple(range(1, len(model.graph.nodes)))
    assert chain_difference(whole, fragment_modules(model, costs, every)) == 0


def test_an_early_output_passes_through() -> None:
    model = trace_module(made.TwoOutputs(), (6,))
    fragments = chain(model, (1, 2, 3))
    assert [one.graph.outputs[0].name for one in fragments] == ["linear"] * 4
    assert chain_difference(GraphModule(model.graph, model.weights), fragments) == 0


@pytest.mark.parametrize(("precision", "at_most", "share"), [("float16", 1e-3, 0.5), ("int8", 3e-2, 0.3)])
def test_fewer_bits_across_cuts(precision: str, at_most: float, share: float) -> None:
    model = trace_module(made.skipping(), (3, 8, 8))
    fragments, full = chain(model, (SKIPPING_CUT, 3), precision), chain(model, (SKIPPING_CUT, 3))
    difference = chain_difference(GraphModule(model.graph, model.weights), fragments)
    assert 0 < difference < at_most
    for fewer, before in zip(fragments[:-1], full):
        size, was = (sum(spec.bytes_per_image for spec in one.graph.outputs) for one in (fewer, before))
        assert size <= share * was
    # the skip is encoded once, and passes through the second fragment as it came
    encoded = "conv2d.float16" if precision == "float16" else "conv2d.int8"
    assert [encoded in [node.name for node in one.graph.nodes] for one in fragments] == [True, False, False]


def test_a_channel_of_zeros_survives_int8() -> None:
    model = trace_module(torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)), (4,))
    model.weights["0.weight"].zero_()
    model.weights["0.bias"].zero_()
    found, = run_chain(chain(model, (2,), "int8"), torch.ones(3, 4))
    assert torch.equal(found, model.weights["2.bias"].expand(3, 2))


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_agents_run_the_chain(precision: str, tmp_path: Path) -> None:
    """Through the runtime that an agent starts, with payloads as files; each workspace has its own weights only."""
    artifact = tmp_path / "artifact"
    model = write(artifact, precision)
    given = torch.randn(10, 3, 8, 8)
    payload = save({"activation": given})
    for index in range(3):
        work = Workspace(tmp_path / f"work-{index}")
        work.make({"index": index, "cpus": 1, "chunks": 1, "images_at_once": 4})
        work.manifest.write_bytes((artifact / "manifest.json").read_bytes())
        name = f"fragment-{index}.safetensors"
        work.weights(index).write_bytes((artifact / name).read_bytes())
        work.input(0).write_bytes(payload)
        assert runtime.run_fragment(work.path) == runtime.DONE
        payload = work.output(0).read_bytes()
        assert work.result()["images"] == 10  # type: ignore[index]
    found = load(payload)
    assert list(found) == ["activation"]
    expected = GraphModule(model.graph, model.weights)(given)
    assert torch.allclose(found["activation"], expected, rtol=0,
                          atol=float(expected.abs().max()) * (1e-6 if precision == "float32" else 3e-2))


def test_made_up_inputs_and_payloads_of_another_fragment(tmp_path: Path) -> None:
    write(tmp_path / "artifact")
    shapes = input_tensors(tmp_path / "artifact", 1)
    assert [(one.name, one.shape) for one in shapes] == [("conv2d", (8, 8, 8)), ("conv2d_1", (8, 8, 8))]
    work = Workspace(tmp_path / "work")
    work.make({"index": 1, "cpus": 1, "chunks": 2, "images_at_once": 4, "made_up_images": 7})
    work.manifest.write_bytes((tmp_path / "artifact" / "manifest.json").read_bytes())
    work.weights(1).write_bytes((tmp_path / "artifact" / "fragment-1.safetensors").read_bytes())
    assert runtime.run_fragment(work.path) == runtime.DONE
    assert work.result()["images"] == 7  # type: ignore[index]
    work.output(1).unlink()
    (work.path / "spec.json").write_text(json.dumps({"index": 1, "cpus": 1, "chunks": 2, "images_at_once": 4}))
    work.input(1).write_bytes(save({"activation": torch.zeros(1, 8, 8, 8)}))
    with pytest.raises(runtime.PayloadError, match=r"holds \['activation'\], not \['conv2d', 'conv2d_1'\]"):
        runtime.run_fragment(work.path)


def test_round_trip_and_nothing_but_json_and_safetensors(tmp_path: Path) -> None:
    model = write(tmp_path / "artifact")
    assert sorted(one.name for one in (tmp_path / "artifact").iterdir()) == [
        "fragment-0.safetensors", "fragment-1.safetensors", "fragment-2.safetensors", "manifest.json"]
    assert [one.name for one in tmp_path.iterdir()] == ["artifact"]  # no temporary folder is left
    loaded = load_graph_artifact(tmp_path / "artifact")
    assert chain_difference(GraphModule(model.graph, model.weights), loaded.fragments) == 0
    alone = load_fragment(tmp_path / "artifact", 2)
    assert isinstance(alone, GraphModule) and alone.graph == loaded.fragments[2].graph
    with pytest.raises(ValueError, match="fragments 0 to 2, got 3"):
        load_graph_fragment(tmp_path / "artifact", 3)


def _manifest(change: Callable[[Any], None]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        content = json.loads((folder / "manifest.json").read_text())
        change(content)
        (folder / "manifest.json").write_text(json.dumps(content))

    return damage


def _weights(folder: Path) -> None:
    content = bytearray((folder / "fragment-1.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "fragment-1.safetensors").write_bytes(content)


DAMAGES = {
    r"has the SHA-256 .* its manifest says": _weights,
    r"cannot be read": lambda folder: (folder / "fragment-0.safetensors").unlink(),
    r"has format 3, expected 2; a newer cosco-splitplace wrote it": _manifest(lambda one: one.update(format=3)),
    r"'from_file\.default' is not among": _manifest(
        lambda one: one["fragments"][0]["graph"]["nodes"][0].update(operator="from_file.default")),
    r"has other tensors": _manifest(lambda one: one["fragments"][0].update(tensors={})),
    r"manifest\.json is damaged .*does not take its input": _manifest(
        lambda one: one["fragments"][0]["graph"]["inputs"][0].update(shape=[4, 8, 8])),
    r"manifest\.json is damaged .*is \(\(8, 8, 8\), 'float32'\), not": _manifest(
        lambda one: one["fragments"][0]["graph"]["outputs"][0].update(shape=[9])),
    r"lists no fragments": _manifest(lambda one: one.update(fragments=[])),
    r"'graph' is 3": _manifest(lambda one: one["fragments"][0].update(graph=3)),
}


@pytest.mark.parametrize("says", DAMAGES)
def test_a_damaged_artifact_is_refused(says: str, tmp_path: Path) -> None:
    write(tmp_path / "artifact")
    DAMAGES[says](tmp_path / "artifact")
    with pytest.raises(DataFileError, match=says):
        load_graph_artifact(tmp_path / "artifact")


def test_no_artifact_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cosco_splitplace.splitting.graphs import artifact

    def full(_graph: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(artifact, "graph_to_json", full)
    with pytest.raises(OSError, match="no space"):
        write(tmp_path / "artifact")
    assert list(tmp_path.iterdir()) == []
