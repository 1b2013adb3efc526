"""Who may read the page: this machine's users on loopback; elsewhere, who shows the token."""

from __future__ import annotations

import hashlib
import hmac
from typing import Optional
from urllib.parse import urlsplit

from flask import Flask, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from ..errors import AgentRefusal

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
COOKIE = "cosco_splitplace"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SIGN_IN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>cosco-splitplace</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<h1>cosco-splitplace dashboard</h1><p>{message}</p>
<form action="/"><label>Token <input type="password" name="token" autocomplete="off"></label>
<button>Show the page</button></form></html>"""


def guard(app: Flask, token: str, secure: bool) -> None:
    """Let only those in who may, and send the headers that keep the page to itself.

    Parameters
    ----------
    token : what clients must show, as a bearer token or once as ``/?token=``; "": only a loopback name will do.
    secure : whether it is served by TLS.
    """
    session = hmac.new(token.encode(), b"dashboard", hashlib.sha256).hexdigest()

    @app.before_request
    def admit() -> Optional[AnyResponse]:
        if not token:
            name = urlsplit(f"//{request.host}").hostname or ""
            if name not in LOOPBACK:  # a foreign name that resolves to this machine: DNS rebinding
                raise AgentRefusal(f"the Host header is {request.host[:80]!r}; open the page as http://127.0.0.1", 403)
            return None
        if request.path == "/" and "token" in request.args:
            if not _same(request.args["token"], token):
                return Response(_SIGN_IN.format(message="That is not the token."), 401, mimetype="text/html")
            reply = redirect("/", 303)
            reply.set_cookie(COOKIE, session, httponly=True, samesite="Strict", secure=secure)
            return reply
        shown = request.headers.get("Authorization", "")
        if _same(shown, f"Bearer {token}") or _same(request.cookies.get(COOKIE, ""), session):
            return None
        if request.path == "/":
            message = "This page needs the token that was printed when it was started."
            return Response(_SIGN_IN.format(message=message), 401, mimetype="text/html")
        raise AgentRefusal("the token is missing or wrong; send Authorization: Bearer TOKEN", 401)

    @app.after_request
    def keep_to_itself(reply: Response) -> Response:
        for name, value in HEADERS.items():
            reply.headers[name] = value
        return reply


def _same(a: str, b: str) -> bool:
    return hmac.compare_digest(a.encode("utf-8", "surrogateescape"), b.encode("utf-8", "surrogateescape"))
