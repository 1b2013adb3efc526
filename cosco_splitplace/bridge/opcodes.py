"""COSCO's opcodes: a request is a GET with a JSON body to ``http://ADDRESS/request``, the answer a JSON object.

They carry no authentication, whence `agents_file` takes addresses of private networks only.
"""
from __future__ import annotations

import json
from typing import Any, Dict

import requests

PORT = 8081  # COSCO's agents listen there
CONNECT_S = 5.0  # our choice: an agent on a local network answers in milliseconds
ANSWER_S = 60.0  # our choice: a checkpoint of a container with torch in it takes 5 s, creating one may pull an image
NOT_FOUND = 404


class AgentFailure(Exception):
    """An agent did not do what it was asked; ``refused`` says that it answered so, else it may have done it or not."""

    def __init__(self, reason: str, refused: bool) -> None:
        super().__init__(reason)
        self.refused = refused


def ask(address: str, opcode: str, timeout_s: float = ANSWER_S, **payload: Any) -> Dict[str, Any]:
    """The agent's answer.

    Parameters
    ----------
    address : "host" or "host:port"; the port is 8081 unless given.
    opcode : create, delete, checkpoint, migrate, restore, ContainerStat or hostStat.
    timeout_s : how long the agent may be silent.
    payload : the opcode's own fields.

    Raises
    ------
    AgentFailure
        It can't be reached, is silent, says that it failed, or answers what is no JSON object.
    """
    url = f"http://{address if ':' in address else f'{address}:{PORT}'}/request"
    told = f"{address} {opcode} {payload.get('name', '')}".strip()
    try:
        with requests.Session() as session:
            session.trust_env = False  # an agent is not behind the user's web proxy
            reply = session.get(
                url, json={"opcode": opcode, **payload}, timeout=(CONNECT_S, timeout_s), allow_redirects=False
            )
    except requests.RequestException as error:
        raise AgentFailure(f"{told}: no answer ({type(error).__name__})", refused=False) from error
    if opcode == "delete" and reply.status_code == NOT_FOUND:
        return {}  # what is to be gone is gone
    try:
        answer = json.loads(reply.content or b"{}")
    except ValueError:
        answer = None
    failed = not isinstance(answer, dict) or answer.get("message") == "error" or answer.get("rc", 0) != 0
    if reply.status_code != requests.codes.ok or failed or "server_error" in answer:
        raise AgentFailure(f"{told}: HTTP {reply.status_code}, {reply.text[:200]!r}", refused=True)
    checked: Dict[str, Any] = answer
    return checked
