"""Two thousand event streams of one real gateway."""

from __future__ import annotations

import select
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest_twisted
from twisted.internet import reactor

from tests.integration.gateway.test_raw import resident
from tests.support.accounts import BROWSER, HOME, PASSWORD, make_accounts
from tests.support.app import App, Client
from tests.support.raw_http import connected
from twisted_tasks.gateway.accounts.storage.sqlite.store import SqliteAccountStore
from twisted_tasks.gateway.api.credentials import COOKIE
from twisted_tasks.gateway.api.hub import STREAMS_EACH
from twisted_tasks.ops.clock import MonotonicClock

PEOPLE = 200


async def sign_up(accounts: Path) -> list[str]:
    """Make the accounts without the gateway, whose hashes of passwords take time; return the secrets of sessions."""
    clock = MonotonicClock(reactor)
    service = make_accounts(SqliteAccountStore(str(accounts), reactor, clock), clock, wall=time.time)
    await service.open()
    try:
        return [(await service.signup(f"user{number}", PASSWORD, HOME, BROWSER))[1] for number in range(PEOPLE)]
    finally:
        await service.close()


def listen(app: App, client: Client, stack: ExitStack) -> socket.socket:
    """Return a connection on which events come."""
    connection = stack.enter_context(connected(app.web))
    connection.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: a\r\nCookie: {COOKIE}={client.secret}\r\n\r\n".encode())
    return connection


def read_until(connections: list[socket.socket], wanted: bytes, seconds: float = 60.0) -> int:
    """Read until each connection has brought this; return how many have."""
    received = dict.fromkeys(connections, b"")
    end = time.monotonic() + seconds
    poller = select.poll()
    by_number = {connection.fileno(): connection for connection in connections}
    for number in by_number:
        poller.register(number, select.POLLIN)
    waiting = set(connections)
    while waiting and time.monotonic() < end:
        for number, _ in poller.poll(1000):
            connection = by_number[number]
            received[connection] += connection.recv(65_536)
            if wanted in received[connection]:
                waiting.discard(connection)
                poller.unregister(number)
    return len(connections) - len(waiting)


@pytest_twisted.ensureDeferred
async def test_two_thousand(tmp_path: Path) -> None:
    """They take at most 20 KiB each, a change reaches all of its user's, and others' requests are answered."""
    accounts = tmp_path / "accounts.sqlite3"
    secrets = await sign_up(accounts)
    with App(tmp_path, "--rate-limit", "0", "--accounts-sqlite", str(accounts)) as app, ExitStack() as stack:
        people = [Client(app.url, secret) for secret in secrets]
        before = resident(app)
        streams = [[listen(app, person, stack) for _ in range(STREAMS_EACH)] for person in people]
        everybody = [stream for each in streams for stream in each]
        assert read_until(everybody, b"retry: 2000") == PEOPLE * STREAMS_EACH
        time.sleep(3)
        assert (resident(app) - before) * 1024 / len(everybody) <= 20
        people[7].add("news")
        assert read_until(streams[7], b"event: changed") == STREAMS_EACH
        assert read_until(streams[8], b"event: changed", 3) == 0
