"""A link that fails when it is told to: a TCP proxy in front of an agent that cuts, delays, repeats and damages."""

from __future__ import annotations

import socket
import threading
import time
from typing import List, Optional, Tuple


class FaultyLink:
    """A proxy to `target` (host, port).

    ``cut`` drops all connections and takes no new ones; ``delay_s`` holds back every block; ``damage`` is how many
    blocks of uploads still get a wrong byte.
    """

    def __init__(self, target: Tuple[str, int]) -> None:
        self._target = target
        self.cut = False
        self.delay_s = 0.0
        self.damage = 0
        self.damaged = 0
        self._open: List[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_for(self, seconds: float) -> None:
        """Cut it now, and mend it after `seconds`."""
        self.cut = True
        for one in self._open:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._open.clear()
        threading.Timer(seconds, self._mend).start()

    def close(self) -> None:
        self._server.close()

    def _mend(self) -> None:
        self.cut = False

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self.cut:
                client.close()
                continue
            server = self._connect()
            if server is None:
                client.close()
                continue
            self._open += [client, server]
            for source, sink, uploads in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=(source, sink, uploads), daemon=True).start()

    def _connect(self) -> Optional[socket.socket]:
        try:
            return socket.create_connection(self._target, timeout=5)
        except OSError:
            return None

    def _pump(self, source: socket.socket, sink: socket.socket, uploads: bool) -> None:
        try:
            source.settimeout(None)
            while block := source.recv(65536):
                if self.delay_s:
                    time.sleep(self.delay_s)
                if uploads and self.damage and len(block) > 4000 and b"HTTP/1.1\r\n" not in block:
                    self.damage -= 1
                    self.damaged += 1
                    block = block[:2000] + bytes([block[2000] ^ 1]) + block[2001:]
                sink.sendall(block)
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.close()
            except OSError:
                pass
