"""At the limit of file descriptors: no spin, nobody who is connected notices, and it recovers."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from thriftpy2.rpc import make_client

from tests.interop.server import Served
from tests.interop.test_thriftpy2 import IDL
from tests.support.clients import thriftpy2_client
from tests.support.daemon import TWISTD, Daemon


def flood(port: int, count: int) -> list[socket.socket]:
    """Return connections the server may or may not have taken."""
    return [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(count)]


def assert_calm(cpu: Any, call: Any) -> None:
    """See that a process serves calls and hardly works otherwise, for two seconds."""
    before, end = cpu(), time.monotonic() + 2
    calls = 0
    while calls < 3 or time.monotonic() < end:
        call()
        calls += 1
        time.sleep(0.05)
    # A process that spins uses a whole processor, or what others leave of one: here, 2 s.
    assert cpu() - before < 1.0


def test_a_flood(tmp_path: Path) -> None:
    """More connections than there are descriptors: those above are closed, and there is room when others end."""
    with Served(tmp_path, command="ulimit -n 64") as served:
        client = make_client(IDL.Everything, "127.0.0.1", served.port, timeout=30_000)
        crowd = flood(served.port, 200)
        assert_calm(served.cpu, lambda: client.inherited("x"))
        closed = 0
        for connection in crowd:
            connection.settimeout(0.01)
            try:
                closed += connection.recv(1) == b""
            except TimeoutError:
                pass
            except ConnectionResetError:
                closed += 1
        assert 150 < closed < 200
        for connection in crowd:
            connection.close()
        assert client.inherited("y") == "y"
        wait_for_room(served.port)
        log = served.logged()
        assert "limit of file descriptors leaves room" in log
        assert "Traceback" not in log
        assert len(log.splitlines()) < 30


def test_none_left_at_all(tmp_path: Path) -> None:
    """The same when it is something else that has taken every descriptor."""
    with Served(tmp_path, command="ulimit -n 128") as served:
        client = make_client(IDL.Everything, "127.0.0.1", served.port, timeout=30_000)
        assert client.inherited("x") == "x"
        served.process.send_signal(signal.SIGUSR1)
        crowd = flood(served.port, 20)
        assert_calm(served.cpu, lambda: client.inherited("x"))
        served.process.send_signal(signal.SIGUSR2)
        for connection in crowd:
            connection.close()
        wait_for_room(served.port)
        assert "Traceback" not in served.logged()


def wait_for_room(port: int) -> None:
    """Return once a new client is served."""
    for attempt in range(100):
        try:
            client = make_client(IDL.Everything, "127.0.0.1", port, timeout=30_000)
            assert client.inherited("z") == "z"
            client.close()
            return
        except Exception:
            if attempt == 99:
                raise
            time.sleep(0.1)


def test_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon as it is run, with its store: calls go on at the limit, and writes too."""
    monkeypatch.setattr("tests.support.daemon.TWISTD", ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *TWISTD])
    with Daemon(tmp_path) as daemon:
        assert daemon.process is not None
        with thriftpy2_client(daemon.port) as client:
            crowd = flood(daemon.port, 200)
            assert_calm(lambda: cpu_of(daemon), lambda: client.add("me", "tea", None))
            for connection in crowd:
                connection.close()
            assert client.all("me")
        log = daemon.log.read_text()
        assert "Traceback" not in log
        assert len(log.splitlines()) < 40


def cpu_of(daemon: Daemon) -> float:
    """Return how many seconds of CPU a daemon has used."""
    assert daemon.process is not None
    fields = Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
