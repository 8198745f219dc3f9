"""The health check as a container runs it: a process of its own, against the real daemon and against what is none."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, environment
from tests.support.paths import ROOT
from twisted_tasks import healthcheck


def run(*arguments: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run the health check, and return its exit status and its line, having checked that there is just the one."""
    ended = subprocess.run(
        [sys.executable, "-m", "twisted_tasks.healthcheck", *arguments],
        cwd=ROOT,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stderr == ""
    (line,) = ended.stdout.splitlines()
    return ended.returncode, line


@contextmanager
def listener(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Listen on loopback, serve one connection in a thread, and give the port."""

    def accept() -> None:
        try:
            connection, _ = server.accept()
            with connection:
                serve(connection)
        except OSError:  # the other side left: what most of these servers end by
            return

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            thread.join(60)
            assert not thread.is_alive()


def test_ready(tmp_path: Path) -> None:
    """Of a service that works it says so, and exits with 0; the port may come from the daemon's own variable."""
    with Daemon(tmp_path) as daemon:
        daemon.wait_for("ready: ")
        expected = (0, "ready: the task store works")
        assert run(f"127.0.0.1:{daemon.port}") == expected
        assert run(f"localhost:{daemon.port}") == expected
        assert run(env={"TASKS_PORT": str(daemon.port)}) == expected


def test_not_ready(tmp_path: Path) -> None:
    """Of a service whose store does not work it says so, and exits with 1; once the store works again, with 0."""
    with Daemon(tmp_path) as daemon:
        daemon.wait_for("ready: ")
        address = f"127.0.0.1:{daemon.port}"
        with closing(sqlite3.connect(tmp_path / "tasks.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # a foreign writer that does not let go
            daemon.wait_for("not ready: ")
            status, line = run(address)
            log = daemon.log.stat().st_size
        assert status == 1
        assert line.startswith("not ready: ")
        daemon.wait_for("ready: the task store works", log)
        assert run(address)[0] == 0


def test_not_listening() -> None:
    """Where nothing listens it says that, and exits with 1."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    assert run(address) == (1, f"{address}: Connection refused")


def test_no_such_host() -> None:
    """A host that cannot be found is named, with exit status 1."""
    status, line = run("nowhere.invalid:6001")
    assert status == 1
    assert line.startswith("nowhere.invalid:6001: ")
    assert run(f"{'x' * 64}.invalid:6001")[0] == 1  # too long to be asked for


def test_a_stopped_daemon(tmp_path: Path) -> None:
    """Of a daemon that has been frozen it says after its 3 s that there is no answer, and exits with 1."""
    with Daemon(tmp_path) as daemon:
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            assert run(f"127.0.0.1:{daemon.port}") == (1, f"127.0.0.1:{daemon.port}: no answer within 3 s")
        finally:
            daemon.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    ("garbage", "expected"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the answer is not one of a Tasks service"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not one of a Tasks service"),
        (b"\x7f\xff\xff\xff", "the answer is not one of a Tasks service"),
        (b"\x00\x00\x00\x00", "the answer is not one of a Tasks service"),
        (b"\x00\x00\x00\x04abcd", "the answer is not one of a Tasks service"),
        (b"\x00\x00\x00\x04abc", "it closed the connection without an answer"),
        (b"", "it closed the connection without an answer"),
    ],
)
def test_garbage(garbage: bytes, expected: str) -> None:
    """Something else that listens is told from a Tasks service by what it sends."""

    def serve(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(garbage)

    with listener(serve) as port, pytest.raises(healthcheck.NoAnswer) as caught:
        healthcheck.ask("127.0.0.1", port, 30)
    assert str(caught.value) == expected


def test_silence() -> None:
    """Who accepts and then says nothing is given up on in time."""

    def serve(connection: socket.socket) -> None:
        while connection.recv(1024):
            pass

    with listener(serve) as port, pytest.raises(healthcheck.NoAnswer, match=r"no answer within 0\.2 s"):
        healthcheck.ask("127.0.0.1", port, 0.2)


def test_dribble() -> None:
    """The time-out is for the whole answer: a byte now and then does not put it off."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"\x00\x00\x3f\xff")
        while True:  # until the other side is gone, which a send notices
            connection.sendall(b"\x80")
            time.sleep(0.02)

    begin = time.monotonic()
    with listener(serve) as port, pytest.raises(healthcheck.NoAnswer, match=r"no answer within 0\.5 s"):
        healthcheck.ask("127.0.0.1", port, 0.5)
    assert time.monotonic() - begin < 30  # the dribble goes on for five minutes


def test_it_is_light() -> None:
    """It is started every few seconds, and leaves Twisted out."""
    code = "import sys, twisted_tasks.healthcheck; sys.exit('twisted' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
