"""Hooks of schemathesis: who it calls as, and what it does not know of removed tasks."""

from __future__ import annotations

import os
import re
import secrets
from typing import Any
from urllib.parse import urlsplit

import schemathesis

from tests.support.accounts import PASSWORD
from tests.support.app import Client
from twisted_tasks.gateway.api.credentials import COOKIE

_URL = os.environ["GATEWAY_URL"]
_SESSIONS = ("/account", "/session", "/tokens")
_token: list[str] = []

_ID = re.compile("[0-9a-f]{24}")
_TASK = re.compile(f"/api/v1/tasks/({_ID.pattern})(/restore)?")
_removed: set[str] = set()


def _entered() -> str:
    client = Client(_URL).sign_up(f"user-{secrets.token_hex(8)}", PASSWORD)
    assert client.secret is not None
    return client.secret


def _by_token() -> str:
    if not _token:
        program = Client(_URL, _entered()).make_token()
        _token.append(program.http.headers["authorization"])
    return _token[0]


@schemathesis.auth(refresh_interval=None)
class Auth:
    """Shows one credential, and takes away what schemathesis made up for the other."""

    def get(self, case: Any, context: Any) -> tuple[str, str]:
        """Return the name and the value of the cookie, or of the field of the head, that shows who calls."""
        path = case.operation.path.removeprefix("/api/v1")
        if path.startswith(_SESSIONS):
            # Somebody new each time: much of this ends the session it is done with.
            return COOKIE, _entered()
        return "Authorization", _by_token()

    def set(self, case: Any, data: tuple[str, str], context: Any) -> None:
        """Show it."""
        case.headers.pop("Authorization", None)
        case.headers["Sec-Fetch-Site"] = "same-origin"
        name, value = data
        case.cookies = {name: value} if name == COOKIE else {}
        if name != COOKIE:
            case.headers[name] = value


@schemathesis.check
def removed_tasks_are_gone(context: Any, response: Any, case: Any) -> None:
    """A removed task is neither shown nor changed before it is restored.

    It stands for `use_after_free`, which does not take a restoration for one.
    """
    if not 200 <= response.status_code < 300:
        return
    request = response.request
    path = urlsplit(request.url).path
    if path == "/api/v1/tasks/batch":
        # Its operations may restore; what they remove is not followed.
        _removed.difference_update(_ID.findall(response.content.decode()))
        return
    match = _TASK.fullmatch(path)
    if match is None:
        return
    task_id, restored = match.groups()
    if restored:
        _removed.discard(task_id)
    elif request.method == "DELETE":
        _removed.add(task_id)
    else:
        assert task_id not in _removed, f"{request.method} of a removed task is answered {response.status_code}"
