"""What the gateway makes of a reply of the Tasks service that never comes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.support.app import Client, GatewayDaemon
from tests.support.daemon import Daemon
from tests.support.proxy import FaultProxy


def lose_the_reply(proxy: FaultProxy, method: bytes) -> list[bytes]:
    """Cut the connection within the first reply that comes after a call of a method; return its calls, as they come."""
    calls: list[bytes] = []

    def see(data: bytes) -> None:
        if method in data:
            if not calls:
                proxy.to_client.cut_after = proxy.to_client.passed + 1
            calls.append(data)

    proxy.to_server.tap = see
    return calls


def ask(client: Client, *args: Any, **more: Any) -> Deferred[httpx.Response]:
    """Make a request while the reactor, and so the proxy, goes on."""
    make: Callable[..., httpx.Response] = client.request
    return deferToThread(make, *args, **more)


@pytest_twisted.ensureDeferred
async def test_the_reply_of_a_write_is_lost(tmp_path: Path) -> None:
    """The gateway repeats the call: one task is made, and a change under a condition is not refused for its own
    success. Each request has one answer, as if nothing had happened.
    """
    for folder in ("service", "gateway"):
        (tmp_path / folder).mkdir()
    with Daemon(tmp_path / "service") as service:
        service.wait_for("ready: the task store works")
        proxy = FaultProxy(reactor, "127.0.0.1", service.port)
        await proxy.start()
        gateway = GatewayDaemon(tmp_path / "gateway", [f"127.0.0.1:{proxy.port}"], "--timeout", "20")
        await deferToThread(gateway.start)
        try:
            alice = await deferToThread(Client(gateway.url).sign_up)
            calls = lose_the_reply(proxy, b"create")
            made = await ask(alice, "POST", "tasks", {"name": "tea"})
            assert (made.status_code, len(calls)) == (201, 2)
            listed = (await ask(alice, "GET", "tasks")).json()["tasks"]
            assert listed == [made.json()]

            calls = lose_the_reply(proxy, b"change")
            condition = {"headers": {"if-match": made.headers["etag"]}}
            path = f"tasks/{made.json()['id']}"
            changed = await ask(alice, "PATCH", path, {"name": "green tea"}, **condition)
            assert (changed.status_code, len(calls)) == (200, 2)
            assert changed.json()["version"] == made.json()["version"] + 1

            calls = lose_the_reply(proxy, b"remove")
            condition = {"headers": {"if-match": changed.headers["etag"]}}
            removed = await ask(alice, "DELETE", path, **condition)
            assert (removed.status_code, len(calls)) == (204, 2)
            assert (await ask(alice, "GET", "tasks")).json()["tasks"] == []
        finally:
            gateway.kill()
            await proxy.stop()
