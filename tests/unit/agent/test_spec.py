"""What an agent takes as a fragment, a name, an address."""

from __future__ import annotations

from typing import Any, Dict

import pytest

from cosco_splitplace.agent import names
from cosco_splitplace.agent.spec import FragmentSpec, chunk_index, links
from cosco_splitplace.errors import AgentRefusal

GOOD: Dict[str, Any] = {
    "manifest": "a" * 64,
    "weights": "b" * 64,
    "index": 0,
    "chunks": 3,
    "images_at_once": 64,
    "memory_mb": 300,
}


def test_a_good_fragment_survives_the_wire() -> None:
    forward = [{"agent": "https://host-1.example:8082", "fragment": "run-1-1"}]
    spec = FragmentSpec.from_json({**GOOD, "cpus": 0.5, "forward": forward})
    assert FragmentSpec.from_json(spec.to_json()) == spec
    assert spec.same_work(FragmentSpec.from_json({**GOOD, "cpus": 0.5}))
    assert not spec.same_work(FragmentSpec.from_json(GOOD))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("manifest", "A" * 64),
        ("manifest", "a" * 63),
        ("weights", 5),
        ("index", -1),
        ("index", True),
        ("index", 1.0),
        ("chunks", 0),
        ("chunks", 10**9),
        ("images_at_once", 0),
        ("memory_mb", 0),
        ("cpus", 0),
        ("cpus", float("nan")),
        ("cpus", "1"),
        ("forward", {}),
        ("forward", [{}]),
        ("forward", [{"agent": "x", "fragment": "f"}]),
        ("relay", [None]),
        ("relay", [{"agent": "http://h:1", "fragment": "f", "more": 1}] * 65),
        ("extra", 1),
    ],
)
def test_what_is_wrong_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(AgentRefusal) as refusal:
        FragmentSpec.from_json({**GOOD, key: value})
    assert refusal.value.status == 400


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_nothing_may_be_missing(missing: str) -> None:
    with pytest.raises(AgentRefusal, match=missing):
        FragmentSpec.from_json({key: value for key, value in GOOD.items() if key != missing})


@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        "ftp://h:1",
        "http://h:0",
        "http://h:99999",
        "http://u@h:1",
        "http://h:1/",
        "http://h:1/x",
        "http://:1",
        "",
        "http://h:1?x",
        "http://h:1#x",
        "http://-h:1",
        "http://h h:1",
        "HTTP://h:1\n",
        5,
        None,
        "//h:1",
        "http://[::1",
        "http://h:x",
    ],
)
def test_no_address_of_an_agent(url: Any) -> None:
    with pytest.raises(AgentRefusal, match="no agent's address"):
        names.agent_url(url)


@pytest.mark.parametrize("url", ["http://10.77.0.10:8082", "https://edge-1.example.org:443", "http://[::1]:8082"])
def test_addresses_of_agents(url: str) -> None:
    assert names.agent_url(url) == url


@pytest.mark.parametrize("text", ["-1", "", "1.0", "x", "1000000", "٣", "1e3", " 1"])
def test_no_number_of_a_chunk(text: str) -> None:
    with pytest.raises(AgentRefusal):
        chunk_index(text)


def test_links_of_chunks() -> None:
    assert links({"chunks": {"0": "a" * 64, "12": "b" * 64}}) == {0: "a" * 64, 12: "b" * 64}
    for wrong in (
        {"chunks": {"x": "a" * 64}},
        {"chunks": {"0": "x"}},
        {"chunks": []},
        {},
        [],
        {"chunks": {}, "more": 1},
    ):
        with pytest.raises(AgentRefusal):
            links(wrong)
