"""What an attacker may send: nothing of it crashes the agent, is executed, or leaves its folder."""

from __future__ import annotations

import io
import json
import os
import random
import socket
import tarfile
from pathlib import Path
from typing import Any, Dict, Iterator, List

import numpy as np
import pytest
import requests
import schemathesis
import zstandard
from hypothesis import HealthCheck, given, settings

from cosco_splitplace.agent.client import AgentClient
from cosco_splitplace.agent.packing import pack, unpack
from cosco_splitplace.agent.server import make_app
from cosco_splitplace.agent.serving import AgentServer
from cosco_splitplace.errors import AgentRefusal, PayloadError
from cosco_splitplace.pipeline.payload import compress, decode, decompress, digest, encode

from .conftest import TOKEN
from .made import spec

MALFORMED = 10_000
SHA = "a" * 64
# what COSCO's agent took through its opcodes: each would make the file `canary` if a shell saw it
INJECTIONS = [
    "1_2; touch {canary}",
    "1_2 && touch {canary}",
    "1_2 | touch {canary}",
    "$(touch {canary})",
    "`touch {canary}`",
    "1_2\ntouch {canary}",
    "-v /:/host x",
    "1_2 --privileged",
    "'; touch {canary}; '",
    '"; touch {canary}; "',
    "x -e 'import os; os.system(\"touch {canary}\")'",
]
TRAVERSALS = [
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "/etc/passwd",
    "....//....//etc/passwd",
    "..\\..\\windows",
    "a/../../b",
    "%00",
    "a%00b",
    ".",
    "..",
    "~root",
    "a" * 5000,
    "f\u0000",
    "\u202e",
    "\u00e9",
]


