"""The service inside a Twisted application that is there already."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.application.service import IService, MultiService
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from tests.clients import thriftpy2_client
from twisted_tasks import config
from twisted_tasks.ops.daemon import StartError
from twisted_tasks.tap import make_service


def settings(folder: Path, **more: str) -> config.Settings:
    return config.load({"port": "0", "sqlite": str(folder / "tasks.sqlite3")} | more, {})


def add_and_list(port: int) -> list[str]:
    with thriftpy2_client(port) as client:
        client.add("me", "tea", None)
        return [task.name for task in client.all("me")]


@pytest_twisted.ensureDeferred
async def test_a_child_of_an_application(tmp_path: Path) -> None:
    """It starts and stops with its parent, may start again, and leaves nothing behind in the reactor."""
    running: Any = reactor
    before = (set(running.getReaders()), set(running.getDelayedCalls()))
    application = MultiService()
    service = make_service(settings(tmp_path), reactor)
    assert IService.providedBy(service)
    service.setServiceParent(application)
    for count in (1, 2):
        application.startService()
        (port,) = service.ports
        number = port.getHost().port  # type: ignore[attr-defined]
        assert await deferToThread(add_and_list, number) == ["tea"] * count
        await application.stopService()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", number)).close()
    assert (set(running.getReaders()), set(running.getDelayedCalls())) == before


def test_nothing_is_opened_before_it_starts(tmp_path: Path) -> None:
    """Making the service opens no file and no port: twistd makes it before it forks."""
    running: Any = reactor
    readers = set(running.getReaders())
    make_service(settings(tmp_path), reactor)
    assert list(tmp_path.iterdir()) == []
    assert set(running.getReaders()) == readers


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """A start that fails raises in the application, with the reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = socket.create_server(("127.0.0.1", 0))
        one, other = free.getsockname()[1], taken.getsockname()[1]
        free.close()
        service = make_service(config.load({"listen": [f"tcp:{one}", f"tcp:{other}:interface=127.0.0.1"]}, {}), reactor)
        with pytest.raises(StartError, match=f"cannot listen on tcp:{other}"):
            service.startService()
