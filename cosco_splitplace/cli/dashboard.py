"""``cosco-splitplace dashboard``: a live page of runs, going on or finished."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
import webbrowser
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator, Optional, Sequence, Tuple, TypeVar

import click

from ..errors import ConfigurationError, require
from .console import errors

if TYPE_CHECKING:
    from ..agent.serving import Tls
    from ..dashboard.server import DashboardServer

F = TypeVar("F", bound=Callable[..., Any])
HOST, PORT = "127.0.0.1", 8050
PORTS = 10  # tried one after the other where none was asked for


@click.command()
@click.argument("results", metavar="[RESULT]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), help=f"Port on loopback; 0: any.  [default: {PORT} or next]")
@click.option("--listen", metavar="HOST:PORT", help="Another address than loopback; it then needs a token.")
@click.option(
    "--token-file", type=click.Path(path_type=Path),
    help="File with the token, mode 600.  [default: one is made up and printed]",
)
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate (PEM); makes the page speak TLS.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its key.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
@click.option(
    "--no-references", is_flag=True, help="Do not work out what always-semantic and the bound reach in a run's world."
)
@click.option("--with-parent", is_flag=True, hidden=True)
def dashboard(
    results: Tuple[Path, ...],
    port: Optional[int],
    listen: Optional[str],
    token_file: Optional[Path],
    tls_cert: Optional[Path],
    tls_key: Optional[Path],
    open_page: bool,
    no_references: bool,
    with_parent: bool,
) -> None:
    """Show runs on a page, until Ctrl-C: those in or below each RESULT folder (default: results).

    \b
    cosco-splitplace dashboard                             every run below results/
    cosco-splitplace dashboard results/SplitPlace-seed0-001
    cosco-splitplace dashboard results/compare-001         the runs of a comparison, side by side
    cosco-splitplace dashboard --listen 0.0.0.0:8050       for other machines; prints an address with a token

    A run that goes on is followed; a folder that has no run yet is waited for. The page only reads: start, stop and
    reload it at any time. It also has a JSON API (/api/openapi.json) and metrics for Prometheus (/metrics).
    """
    from ..agent.serving import Tls, parse_listen, read_token  # here, as `run` only needs the option of this module
    from ..dashboard.security import LOOPBACK

    roots = results or (Path("results"),)
    for root in results:
        require(root.is_dir(), f"{root} is no folder; give a run's result folder, a comparison's, or one above them")
    require(listen is None or port is None, "--listen names a port, too; leave --port out")
    require((tls_cert is None) == (tls_key is None), "--tls-cert and --tls-key come together")
    tls = Tls(tls_cert, tls_key) if tls_cert is not None and tls_key is not None else None
    host, wanted = parse_listen(listen) if listen is not None else (HOST, PORT if port is None else port)
    token = read_token(token_file) if token_file is not None else ""
    if host not in LOOPBACK and not token:
        token = secrets.token_urlsafe(32)
    ports = range(wanted, wanted + PORTS) if listen is None and port is None else (wanted,)
    server = _listening(roots, host, ports, token, tls, not no_references)
    shown = f"{server.address}/?token={token}" if token and token_file is None else server.address
    signal.signal(signal.SIGTERM, _end)
    if with_parent:
        click.echo(shown)
        threading.Thread(target=_end_with_parent, daemon=True).start()
    else:
        errors().print(f"dashboard at {shown} (Ctrl-C ends it)", highlight=False, soft_wrap=True)
    if open_page:
        webbrowser.open(shown)
    try:
        with suppress(KeyboardInterrupt):
            server.serve()
    finally:
        server.close()


def _listening(
    roots: Sequence[Path], host: str, ports: Sequence[int], token: str, tls: "Optional[Tls]", compute: bool
) -> "DashboardServer":
    """A server on the first of `ports` that is free."""
    from ..dashboard.server import DashboardServer

    for port in ports:
        try:
            return DashboardServer(roots, (host, port), token, tls, compute)
        except OSError as error:
            reason = error.strerror or str(error)
    tried = str(ports[0]) if len(ports) == 1 else f"{ports[0]} to {ports[-1]}"
    raise ConfigurationError(f"can't listen on {host}, port {tried}: {reason}; give another --port")


def _end(*_: Any) -> None:
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """Whoever started this holds the other end of standard input open as long as it lives."""
    while os.read(sys.stdin.fileno(), 4096):  # not by the buffer, whose lock would be held when the program ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def dashboard_option(command: F) -> F:
    """Of commands that run: show the run while it goes on."""
    text = "Show the run on a live page; in a terminal until Ctrl-C."
    return click.option("--dashboard", is_flag=True, help=text)(command)


def show_dashboard(folder: Path) -> None:
    """`dashboard_of` the folder of the run that this command makes, until the command ends."""
    click.get_current_context().with_resource(dashboard_of(folder))


@contextmanager
def dashboard_of(folder: Path) -> Iterator[None]:
    """A dashboard of `folder` for a time, in a process of its own, so that the run beside it is not slowed.

    In a terminal it stays until Ctrl-C.
    """
    command = [sys.executable, "-m", "cosco_splitplace", "dashboard", str(folder), "--with-parent"]
    process = subprocess.Popen(  # noqa: S603  (this program, a folder of ours)
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    address = process.stdout.readline().strip() if process.stdout is not None else ""
    require(bool(address), "the dashboard did not start; its message is above")
    errors().print(f"dashboard at {address}", highlight=False, soft_wrap=True)
    try:
        yield
        if sys.stdin.isatty():
            errors().print(f"the dashboard stays at {address} until Ctrl-C", highlight=False, soft_wrap=True)
            with suppress(KeyboardInterrupt):
                process.wait()
    finally:
        process.terminate()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