def authorised(method: str, url: str, **options: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {TOKEN}", **options.pop("headers", {})}
    return requests.request(method, url, headers=headers, timeout=20, **options)


def tree(folder: Path) -> set:
    return {path for path in folder.rglob("*")}


def alive(agent: AgentServer) -> bool:
    return authorised("GET", f"{agent.address}/v1/host").ok


def test_the_document_is_true_of_the_server(agent: AgentServer) -> None:
    app = make_app(agent.agent)
    schema = schemathesis.openapi.from_wsgi("/v1/openapi.json", app, headers={"Authorization": f"Bearer {TOKEN}"})
    assert len(list(schema.get_all_operations())) >= 18
    seen: List[int] = []

    for operation in schema.get_all_operations():
        strategy = operation.ok().as_strategy()

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        def one(case: Any) -> None:
            reply = case.call(headers={"Authorization": f"Bearer {TOKEN}"})
            seen.append(reply.status_code)
            assert reply.status_code < 500 or reply.status_code == 507, (case.as_curl_command(), reply.text)

        given(strategy)(one)()
    assert len(seen) > 300 and 200 in seen


def malformed(draw: random.Random) -> Dict[str, Any]:
    """One request that is wrong in some way."""
    scalar = [None, True, -1, 0, 2**70, 1e400, "", "x" * 300, "\u0000", [], {}, [[]], {"a": {"b": []}}, "../..", SHA]
    names = ["f", "..", "%2e%2e", "a b", "a;b", "", "-", "_", "é", "f" * 64, "a/b"]
    part = draw.choice(["fragments", "payloads", "artifacts", "notifications", "request", "host", "x", ""])
    tail = draw.choice(
        [
            "",
            "/inputs",
            "/inputs/0",
            "/inputs/-1",
            "/inputs/999999999",
            "/outputs/x",
            "/targets",
            "/migrate",
            "/arrive",
            "/" + draw.choice(names),
        ]
    )
    path = f"/v1/{part}/{draw.choice([*names, SHA, SHA[:-1]])}{tail}" if part != "request" else "/request"
    keys = [
        "manifest",
        "weights",
        "index",
        "chunks",
        "images_at_once",
        "memory_mb",
        "cpus",
        "forward",
        "relay",
        "opcode",
        "name",
        "agent",
        "spec",
        "parts",
        "frozen",
        "chunks",
    ]
    body: Any = {draw.choice(keys): draw.choice(scalar) for _ in range(draw.randint(0, 8))}
    kind = draw.randrange(4)
    content = (
        json.dumps(body).encode()
        if kind == 0
        else draw.randbytes(draw.randint(0, 200))
        if kind == 1
        else json.dumps(draw.choice(scalar)).encode()
        if kind == 2
        else b"[" * draw.choice([1, 5000]) + b"{"
    )
    query = {
        draw.choice(["sha256", "encoding", "since", "wait", "keep"]): draw.choice(
            ["", "x", "-1", "nan", "1e999", SHA, "zstd", "0"]
        )
    }
    return {
        "method": draw.choice(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS"]),
        "path": path,
        "data": content,
        "query_string": query,
    }


def test_malformed_requests_are_refused(agent: AgentServer, tmp_path: Path) -> None:
    agent.agent.settings.__dict__["requests_s"] = 1e9
    client = make_app(agent.agent).test_client()
    before, draw = tree(tmp_path), random.Random(5)
    counts: Dict[int, int] = {}
    for _ in range(MALFORMED):
        request = malformed(draw)
        reply = client.open(request.pop("path"), headers={"Authorization": f"Bearer {TOKEN}"}, **request)
        counts[reply.status_code] = counts.get(reply.status_code, 0) + 1
        assert reply.status_code < 500, (request, reply.text)
        reply.close()
    assert sum(count for status, count in counts.items() if status >= 400) > MALFORMED / 2
    new = {one for one in tree(tmp_path) - before if not one.name.startswith(".new-")}
    assert all(one.parent.name in ("payloads", "artifacts") for one in new), new
    assert alive(agent)


@pytest.mark.parametrize("text", INJECTIONS)
def test_what_was_injected_into_coscos_agent_is_not_executed(agent: AgentServer, tmp_path: Path, text: str) -> None:
    canary = tmp_path / "canary"
    given = text.format(canary=canary)
    for opcode in ("create", "delete", "migrate", "checkpoint", "restore", "start", "stop", given):
        body = {
            "opcode": opcode,
            "name": given,
            "c_name": given,
            "image": given,
            "targetIP": given,
            "uname": given,
            "host_ip": given,
        }
        assert authorised("GET", f"{agent.address}/request", json=body).status_code in (400, 404, 409)
    assert (
        authorised("PUT", f"{agent.address}/v1/fragments/{requests.utils.quote(given, safe='')}", json={}).status_code
        >= 400
    )
    assert not canary.exists() and alive(agent)


@pytest.mark.parametrize("name", TRAVERSALS, ids=range(len(TRAVERSALS)))
def test_no_path_from_the_wire_is_used(agent: AgentServer, tmp_path: Path, name: str) -> None:
    before = tree(tmp_path)
    quoted = requests.utils.quote(name, safe="%")
    for place in ("fragments", "payloads", "artifacts"):
        for method in ("GET", "PUT", "DELETE"):
            reply = authorised(method, f"{agent.address}/v1/{place}/{quoted}", data=b"x")
            assert reply.status_code >= 400 and b"root:" not in reply.content
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"bearer {TOKEN}",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN.upper()}",
        f"Bearer  {TOKEN}",
    ],
)
def test_wrong_tokens_are_refused(agent: AgentServer, header: str) -> None:
    headers = {} if header is None else {"Authorization": header}
    for path in ("/v1/host", "/v1/openapi.json", "/request", "/v1/payloads/" + SHA):
        reply = requests.get(agent.address + path, headers=headers, timeout=20)
        assert reply.status_code == 401 and reply.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_of_another_cluster_is_no_use_when_replayed(make_agent: Any) -> None:
    from dataclasses import replace

    agent = make_agent()
    other = make_agent()
    other.agent.settings.__dict__.update(vars(replace(other.agent.settings, token=TOKEN[::-1])))
    assert (
        make_app(other.agent).test_client().get("/v1/host", headers={"Authorization": f"Bearer {TOKEN}"}).status_code
        == 401
    )
    assert alive(agent)


def test_opcodes_without_a_token_only_where_it_was_asked_for(make_agent: Any) -> None:
    shut, opened = make_agent(), make_agent(open_opcodes=True)
    body = {"opcode": "hostStat"}
    assert requests.get(f"{shut.address}/request", json=body, timeout=20).status_code == 401
    assert "cpu" in requests.get(f"{opened.address}/request", json=body, timeout=20).json()
    assert requests.get(f"{opened.address}/v1/host", timeout=20).status_code == 401
    outside = make_app(opened.agent).test_client()
    assert outside.get("/request", json=body, environ_base={"REMOTE_ADDR": "192.168.0.9"}).status_code == 401


def test_too_many_requests_are_refused(make_agent: Any) -> None:
    client = make_app(make_agent(requests_s=1.0).agent).test_client()
    statuses = [client.get("/v1/host", headers={"Authorization": f"Bearer {TOKEN}"}).status_code for _ in range(20)]
    assert statuses[:10] == [200] * 10 and 429 in statuses


def test_uploads_have_a_limit(make_agent: Any) -> None:
    agent = make_agent(most_upload_bytes=1000)
    content = b"x" * 1001
    for body, encoding in ((content, "identity"), (compress(content * 100), "zstd")):
        reply = authorised(
            "PUT", f"{agent.address}/v1/payloads/{digest(content)}", data=body, params={"encoding": encoding}
        )
        assert reply.status_code in (413, 422), reply.text
    assert list(agent.agent.payloads) == []


