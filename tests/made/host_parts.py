"""A COSCO checkout in use in this process, for a while; small runs inside it; an agent made of nothing but answers."""
from __future__ import annotations

import json
import os
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from cosco_splitplace.bridge.anchor import anchor
from cosco_splitplace.bridge.shims import apply_shims
from cosco_splitplace.config import Settings
from cosco_splitplace.records import RunResult

DROP_INS = ("framework_patches", "scheduler", "workload")


@contextmanager
def entered(root: Path) -> Iterator[Path]:
    """COSCO in `root` is importable, and so are the classes below it; afterwards nothing of it is left."""
    before = Path.cwd()
    held = anchor(root)
    shims = apply_shims(root)
    os.chdir(before)
    try:
        yield Path(root)
    finally:
        shims.undo()
        held.release()
        os.chdir(before)
        for name in list(sys.modules):
            if name.startswith(tuple(f"cosco_splitplace.{one}." for one in DROP_INS)):
                del sys.modules[name]


def small(placer: str, **run: Any) -> Settings:
    """10 hosts, 12 intervals."""
    chosen = {"placer": placer, "intervals": 12, "seed": 7, **run}
    return Settings().replace(run=chosen, cluster={"hosts": 10}, arrivals={"rate": 1.2, "sample_images": 50})


def responses(result: RunResult) -> List[Tuple[Any, ...]]:
    """What happened to each task, exactly."""
    return [
        (one.task.task_id, one.split, one.response_s, one.wait_s, one.transfer_s, one.hosts, one.accuracy, one.reward)
        for one in result.outcomes
    ]


class FakeAgent:
    """Answers COSCO's opcodes; a container runs until `finish` is called, and everything asked is in ``asked``."""

    def __init__(self) -> None:
        self.asked: List[Dict[str, Any]] = []
        self.containers: Dict[str, bool] = {}  # name -> running
        self.broken: Tuple[str, ...] = ()  # opcodes that end in HTTP 500
        agent = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                code, answer = agent.answer(body)
                self.send_response(code)
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def answer(self, body: Dict[str, Any]) -> Tuple[int, str]:
        """Status and body."""
        self.asked.append(body)
        opcode, name = body["opcode"], body.get("name", "")
        if opcode in self.broken:
            return 500, "<html>Internal Server Error</html>"
        if opcode in ("create", "restore"):
            self.containers[name] = True
        elif opcode in ("delete", "migrate"):
            self.containers.pop(name, None)
        elif opcode == "hostStat":
            return 200, json.dumps({"ip": self.address, "cpu": 10.0 * len(self.containers), "memory": 1.0, "disk": 1.0})
        elif opcode == "ContainerStat":
            stats = [{"name": one, "running": running} for one, running in self.containers.items()]
            return 200, json.dumps({"hostIP": self.address, "stats": stats})
        return 200, json.dumps({"message": "done"})

    def finish(self) -> None:
        """All containers end."""
        self.containers = dict.fromkeys(self.containers, False)

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
