"""Starts an agent: reads its token, builds its parts, listens by waitress or, with TLS, by werkzeug's server."""

from __future__ import annotations

import logging
import os
import ssl
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional, Tuple

import psutil
from werkzeug.serving import make_server

from ..errors import ConfigurationError, require
from .client import Credentials
from .engines import Engine
from .server import TOKEN_BYTES, Agent, AgentSettings, make_app

logger = logging.getLogger(__name__)
THREADS = 16
PAYLOAD_IN_MEMORY = 32 * 2**20  # what is larger goes through a temporary file on its way in
SHARE_OF_MEMORY = 0.75  # of the host's, that fragments may take unless told otherwise; our choice


@dataclass(frozen=True)
class Tls:
    """Files of the own certificate and key; ``client_ca`` signs the clients' (mutual TLS)."""

    certificate: Path
    key: Path
    client_ca: Optional[Path] = None

    def context(self) -> ssl.SSLContext:
        """What the server needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
            if self.client_ca is not None:
                context.load_verify_locations(self.client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"the TLS files can't be used ({error}); give PEM files") from None
        return context


def read_token(path: Path) -> str:
    """The token in `path`, which only its owner may read.

    Raises
    ------
    ConfigurationError
        It is not there, too short, or readable by others.
    """
    try:
        mode = path.stat().st_mode
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the token file {path} can't be read ({error}); make one with: "
            f"python3 -c 'import secrets; print(secrets.token_urlsafe(32))' > {path} && chmod 600 {path}"
        ) from None
    require(not mode & (stat.S_IRWXG | stat.S_IRWXO), f"others may read the token file {path}; chmod 600 {path}")
    require(len(token) >= TOKEN_BYTES, f"the token in {path} has {len(token)} characters; give at least {TOKEN_BYTES}")
    return token


def parse_listen(text: str) -> Tuple[str, int]:
    """ "HOST:PORT" as (host, port); port 0 means any that is free."""
    host, colon, port = text.rpartition(":")
    require(bool(colon and host and port.isdigit() and int(port) < 65536), f"--listen is {text!r}; give HOST:PORT")
    return host.strip("[]"), int(port)


def memory_for_fragments(asked_mb: int) -> int:
    """What fragments may take together: what was asked for, else three quarters of the host's memory, in MB."""
    return asked_mb or int(psutil.virtual_memory().total / 1e6 * SHARE_OF_MEMORY)


class AgentServer:
    """An agent that listens.

    Parameters
    ----------
    settings : the agent's.
    engine : runs fragments.
    listen : host and port.
    tls : certificate and key; None: plain HTTP.

    ``address`` is where it listens; `serve` returns after `close`.
    """

    def __init__(
        self, settings: AgentSettings, engine: Engine, listen: Tuple[str, int], tls: Optional[Tls] = None
    ) -> None:
        self.agent = Agent(settings, engine)
        self._server, self._run = listening(make_app(self.agent), listen, tls)
        scheme = "https" if tls else "http"
        port = getattr(self._server, "effective_port", None) or self._server.port
        self.address = f"{scheme}://{listen[0]}:{port}"

    def serve(self) -> None:
        """Answer until `close`."""
        self._run()

    def serve_in_thread(self) -> threading.Thread:
        """The same, beside the caller."""
        thread = threading.Thread(target=self.serve, name=f"agent {self.address}", daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        """End all fragments' runtimes, and answer no more."""
        self.agent.fragments.close()
        shut = getattr(self._server, "shutdown", None) or self._server.close
        shut()


def listening(
    app: Any, listen: Tuple[str, int], tls: Optional[Tls], threads: int = THREADS
) -> Tuple[Any, Callable[[], None]]:
    """A server of `app` that listens, and what makes it answer until it is closed."""
    host, port = listen
    if tls is not None:  # waitress speaks no TLS
        server = make_server(host, port, app, threaded=True, ssl_context=tls.context())
        return server, server.serve_forever
    from waitress.server import create_server  # slow to import, and not needed with TLS

    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns whenever notifications are being held back
    wsgi = create_server(
        app,
        host=host,
        port=port,
        threads=threads,
        ident=None,
        channel_timeout=300,
        max_request_body_size=2**31,
        connection_limit=1000,
        recv_bytes=2**18,
        inbuf_overflow=PAYLOAD_IN_MEMORY,
    )

    def run() -> None:
        try:
            wsgi.run()
        except OSError:
            logger.debug("the server's sockets were closed")

    return wsgi, run


def own_credentials(token: str, ca: Optional[Path], tls: Optional[Tls]) -> Credentials:
    """How this agent talks to others."""
    certificate = (str(tls.certificate), str(tls.key)) if tls is not None and tls.client_ca is not None else None
    return Credentials(token, str(ca) if ca else None, certificate)


def write_address(path: Path, address: str) -> None:
    """Tell whoever started the agent where it listens."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(address, encoding="ascii")
    os.replace(draft, path)
