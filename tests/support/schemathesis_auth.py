"""Hooks of schemathesis: it calls as somebody with a token, or, where only a session will do, as somebody new."""

from __future__ import annotations

import os
import secrets
from typing import Any

import schemathesis

from tests.support.accounts import PASSWORD
from tests.support.app import Client
from twisted_tasks.gateway.api.credentials import COOKIE

_URL = os.environ["GATEWAY_URL"]
_SESSIONS = ("/account", "/session", "/tokens")
_token: list[str] = []


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
