"""An agent as seen from the broker or from another agent: the REST API under /v1 as methods."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import urlsplit

import requests

from ..errors import AgentRefusal, PayloadError
from ..pipeline.payload import PLAIN, ZSTD, Content, LinkCodec, Packed, compress, decompress, digest, parted

CONNECT_S = 5.0  # an agent on a network answers in milliseconds; a dead one should not hold anybody up
ANSWER_S = 60.0
PART_BYTES = 8 * 2**20
LOOPBACK = ("127.", "localhost", "::1")
MOST_BYTES = 2**30  # that this end takes as one payload


class AgentSilent(Exception):
    """No answer came: it may have done what it was asked, or not. All requests may be repeated."""


@dataclass(frozen=True)
class Credentials:
    """How one shows who one is, and knows whom one talks to.

    Parameters
    ----------
    token : the bearer token of the cluster.
    ca : file of the certificate authority that the agents' certificates must be signed by; None: the system's.
    certificate : files of the own certificate and key, where agents ask for one (mutual TLS).
    """

    token: str
    ca: Optional[str] = None
    certificate: Optional[Tuple[str, str]] = None

    def __repr__(self) -> str:
        return "Credentials(...)"  # the token stays out of logs


class AgentClient:
    """The agent at `url`, "http(s)://HOST:PORT", for all threads; methods raise `AgentSilent`, `AgentRefusal`."""

    def __init__(self, url: str, credentials: Credentials, answer_s: float = ANSWER_S) -> None:
        self.url, self._credentials, self._answer_s = url, credentials, answer_s
        self._local = threading.local()
        self.codec = LinkCodec()
        self._arrivals = ""
        # loopback is memory: what looks like a slow link there is a busy CPU, which compressing would not help
        self._on_this_machine = (urlsplit(url).hostname or "").startswith(LOOPBACK)

    # ---- the host and its fragments ----

    def host(self) -> Dict[str, Any]:
        """What the host is and what it does now."""
        return self._json("GET", "/v1/host")

    def arrivals_folder(self) -> str:
        """Where on that host payloads may be laid, under their SHA-256, for `link_inputs`."""
        if not self._arrivals:
            self._arrivals = str(self.host()["arrivals"])
        return self._arrivals

    def notifications(self, incarnation: str, since: int, wait_s: float) -> Dict[str, Any]:
        """What changed after version `since`; the answer is held back until there is something, at most `wait_s`."""
        query = {"incarnation": incarnation, "since": str(since), "wait": f"{wait_s:.3f}"}
        return self._json("GET", "/v1/notifications", params=query, answer_s=wait_s + CONNECT_S)

    def create(self, name: str, spec: Mapping[str, Any]) -> Dict[str, Any]:
        """Create and start a fragment; the same again changes nothing."""
        return self._json("PUT", f"/v1/fragments/{name}", json=spec)

    def redirect(self, name: str, forward: Sequence[Mapping[str, str]], relay: Sequence[Mapping[str, str]]) -> None:
        """Send its outputs, and its inputs, there from now on."""
        self._json("PUT", f"/v1/fragments/{name}/targets", json={"forward": list(forward), "relay": list(relay)})

    def delete(self, name: str) -> None:
        """End it and remove all that it has; what is not there is no error."""
        self._json("DELETE", f"/v1/fragments/{name}")

    def migrate(self, name: str, target: str) -> Dict[str, Any]:
        """Move a running fragment to the agent `target`; the answer says what became of it."""
        return self._json("POST", f"/v1/fragments/{name}/migrate", json={"agent": target}, answer_s=10 * self._answer_s)

    def arrive(self, name: str, arrival: Mapping[str, Any]) -> None:
        """Go on with a fragment whose packed parts were sent as payloads."""
        self._json("POST", f"/v1/fragments/{name}/arrive", json=arrival, answer_s=10 * self._answer_s)

    # ---- data ----

    def put_artifact(self, content: bytes) -> str:
        """Keep a file of an artifact there; sent only if it is not there yet. Returns its SHA-256."""
        sha256 = digest(content)
        if self._ask("HEAD", f"/v1/artifacts/{sha256}").status_code == requests.codes.not_found:
            self._ask("PUT", f"/v1/artifacts/{sha256}", data=content)
        return sha256

    def put_payload(self, content: bytes) -> str:
        """Keep a payload there for a while; sent only if it is not there yet. Returns its SHA-256."""
        sha256 = digest(content)
        if self._ask("HEAD", f"/v1/payloads/{sha256}").status_code == requests.codes.not_found:
            self._upload(f"/v1/payloads/{sha256}", content, {"sha256": sha256})
        return sha256

    def received(self, name: str) -> int:
        """How many inputs a fragment has got, counted from the first without a gap."""
        return int(self._json("GET", f"/v1/fragments/{name}/inputs")["received"])

    def link_inputs(self, name: str, chunks: Mapping[int, str]) -> List[int]:
        """Take these payloads as inputs where the agent has them already; returns the chunks that it lacks."""
        answer = self._json(
            "POST", f"/v1/fragments/{name}/inputs", json={"chunks": {str(k): v for k, v in chunks.items()}}
        )
        return [int(one) for one in answer["missing"]]

    def put_input(self, name: str, chunk: int, content: bytes, sha256: str = "") -> None:
        """Bring an input, whose SHA-256 may be known."""
        self._upload(f"/v1/fragments/{name}/inputs/{chunk}", content, {"sha256": sha256 or digest(content)})

    def put_kept_input(self, name: str, chunk: int, payload: Packed) -> None:
        """Bring an input that the agent keeps as a payload, too, for other fragments there."""
        query = {"sha256": payload.sha256, "keep": "1"}
        self._upload(f"/v1/fragments/{name}/inputs/{chunk}", payload.content, query, payload.compressed)

    def outputs(self, name: str) -> List[str]:
        """The SHA-256 of every output that is there, in order."""
        return [str(one) for one in self._json("GET", f"/v1/fragments/{name}/outputs")["outputs"]]

    def all_outputs(self, name: str) -> Iterator[bytes]:
        """The outputs that are there, in order. Raises PayloadError at one that came damaged."""
        digests = self.outputs(name)
        taken = 0
        while taken < len(digests):
            came = self._some_outputs(name, taken, digests[taken:])
            yield from came
            taken += len(came)

    # ---- requests ----

    def _upload(
        self, path: str, content: bytes, query: Dict[str, str], compressed: Optional[Callable[[], bytes]] = None
    ) -> None:
        """PUT `content`, compressed where that is faster on this link."""
        began = time.perf_counter()
        encoding = PLAIN if self._on_this_machine else self.codec.choose()
        body = content if encoding != ZSTD else compressed() if compressed is not None else compress(content)
        ready = time.perf_counter()
        self._ask("PUT", path, data=body, params={**query, "encoding": encoding})
        spent = (ready - began) if encoding == ZSTD else 0.0
        self.codec.measured(len(content), len(body), spent, time.perf_counter() - ready)

    def _some_outputs(self, name: str, first: int, digests: Sequence[str]) -> List[bytes]:
        """Outputs from number `first` on, whose SHA-256 are `digests`: as many as come at once, at least one."""
        last = first + len(digests) - 1
        body = self._ask("GET", f"/v1/fragments/{name}/outputs/{first}", params={"last": str(last)}).content
        contents = parted(body)
        if not 1 <= len(contents) <= len(digests):
            raise PayloadError(f"{len(contents)} outputs of {name} came, {len(digests)} were asked for")
        for number, (content, sha256) in enumerate(zip(contents, digests), first):
            if digest(content) != sha256:
                raise PayloadError(f"output {number} of {name} came damaged")
        return contents

    def _json(self, method: str, path: str, **options: Any) -> Dict[str, Any]:
        try:
            answer = self._ask(method, path, **options).json()
        except requests.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise AgentRefusal(f"{self.url} {method} {path}: the answer is no JSON object", 502)
        return answer

    def _ask(self, method: str, path: str, answer_s: Optional[float] = None, **options: Any) -> requests.Response:
        try:
            reply = self._session().request(
                method,
                self.url + path,
                timeout=(CONNECT_S, answer_s or self._answer_s),
                allow_redirects=False,
                **options,
            )
        except requests.RequestException as error:
            raise AgentSilent(f"{self.url} {method} {path}: {type(error).__name__}") from error
        if reply.ok or (method == "HEAD" and reply.status_code == requests.codes.not_found):
            return reply
        if reply.status_code in (requests.codes.bad_gateway, requests.codes.gateway_timeout):
            raise AgentSilent(f"{self.url} {method} {path}: HTTP {reply.status_code}")
        raise AgentRefusal(f"{self.url} {method} {path}: {_reason(reply)}", reply.status_code)

    def _session(self) -> requests.Session:
        session: Optional[requests.Session] = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # an agent is not behind the user's web proxy
            session.headers["Authorization"] = f"Bearer {self._credentials.token}"
            session.verify = self._credentials.ca or True
            session.cert = self._credentials.certificate
            self._local.session = session
        return session


def _reason(reply: requests.Response) -> str:
    try:
        return f"HTTP {reply.status_code}, {str(reply.json()['error'])[:300]}"
    except (requests.JSONDecodeError, KeyError, TypeError):
        return f"HTTP {reply.status_code}, {reply.text[:200]!r}"


def decoded(body: Content, encoding: str, most_bytes: int = MOST_BYTES) -> Content:
    """The content of an uploaded body."""
    return decompress(body, most_bytes) if encoding == ZSTD else body
