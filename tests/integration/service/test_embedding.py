"""The service inside a Twisted application that is there already."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.application.service import IService, MultiService
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react
from twisted.internet.threads import deferToThread

from tests.support.clients import thriftpy2_client
from tests.support.paths import ROOT
from twisted_tasks.ops.start import StartError
from twisted_tasks.service import config
from twisted_tasks.service.tap import make_service


def settings(folder: Path, **more: str) -> config.ServiceSettings:
    return config.load({"port": "0", "sqlite": str(folder / "tasks.sqlite3")} | more, {})


def add_and_list(port: int) -> list[str]:
    with thriftpy2_client(port) as client:
        client.add("me", "tea", None)
        return [task.name for task in client.all("me")]


async def start_and_stop_twice(running: Any, folder: Path) -> None:
    await deferLater(running, 0)  # the reactor has all that it needs itself
    before = (set(running.getReaders()), set(running.getDelayedCalls()))
    application = MultiService()
    service = make_service(settings(folder), running)
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
    left = (set(running.getReaders()), set(running.getDelayedCalls()))
    assert left == before, f"{left} where there was {before}"


def test_a_child_of_an_application(tmp_path: Path) -> None:
    """It starts and stops with its parent, may start again, and leaves nothing behind in the reactor.

    In a process of its own, whose reactor has nothing of other tests.
    """
    command = [sys.executable, "-m", "tests.integration.service.test_embedding", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (tmp_path / "tasks.sqlite3").exists()


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


if __name__ == "__main__":
    react(lambda running: Deferred.fromCoroutine(start_and_stop_twice(running, Path(sys.argv[1]))))
