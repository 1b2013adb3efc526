"""Agents on loopback that answer COSCO's opcodes as COSCO's own do, but run nothing; and that fail when told to."""
from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

NEVER = "0001-01-01T00:00:00Z"  # what Docker says of a container that has never run
Answer = Tuple[int, Dict[str, Any]]
OK: Answer = (200, {"rc": 0})
FAILED: Answer = (500, {"rc": 1})
NOT_FOUND: Answer = (404, {"rc": 4})


@dataclass
class FakeContainer:
    """A container: it runs, has a checkpoint beside it, or has ended."""

    image: str
    began: float
    running: bool = True
    checkpointed: bool = False
    finished_at: str = NEVER
    error: str = ""


class FakeAgent:
    """An agent at an address of its own in 127.0.0.0/8.

    Parameters
    ----------
    number : the last part of its address.
    now : its clock, in seconds since 1970.
    lasts_s : after so long a container ends by itself; None: only by `finish`.

    ``broken`` opcodes end in HTTP 500 and do nothing; ``lying`` ones say that they did what they did not; ``mute`` ones
    do it, but the answer is cut off. ``asked`` holds every request.
    """

    def __init__(
        self, number: int, now: Callable[[], float] = time.time, lasts_s: Optional[float] = None
    ) -> None:
        self.now, self.lasts_s = now, lasts_s
        self.asked: List[Dict[str, Any]] = []
        self.containers: Dict[str, FakeContainer] = {}
        self.inbox: Set[str] = set()  # names of checkpoints that arrived
        self.peers: Dict[str, FakeAgent] = {}
        self.broken: Set[str] = set()
        self.lying: Set[str] = set()
        self.mute: Set[str] = set()
        self._lock = threading.Lock()
        self.host = f"127.0.0.{number}"
        self._server: Optional[ThreadingHTTPServer] = None
        self._port = 0
        self.open()

    @property
    def address(self) -> str:
        return f"{self.host}:{self._port}"

    @property
    def running(self) -> List[str]:
        return [name for name, one in self.containers.items() if one.running]

    def open(self) -> None:
        """Answer, on the same port as before."""
        agent = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                code, content = agent.answer(body)
                if body["opcode"] in agent.mute:
                    return
                self.send_response(code)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((self.host, self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()

    def close(self) -> None:
        """Be dead: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def finish(self) -> None:
        """All containers that run end well, now."""
        with self._lock:
            for one in self.containers.values():
                self._end(one)

    def _end(self, one: FakeContainer) -> None:
        if one.running:
            one.running = False
            one.finished_at = datetime.fromtimestamp(self.now(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")

    def answer(self, body: Dict[str, Any]) -> Answer:
        """Status and content."""
        with self._lock:
            self.asked.append(body)
            for one in self.containers.values():
                if self.lasts_s is not None and self.now() - one.began > self.lasts_s:
                    self._end(one)
            opcode, name = body["opcode"], body.get("name", "")
            if opcode in self.broken:
                return FAILED
            if opcode in self.lying:
                return OK
            return self._do(opcode, name, body)

    def _do(self, opcode: str, name: str, body: Dict[str, Any]) -> Answer:
        if opcode == "create":
            if name in self.containers:
                return FAILED
            self.containers[name] = FakeContainer(body["image"], self.now())
        elif opcode == "delete":
            return NOT_FOUND if self.containers.pop(name, None) is None else OK
        elif opcode == "checkpoint" and self.containers[name].running:
            self.containers[name].running, self.containers[name].checkpointed = False, True
        elif opcode == "migrate" and self.containers[name].checkpointed:
            del self.containers[name]
            self.peers[body["targetIP"]].inbox.add(name)
        elif opcode == "restore":
            self.containers[name] = FakeContainer(body["image"], self.now(), running=name in self.inbox)
            self.inbox.discard(name)
        elif opcode == "hostStat":
            return 200, {"ip": self.host, "cpu": min(100.0, 10.0 * len(self.running)), "memory": 1.0, "disk": 1.0}
        elif opcode == "ContainerStat":
            return 200, {"hostIP": self.host, "stats": [self._stat(*each) for each in self.containers.items()]}
        return 200, {"message": f"{opcode} successful"}  # as COSCO's agent says, too, where nothing was done

    def _stat(self, name: str, one: FakeContainer) -> Dict[str, Any]:
        return {
            "name": name, "time": self.now(), "cpu": 10.0, "memory": 1.0, "disk": "0M", "read_bytes": 0,
            "write_bytes": 0, "bw_up": 0.0, "bw_down": 0.0, "running": one.running, "finished_at": one.finished_at,
            "error": one.error,
        }  # fmt: skip


def fake_agents(count: int, **options: Any) -> List[FakeAgent]:
    """Agents that know one another."""
    agents = [FakeAgent(number + 1, **options) for number in range(count)]
    for one in agents:
        one.peers = {other.host: other for other in agents}
    return agents
