"""That the benchmark measures what it says: real replies, and only successes."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks import data, frames
from benchmarks.load import measure
from benchmarks.plan import CALLS, CEILING, PAGES
from benchmarks.running import OURS, SERVERS, TUTORIAL, Bench, Rival, Running
from tests.support.daemon import Daemon
from tests.support.mongod import Mongod


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("bench")
    data.fill_sqlite(folder / "tasks.sqlite3")
    with Daemon(folder) as daemon:
        yield daemon


def order(port: int, kind: str, **rest: Any) -> dict[str, Any]:
    """What the load generator is told, for a fraction of a second."""
    pids = {"server": os.getpid()}
    return {"kind": kind, "port": port, "connections": 3, "warm_up": 0.01, "seconds": 0.1, "pids": pids, **rest}


@pytest.mark.parametrize("kind", [*CALLS, CEILING, *PAGES])
def test_every_call_is_answered(daemon: Daemon, kind: str) -> None:
    """Each kind of call that is measured succeeds, with as many tasks as it should have, and is counted."""
    answer = measure(order(daemon.port, kind))
    assert answer["calls"] == len(answer["latencies"]) > 0
    assert answer["latencies"] == sorted(answer["latencies"])
    assert answer["seconds"] >= 0.09
    assert set(answer["cpu"]) == {"server", "load"}


@pytest.mark.parametrize(
    "call",
    [
        frames.all_of("few 000", 11),  # there are ten
        frames.add("", "nameless"),
        frames.update("f" * 24, "nobody's", True, "few 000"),
        frames.page("few 000", 1001),
    ],
)
def test_an_error_is_not_counted(daemon: Daemon, call: frames.Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that carries an error, or another number of tasks, ends the measurement."""
    monkeypatch.setattr("benchmarks.load.calls", lambda kind, connection: [call])
    with pytest.raises(frames.BadReply, match="was expected"):
        measure(order(daemon.port, "any"))


@contextmanager
def answering(*pieces: bytes) -> Iterator[int]:
    """A server that answers its first call with these pieces, and then closes; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.recv(1000)
                for piece in pieces:
                    client.sendall(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_a_server_that_is_stuck_is_not_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that counts is as long as was asked, also when no reply came until it should have been over."""
    reply = b"\0\0\0\1+"
    monkeypatch.setattr("benchmarks.load.calls", lambda kind, connection: [frames.Call(b"call", b"+")])
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                time.sleep(0.3)
                while client.recv(1000):
                    client.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        answer = measure(order(listener.getsockname()[1], "any", connections=1))
        thread.join()
    assert answer["seconds"] >= 0.1
    assert answer["calls"] == len(answer["latencies"]) > 0


def test_a_rival_that_is_stuck_is_replaced(shared_mongod: Mongod, tmp_path: Path) -> None:
    """It is measured again, in a new process; our own daemon is not excused."""
    server = next(server for server in SERVERS if server.key == TUTORIAL)
    rival = Rival(server, shared_mongod, tmp_path)
    try:
        stuck, ours = rival.start(), Running(SERVERS[0], 1, os.getpid())
        os.kill(stuck.pid, signal.SIGSTOP)
        bench = Bench(shared_mongod, [stuck, ours], load=None)  # type: ignore[arg-type]  # which is not asked
        bench.replace(TUTORIAL)
        bench.replace(OURS)
        assert bench.servers[TUTORIAL].pid != stuck.pid
        assert bench.servers[OURS] is ours
        socket.create_connection(("127.0.0.1", bench.servers[TUTORIAL].port), timeout=60).close()
    finally:
        rival.stop()


@pytest.mark.parametrize("pieces", [[], [b"\0"], [b"\0\0\0\5\x80"], [b"\0\0\0\1", b"\x80", b"more"]])
def test_a_reply_that_is_not_whole_is_not_counted(pieces: list[bytes]) -> None:
    """A connection that ends within a reply, or bytes behind one, end the measurement."""
    with answering(*pieces) as port, pytest.raises((frames.BadReply, ConnectionError)):
        measure(order(port, "check", connections=1))
