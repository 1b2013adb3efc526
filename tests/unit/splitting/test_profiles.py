"""Profiles are measured on the real fragments, each in its own process."""

from __future__ import annotations

from pathlib import Path

import graph_networks
import pytest

from cosco_splitplace.errors import SplitPlaceError
from cosco_splitplace.splitting import profiles
from cosco_splitplace.splitting.artifacts import input_tensors, save_artifact
from cosco_splitplace.splitting.graphs.artifact import GraphArtifact, save_graph_artifact
from cosco_splitplace.splitting.graphs.costs import graph_costs
from cosco_splitplace.splitting.graphs.split import fragment_modules
from cosco_splitplace.splitting.graphs.tracing import trace_module
from cosco_splitplace.splitting.profiles import machine_description, measure_artifact
from cosco_splitplace.splitting.split_network import SplitNetwork

from .conftest import made_up_measurement


def test_a_chain_by_hand(chain: SplitNetwork, tmp_path: Path) -> None:
    save_artifact(chain, tmp_path / "artifact")
    seen: list[tuple[int, int]] = []
    first, second = measure_artifact(tmp_path / "artifact", lambda done, total: seen.append((done, total)))
    assert (first.multiply_adds, second.multiply_adds) == (36 * 4 * 9, 36 * 3)
    assert (first.parameters, second.parameters) == (4 * 9 + 8, 36 * 3 + 3)
    assert (first.input_bytes, first.output_bytes) == (36, 4 * 9 * 4)  # uint8 pixels in, float32 activations out
    assert (second.input_bytes, second.output_bytes) == (4 * 9 * 4, 3 * 4)
    assert second.weights_bytes == (tmp_path / "artifact" / "fragment-1.safetensors").stat().st_size
    assert first.ram_base_mb > 50  # torch alone takes more
    # Input and output of an image stay in memory: no less than these, and not a hundred times as much.
    assert (36 + 576 + 144) / 1024 < first.ram_per_image_kb < 75
    assert first.seconds_per_1000_images > 0
    assert seen == [(1, 2), (2, 2)]


def test_every_branch_is_given_pixels(
    branches: SplitNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "_measure_in_child", made_up_measurement)
    save_artifact(branches, tmp_path / "artifact")
    measured = measure_artifact(tmp_path / "artifact")
    assert [fragment.input_bytes for fragment in measured] == [36, 36]
    assert [fragment.output_bytes for fragment in measured] == [4, 8]


def test_a_graph_with_two_tensors_across_its_cut_by_hand(tmp_path: Path) -> None:
    model = trace_module(graph_networks.skipping(), (3, 8, 8))
    fragments = fragment_modules(model, graph_costs(model, 1), (2,))  # after the second convolution, beside the skip
    save_graph_artifact(GraphArtifact("skipping", "float32", {}, fragments, (3, 4)), tmp_path / "artifact")
    assert len(input_tensors(tmp_path / "artifact", 1)) == 2
    first, second = measure_artifact(tmp_path / "artifact")
    assert (first.multiply_adds, second.multiply_adds) == (64 * 8 * 27 + 64 * 8 * 72, 5 * 128)
    assert (first.parameters, second.parameters) == (3, 4)
    assert (first.input_bytes, first.output_bytes) == (3 * 64 * 4, 2 * 8 * 64 * 4)
    assert (second.input_bytes, second.output_bytes) == (2 * 8 * 64 * 4, 5 * 4)
    assert second.ram_base_mb > 50 and second.ram_per_image_kb > 2 * 8 * 64 * 4 / 1024
    assert second.seconds_per_1000_images > 0


def test_a_failed_measurement_says_why(
    chain: SplitNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_artifact(chain, tmp_path / "artifact")
    monkeypatch.setattr(profiles.sys, "executable", "/bin/false")
    with pytest.raises(SplitPlaceError, match=r"measuring fragment 0 of .* failed: exit status 1"):
        measure_artifact(tmp_path / "artifact")


def test_the_machine_has_no_name() -> None:
    assert sorted(machine_description()) == ["cores", "memory_gb", "processor"]
