"""Fragments profiled by a real agent."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cosco_splitplace.agent.client import AgentClient
from cosco_splitplace.agent.profiling import PROBE, RUNS, AgentMeasurement
from cosco_splitplace.errors import SplitPlaceError
from cosco_splitplace.splitting.graphs.artifact import GraphArtifact, save_graph_artifact
from cosco_splitplace.splitting.graphs.costs import graph_costs
from cosco_splitplace.splitting.graphs.split import fragment_modules
from cosco_splitplace.splitting.graphs.tracing import trace_module

from .made import ARTIFACT


def test_an_agent_measures_a_fragment_by_batch_size(client: AgentClient) -> None:
    found = AgentMeasurement(client, 1000)(ARTIFACT, 3, (), (32,), 1)
    assert [one["batch"] for one in found["batches"]] == [1, PROBE, 32, 256]
    for one in found["batches"]:
        assert one["runs"] == RUNS and 0 < one["fastest_ms"] <= one["latency_ms"] <= one["latency_p90_ms"]
        assert one["cpu_ms"] > 0
        assert one["images_per_s"] == pytest.approx(one["batch"] / one["latency_ms"] * 1e3, rel=0.01)
        assert 100 < one["peak_rss_mb"] < 1000
    assert found["batches"][3]["cpu_ms"] > found["batches"][0]["cpu_ms"]
    assert found["ram_base_mb"] == found["batches"][0]["peak_rss_mb"] and found["threads"] == 1
    assert client.notifications("", -1, 0.0)["names"] == []  # nothing is left there


def test_what_the_agent_cannot_run_is_said(client: AgentClient) -> None:
    with pytest.raises(SplitPlaceError, match="no room: 1000000 MB are asked for"):
        AgentMeasurement(client, 10**6)(ARTIFACT, 0, (), (), 1)


def test_sizes_that_do_not_fit_are_left_out_and_said(
    client: AgentClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wide = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 3, padding=1), torch.nn.ReLU())  # 26 MB an image
    model = trace_module(wide, (3, 224, 224))
    fragments = fragment_modules(model, graph_costs(model, 2), (), "float32")
    save_graph_artifact(GraphArtifact("wide", "float32", {}, fragments, (1792,)), tmp_path / "wide")
    with caplog.at_level("WARNING"):
        found = AgentMeasurement(client, 1000)(tmp_path / "wide", 0, (), (8, 64), 1)
    assert [one["batch"] for one in found["batches"]] == [1, PROBE, 8]
    assert found["ram_per_image_kb"] > 64 * 224 * 224 * 4 / 1024
    assert "64 images at once is left out" in caplog.text and "256" not in caplog.text  # nobody asked for those
