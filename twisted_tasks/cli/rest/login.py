"""A username and a password become a token: a session is opened, makes the token, and is closed again."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted_tasks.cli.rest.credentials import GatewayCredentials
from twisted_tasks.cli.rest.errors import NotLoggedIn
from twisted_tasks.cli.rest.exchange import HttpExchange
from twisted_tasks.cli.rest.http import AgentTransport, HttpAnswer
from twisted_tasks.client.errors import BadReply, InvalidArgument
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.reactor import INetworkReactor

SCOPES = ["tasks:read", "tasks:write"]
_COOKIE = "__Host-tasks"


async def make_credentials(
    base: str,
    reactor: INetworkReactor,
    timeout: float,
    tls: Callable[[str], Any] | None,
    username: str | None,
    secret: str,
) -> GatewayCredentials:
    """Return a token that works at a gateway.

    @param username: whose password the secret is; None: the secret is a token.
    """
    clock = MonotonicClock(reactor)
    transport = AgentTransport(reactor, timeout, tls)
    try:
        if username is not None:
            return await log_in(HttpExchange(base, transport, clock, {}, timeout), base, username, secret)
        await HttpExchange(base, transport, clock, {"Authorization": f"Bearer {secret}"}, timeout).ask(
            "GET", "/tasks?limit=1"
        )
        return GatewayCredentials("me", secret)
    finally:
        await transport.close()


async def log_in(exchange: HttpExchange, origin: str, username: str, password: str) -> GatewayCredentials:
    """Return a new token of an account.

    @param origin: the gateway's own origin, which it asks for with a cookie.
    @raise InvalidArgument: the username or the password is wrong.
    """
    try:
        answer = await exchange.answer("POST", "/session", {"username": username, "password": password})
    except NotLoggedIn:
        raise InvalidArgument("the username or the password is wrong") from None
    headers = {"Cookie": _cookie(answer), "Origin": origin}
    account = await exchange.ask("GET", "/account", headers=headers)
    try:
        name = f"tasks on {socket.gethostname()}"[:64]
        made = await exchange.ask("POST", "/tokens", {"name": name, "scopes": SCOPES}, headers)
    finally:
        await exchange.ask("DELETE", "/session", headers=headers)
    return GatewayCredentials(_text(account, "username"), _text(made, "token"))


def _cookie(answer: HttpAnswer) -> str:
    for line in answer.headers.getRawHeaders("set-cookie") or ():
        pair = line.partition(";")[0].strip()
        if pair.startswith(f"{_COOKIE}="):
            return pair
    raise BadReply("the gateway answers a login without a cookie")


def _text(record: Any, field: str) -> str:
    if not isinstance(record, dict) or not isinstance(record.get(field), str):
        raise BadReply(f"the gateway's answer has no {field}")
    return str(record[field])
