"""SIGTERM and SIGINT: what is answered, what is cut, how long it takes, and the exit status that tells of it.

Covers `ops.application`, `ops.shutdown`, `ops.signals`.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import thriftpy2.rpc
from thriftpy2.protocol.binary import TBinaryProtocol
from thriftpy2.thrift import TClient
from thriftpy2.transport import TSocket
from thriftpy2.transport.buffered import TBufferedTransport

from benchmarks.metrics_cost import call, text
from tests.support.clients import OURS, thriftpy2_client
from tests.support.daemon import TWISTD, Daemon, environment


@contextmanager
def writes_held_up(folder: Path) -> Iterator[sqlite3.Connection]:
    """Hold the write lock of the daemon's file, so that calls that write stay in flight."""
    end = time.monotonic() + 60
    while "ready: the task store works" not in (folder / "daemon.log").read_text():  # its start needs the lock too
        assert time.monotonic() < end
        time.sleep(0.02)
    connection = sqlite3.connect(folder / "tasks.sqlite3", isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    finally:
        connection.close()


def until_taken(daemon: Daemon, port: int) -> None:
    """Return when the daemon, asked what it has under way, names an add of the client that has this port."""
    assert daemon.process is not None
    end = time.monotonic() + 60
    while not re.search(rf" from \S+:{port}: .*: add \d+ ms", daemon.log.read_text()):
        assert time.monotonic() < end
        daemon.process.send_signal(signal.SIGUSR1)
        time.sleep(0.05)


class InFlight:
    """One add that another thread waits for; the daemon has taken it."""

    def __init__(self, daemon: Daemon) -> None:
        self.ended: Any = None
        # Waits for longer than thriftpy2 does by itself: it would hang up.
        connection = TSocket("127.0.0.1", daemon.port, socket_timeout=60_000)
        connection.open()
        self._thread = threading.Thread(target=self._run, args=(connection,))
        self._thread.start()
        until_taken(daemon, connection.sock.getsockname()[1])

    def _run(self, connection: Any) -> None:
        try:
            with closing(connection):
                client = TClient(OURS.Tasks, TBinaryProtocol(TBufferedTransport(connection)))
                self.ended = client.add("me", "tea", None)
        except Exception as error:  # whatever the client makes of a connection that is cut
            self.ended = error

    def result(self) -> Any:
        """Return what the call answered, or the exception it ended with."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.ended


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_that_leaves_nothing_undone(tmp_path: Path, number: int) -> None:
    """Idle connections are closed, and the exit status is 0."""
    with (
        Daemon(tmp_path) as daemon,
        socket.create_connection(("127.0.0.1", daemon.port), timeout=60) as idle,
        thriftpy2_client(daemon.port) as client,
    ):
        client.add("me", "tea", None)
        assert daemon.kill(number) == 0
        assert idle.recv(1) == b""


def test_calls_in_flight_are_answered(tmp_path: Path) -> None:
    """A call that was taken before the signal is answered, though no new connection is taken meanwhile."""
    with Daemon(tmp_path, "--drain-timeout", "50", "--timeout", "50") as daemon:
        with writes_held_up(tmp_path) as lock:
            call = InFlight(daemon)
            assert daemon.process is not None
            daemon.process.send_signal(signal.SIGTERM)
            daemon.wait_for("stopping: 1 calls in flight, 1 connections")
            assert refused(daemon.port)
            assert daemon.process.poll() is None
            lock.execute("COMMIT")
            assert call.result().name == "tea"
        assert daemon.process.wait(60) == 0


def test_what_takes_too_long_is_cut(tmp_path: Path) -> None:
    """After the drain timeout what is left is cut and logged, and the exit status is 1, whatever hangs."""
    with Daemon(tmp_path, "--drain-timeout", "0.5", "--timeout", "300") as daemon, writes_held_up(tmp_path):
        call = InFlight(daemon)
        begin = time.monotonic()
        assert daemon.kill(signal.SIGTERM) == 1
        assert time.monotonic() - begin < 30  # it has 0.5 s and two of grace; the store alone would have taken 300
        assert isinstance(call.result(), Exception)
        daemon.logged("cut: 1 calls in flight, 1 connections")


def count(folder: Path) -> int:
    """Return how many tasks there are."""
    with closing(sqlite3.connect(folder / "tasks.sqlite3")) as kept:
        return int(kept.execute("SELECT count(*) FROM tasks").fetchone()[0])


def test_a_client_that_pipelines(tmp_path: Path) -> None:
    """One that goes on sending during a stop, and has much to read, reads a reply to each call that was done."""
    frame = call(b"add", text(1, "me") + text(2, "tea"))
    with Daemon(tmp_path, "--drain-timeout", "50", "--timeout", "50", "--max-in-flight", "10000") as daemon:
        daemon.wait_for("ready: the task store works")
        with (
            socket.create_connection(("127.0.0.1", daemon.port), timeout=60) as client,
            client.makefile("rb") as stream,
        ):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.sendall(frame * 3000)
            end = time.monotonic() + 60
            while count(tmp_path) < 3000:
                assert time.monotonic() < end
                time.sleep(0.02)
            assert daemon.process is not None
            daemon.process.send_signal(signal.SIGTERM)
            daemon.wait_for(r"stopping: \d+ calls in flight, 1 connections")
            with suppress(OSError):  # a daemon that had closed the connection would answer these by resetting it
                for _ in range(10):
                    client.sendall(frame)
                    time.sleep(0.01)
            replies = 0
            while size := stream.read(4):
                stream.read(int.from_bytes(size, "big"))
                replies += 1
        assert daemon.process.wait(60) == 0
        assert replies == count(tmp_path)


def test_a_client_that_does_not_read_is_cut(tmp_path: Path) -> None:
    """A reply that its client does not take holds the stop up for no longer than the drain timeout."""
    with Daemon(tmp_path, "--drain-timeout", "1", "--max-in-flight", "100000") as daemon:
        with thriftpy2_client(daemon.port) as client:
            for _ in range(50):
                client.add("me", "x" * 4096, None)
        frame = b"\x80\x01\x00\x01\x00\x00\x00\x03all\x00\x00\x00\x01\x0b\x00\x01\x00\x00\x00\x02me\x00"
        with socket.create_connection(("127.0.0.1", daemon.port)) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(frame * 40)  # 200 KiB for each reply: more than sockets hold, less than the daemon cuts for
            assert deaf.recv(1)  # the calls were taken
            assert daemon.kill(signal.SIGTERM) == 1


def test_a_second_signal_cuts_at_once(tmp_path: Path) -> None:
    """Whoever sends a second signal waits no longer."""
    with Daemon(tmp_path, "--drain-timeout", "300", "--timeout", "300") as daemon, writes_held_up(tmp_path):
        call = InFlight(daemon)
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_for("stopping: 1 calls in flight")
        begin = time.monotonic()
        assert daemon.kill(signal.SIGINT) == 1
        assert time.monotonic() - begin < 30
        assert isinstance(call.result(), Exception)
        daemon.logged("cut: 1 calls in flight")


def test_the_drain_delay(tmp_path: Path) -> None:
    """During the drain delay check says not ready, and everybody is served, those who come anew too."""
    with Daemon(tmp_path, "--drain-delay", "300", "--drain-timeout", "400") as daemon:
        daemon.wait_for("ready: the task store works")
        with thriftpy2_client(daemon.port, timeout=60_000) as client:
            assert client.check().ok
            assert daemon.process is not None
            daemon.process.send_signal(signal.SIGTERM)
            daemon.wait_for("serving on for 300.0 s")
            assert (client.check().ok, client.check().message) == (False, "the service is stopping")
            with thriftpy2_client(daemon.port, timeout=60_000) as newcomer:
                assert newcomer.add("me", "tea", None).name == "tea"
        assert daemon.kill(signal.SIGTERM) == 1  # it would go on for minutes


def test_after_the_drain_delay(tmp_path: Path) -> None:
    """When the drain delay is over the stop goes on, and leaves nothing undone."""
    with Daemon(tmp_path, "--drain-delay", "0.5", "--drain-timeout", "60") as daemon:
        assert daemon.kill(signal.SIGTERM) == 0
        daemon.logged(r"serving on for 0.5 s[^$]*stopping: 0 calls in flight[^$]*stopped")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_reactor_has_them(tmp_path: Path, number: int) -> None:
    """Between the reactor's taking the signals for itself and our taking them back, one is as good as later."""
    script = f"""
import os, sys
from twisted.internet import reactor
from twisted.scripts.twistd import run

reactor.callWhenRunning(os.kill, os.getpid(), {int(number)})  # before what any service asks for
sys.argv = ["twistd", "-n", "--pidfile=", "tasks", "--port", "0"]
run()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert f"received {signal.Signals(number).name}" in done.stdout
    assert "stopping: 0 calls in flight" in done.stdout


def test_a_cut_removes_the_pid_file(tmp_path: Path) -> None:
    """A daemon in the background that has to be cut leaves no pid file that would keep the next one from starting."""
    pidfile = tmp_path / "twistd.pid"
    options = ["--listen", "unix:here", "--drain-timeout", "0.2", "--timeout", "300"]
    subprocess.run(
        [*TWISTD, "--pidfile", str(pidfile), "--logfile", "daemon.log", "tasks", *options],
        cwd=tmp_path,
        env=environment(),
        timeout=60,
        check=True,
    )
    pid = int(pidfile.read_text())
    with writes_held_up(tmp_path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "here"))
        client.sendall(b"\x80\x01\x00\x01\x00\x00\x00\x03add\x00\x00\x00\x01\x0b\x00\x01\x00\x00\x00\x02me\x00")
        end = time.monotonic() + 60
        while " 1 calls in flight" not in (tmp_path / "daemon.log").read_text():
            assert time.monotonic() < end
            os.kill(pid, signal.SIGUSR1)
            time.sleep(0.05)
        os.kill(pid, signal.SIGTERM)
        while pidfile.exists():
            assert time.monotonic() < end
            time.sleep(0.05)


class Adder(threading.Thread):
    """Adds tasks, one after the other, as a careful client does.

    It repeats a call on another connection when the one it used was closed before any reply: the service answers
    every call it has taken, so that one was not taken. There is no key that would make repeating safe: a call that was
    taken and not answered is there twice in the end.
    """

    def __init__(self, port: int, name: str, pause: float = 0.0) -> None:
        super().__init__()
        self.pause = pause
        self.port = port
        self.prefix = name
        self.done: list[str] = []
        self.failed: list[str] = []
        self.repeated = 0
        self.going = True

    def run(self) -> None:
        client = None
        due = time.monotonic()
        while self.going:
            due += self.pause
            time.sleep(max(0.0, due - time.monotonic()))
            name = f"{self.prefix}/{len(self.done)}"
            for _ in range(50):
                try:
                    if client is None:
                        client = thriftpy2.rpc.make_client(OURS.Tasks, "127.0.0.1", self.port, timeout=60_000)
                    self.done.append(client.add("me", name, None).name)
                    break
                except OURS.BaseException as error:
                    self.failed.append(f"{error.code} {error.message}")
                    break
                except Exception:  # one of many that tell of a connection that was closed
                    self.repeated += 1
                    client = None
            else:
                self.failed.append("no connection lasted for one call")
                return
        if client is not None:
            client.close()


# Does what systemd does with a socket unit: hands the socket over as number 3, and says so.
ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="thrift")
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_restarts_behind_a_shared_socket(tmp_path: Path) -> None:
    """Restarts in a loop under load: no call fails, none that was taken is lost, none is done twice."""
    options = ["--listen", "systemd:domain=INET:index=0", "--drain-timeout", "50"]
    restarts = int(os.environ.get("TASKS_TEST_RESTARTS", "4"))
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    port = listener.getsockname()[1]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", ACTIVATE, str(listener.fileno()), *TWISTD, "-n", "--pidfile=", "tasks", *options],
            cwd=tmp_path,
            env=environment(),
            pass_fds=[listener.fileno()],
            stdout=subprocess.DEVNULL,
        )

    adders = [Adder(port, str(number)) for number in range(4)]
    process = start()
    try:
        for adder in adders:
            adder.start()
        for _ in range(restarts):
            before = sum(len(adder.done) for adder in adders)
            end = time.monotonic() + 60
            while sum(len(adder.done) for adder in adders) < before + 100:
                assert time.monotonic() < end
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            process = start()
        for adder in adders:
            adder.going = False
        for adder in adders:
            adder.join(60)
        with thriftpy2_client(port) as client:
            kept = sorted(task.name for task in client.all("me"))
    finally:
        for adder in adders:
            adder.going = False
        process.kill()
        process.wait()
        listener.close()
    assert [adder.failed for adder in adders] == [[]] * 4
    assert kept == sorted(name for adder in adders for name in adder.done)
    assert sum(adder.repeated for adder in adders) >= 1
