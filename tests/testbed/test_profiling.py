"""Fragments profiled by a real agent."""

from __future__ import annotations

import pytest

from cosco_splitplace.agent.client import AgentClient
from cosco_splitplace.agent.profiling import RUNS, AgentMeasurement
from cosco_splitplace.errors import SplitPlaceError

from .made import ARTIFACT


def test_an_agent_measures_a_fragment_by_batch_size(client: AgentClient) -> None:
    found = AgentMeasurement(client, 1000)(ARTIFACT, 3, (), (32,), 1)
    assert [one["batch"] for one in found["batches"]] == [1, 32, 256]
    for one in found["batches"]:
        assert one["runs"] == RUNS and 0 < one["fastest_ms"] <= one["latency_ms"] <= one["latency_p90_ms"]
        assert one["cpu_ms"] > 0
        assert one["images_per_s"] == pytest.approx(one["batch"] / one["latency_ms"] * 1e3, rel=0.01)
        assert 100 < one["peak_rss_mb"] < 1000
    assert found["batches"][2]["cpu_ms"] > found["batches"][0]["cpu_ms"]
    assert found["ram_base_mb"] == found["batches"][0]["peak_rss_mb"] and found["threads"] == 1
    assert client.notifications("", -1, 0.0)["names"] == []  # nothing is left there


def test_what_the_agent_cannot_run_is_said(client: AgentClient) -> None:
    with pytest.raises(SplitPlaceError, match="no room: 1000000 MB are asked for"):
        AgentMeasurement(client, 10**6)(ARTIFACT, 0, (), (), 1)
