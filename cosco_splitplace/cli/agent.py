"""``cosco-splitplace agent``: what runs on an edge host."""

from __future__ import annotations

import hashlib
import logging
import signal
import sys
from pathlib import Path
from typing import Any, Optional, Tuple

import click

from ..agent.allocation import reuse_freed_memory
from ..agent.engines import Engine
from ..agent.engines.process import ProcessEngine
from ..agent.server import AgentSettings
from ..agent.serving import (
    AgentServer,
    Tls,
    memory_for_fragments,
    own_credentials,
    parse_listen,
    read_token,
    write_address,
)
from ..agent.transport import HTTP, TRANSPORTS, make_transport
from ..errors import require
from .console import errors


@click.command()
@click.option(
    "--listen", metavar="HOST:PORT", default="127.0.0.1:8082", show_default=True, help="Where to listen; port 0: any."
)
@click.option(
    "--token-file", type=click.Path(path_type=Path), required=True, help="File with the cluster's token, mode 600."
)
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="Where the agent keeps everything.")
@click.option("--memory-mb", type=click.IntRange(1), help="Memory for all fragments.  [default: 3/4 of the host's]")
@click.option(
    "--engine", type=click.Choice(["process", "docker"]), default="process", show_default=True,
    help="What runs fragments: child processes, or Docker containers that CRIU can move.",
)
@click.option(
    "--docker-socket", type=click.Path(path_type=Path), default=Path("/var/run/docker.sock"), show_default=True,
    help="Socket of the Docker daemon.",
)
@click.option(
    "--core", "cores", type=click.IntRange(0), multiple=True,
    help="A core that the process engine may bind fragments to; give it again for more.  [default: all]",
)
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate (PEM); makes the agent speak TLS.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its key.")
@click.option("--tls-ca", type=click.Path(path_type=Path), help="Who signed the other agents' certificates.")
@click.option("--tls-clients", is_flag=True, help="Take only clients whose certificate --tls-ca signed (mutual TLS).")
@click.option(
    "--transport", type=click.Choice(TRANSPORTS), default=HTTP, show_default=True,
    help="How payloads get to other hosts; rsync and scp need ssh between them without a password.",
)
@click.option(
    "--ssh-config", type=click.Path(path_type=Path),
    help="ssh's configuration file (user, port, key, known hosts).  [default: the user's own]",
)
@click.option("--open-opcodes", is_flag=True, help="Take COSCO's opcodes without a token; only on loopback.")
@click.option("--address-file", type=click.Path(path_type=Path), hidden=True)
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
def agent(
    listen: str,
    token_file: Path,
    folder: Path,
    memory_mb: Optional[int],
    engine: str,
    docker_socket: Path,
    cores: Tuple[int, ...],
    tls_cert: Optional[Path],
    tls_key: Optional[Path],
    tls_ca: Optional[Path],
    tls_clients: bool,
    transport: str,
    ssh_config: Optional[Path],
    open_opcodes: bool,
    address_file: Optional[Path],
    verbose: bool,
) -> None:
    """Run fragments on this host for a broker, until Ctrl-C.

    \b
    cosco-splitplace agent --listen 192.168.0.2:8082 --token-file token --folder /var/lib/cosco-splitplace
    cosco-splitplace agent --listen 192.168.0.2:8082 --token-file token --folder ... --tls-cert c.pem --tls-key k.pem

    Started again with the same folder, it goes on with the fragments that are there.
    """
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    require((tls_cert is None) == (tls_key is None), "--tls-cert and --tls-key come together")
    require(not tls_clients or tls_ca is not None, "--tls-clients needs --tls-ca")
    host, port = parse_listen(listen)
    require(
        not open_opcodes or host in ("127.0.0.1", "localhost", "::1"), f"--open-opcodes is for loopback, not {host}"
    )
    reuse_freed_memory()
    tls = (
        Tls(tls_cert, tls_key, tls_ca if tls_clients else None)
        if tls_cert is not None and tls_key is not None
        else None
    )
    token = read_token(token_file)
    settings = AgentSettings(
        folder,
        token,
        memory_for_fragments(memory_mb or 0),
        own_credentials(token, tls_ca, tls),
        open_opcodes=open_opcodes,
        transport=make_transport(transport, ssh_config),
    )
    try:
        server = AgentServer(settings, _engine(engine, docker_socket, folder, cores), (host, port), tls)
    except OSError as error:
        require(False, f"can't listen on {listen}: {error.strerror or error}")
        return

    def end(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    if address_file is not None:
        write_address(address_file, server.address)
    errors().print(
        f"agent at {server.address}, engine {engine}, {settings.memory_mb} MB for fragments", highlight=False
    )
    try:
        server.serve()
    except KeyboardInterrupt:
        server.close()
        sys.exit(0)


def _engine(name: str, socket: Path, folder: Path, cores: Tuple[int, ...]) -> Engine:
    if name == ProcessEngine.name:
        return ProcessEngine(cores=cores or None)
    require(not cores, "--core is for the process engine; Docker gives shares of all cores")
    from ..agent.engines.docker import DockerEngine  # the docker SDK takes 10 MB

    label = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    engine = DockerEngine(str(socket), label)
    if engine.missing():
        errors().print(f"no live migration: {engine.missing()}", highlight=False, soft_wrap=True)
    return engine