def test_a_compression_bomb_is_refused_before_it_grows() -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(200_000_000))
    assert len(bomb) < 100_000
    with pytest.raises(PayloadError, match="200000000 bytes; 1000 are allowed"):
        decompress(bomb, 1000)
    streamed = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    endless = streamed.compress(bytes(10_000_000)) + streamed.flush()
    with pytest.raises(PayloadError):
        decompress(endless, 1000)


def archive(entries: List[tarfile.TarInfo], content: bytes = b"x") -> io.BytesIO:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as made:
        for entry in entries:
            entry.size = len(content) if entry.isreg() else 0
            made.addfile(entry, io.BytesIO(content) if entry.isreg() else None)
    return io.BytesIO(zstandard.ZstdCompressor().compress(plain.getvalue()))


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, target, 0o4777
    return made


@pytest.mark.parametrize(
    "hostile",
    [
        [entry("../escaped")],
        [entry("/etc/escaped")],
        [entry("work/../../escaped")],
        [entry("work/input/../../x")],
        [entry("work/input/00000000", tarfile.SYMTYPE, "/etc/passwd")],
        [entry("work/log.txt", tarfile.LNKTYPE, "/etc/passwd")],
        [entry("work/input", tarfile.SYMTYPE, "/etc"), entry("work/input/00000000")],
        [entry("work/started", tarfile.CHRTYPE)],
        [entry("work/started", tarfile.BLKTYPE)],
        [entry("work/other")],
        [entry("work/input/00000000"), entry("work/input/00000000")],
        [entry("frozen/" + "a/" * 9 + "b")],
    ],
    ids=range(12),
)
def test_hostile_archives_are_refused(tmp_path: Path, hostile: List[tarfile.TarInfo]) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises((AgentRefusal, PayloadError, OSError)):
        unpack(archive(hostile), inside, 10_000)
    assert [one for one in tmp_path.iterdir() if one != inside] == []


def test_an_archive_that_grows_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AgentRefusal, match="larger than 1000 bytes"):
        unpack(archive([entry("work/log.txt")], bytes(100_000)), tmp_path, 1000)
    damaged = archive([entry("work/log.txt")], os.urandom(100_000)).getvalue()
    with pytest.raises(PayloadError):
        unpack(io.BytesIO(damaged[: len(damaged) // 2]), tmp_path, 10**9)


def test_what_is_packed_comes_out_the_same(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "work" / "output").mkdir(parents=True)
    (here / "work" / "output" / "00000000").write_bytes(b"answer")
    (here / "secret").write_text("stays")
    os.mkfifo(here / "work" / "input.bell")
    os.symlink("/etc/passwd", here / "work" / "log.txt")
    with (tmp_path / "packed").open("w+b") as file:
        pack(here, file)
        file.seek(0)
        unpack(file, there, 10_000)
    assert (there / "work" / "output" / "00000000").read_bytes() == b"answer"
    assert (there / "work" / "input.bell").is_fifo()
    assert {one.relative_to(there).as_posix() for one in tree(there)} == {
        "work",
        "work/output",
        "work/output/00000000",
        "work/input.bell",
    }


def test_a_payload_is_no_pickle_and_no_other_tensors() -> None:
    import pickle

    for content in (pickle.dumps({"x": 1}), b"", b"\x00" * 8, b"\xff" * 100, encode(np.zeros(3))[:-1]):
        with pytest.raises(PayloadError):
            decode(content)


def test_a_damaged_upload_is_refused_and_nothing_of_it_kept(agent: AgentServer, client: AgentClient) -> None:
    client.create("f", spec(client, 0, 1))
    good = encode(np.zeros((1, 1, 28, 28), dtype=np.uint8))
    for place, status in ((f"/v1/payloads/{digest(good)}", 422), ("/v1/fragments/f/inputs/0", 422)):
        reply = authorised("PUT", agent.address + place, data=good[:-1] + b"!", params={"sha256": digest(good)})
        assert reply.status_code == status and "came damaged" in reply.json()["error"]
    assert client.received("f") == 0 and list(agent.agent.payloads) == []


def test_garbage_on_the_wire_does_not_stop_the_server(agent: AgentServer) -> None:
    host, _, port = agent.address.rpartition("/")[2].partition(":")
    draw = random.Random(3)
    for content in [
        b"\x00" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"PUT /v1/host HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        *(draw.randbytes(300) for _ in range(50)),
    ]:
        with socket.create_connection((host, int(port)), timeout=5) as one:
            one.sendall(content)
    assert alive(agent)


@pytest.fixture(autouse=True)
def no_token_in_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert TOKEN not in caplog.text
