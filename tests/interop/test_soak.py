"""Hostile clients in numbers, beside one that is not: the daemon as it is run."""

from __future__ import annotations

import random
import select
import socket
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path

from tests.support.clients import thriftpy2_client
from tests.support.daemon import Daemon

FRAMES = 200_000
CONNECTIONS = 50
BATCH = 20

CALL = b"\x80\x01\0\x01\0\0\0\x05check\0\0\0\x01\0"
STARTS = [CALL, b"\x82\x21\x01\x05check\0", b'[1,"check",1,1,{}]', b"\0\0\0\x05check\x01\0\0\0\x01\0"]


def framed(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def random_frame(source: random.Random) -> bytes:
    """Return a frame that holds noise, or a message that has become some."""
    kind = source.random()
    if kind < 0.4:
        return framed(source.randbytes(source.randrange(200)))
    data = bytearray(source.choice(STARTS) + source.randbytes(source.randrange(40)))
    for _ in range(source.randrange(1, 6)):
        data[source.randrange(len(data))] = source.randrange(256)
    return framed(bytes(data)) if kind < 0.999 else source.randbytes(8) + bytes(data)


class Hostile:
    """One connection after another, each full of random frames."""

    def __init__(self, port: int, seed: int) -> None:
        self.port = port
        self.source = random.Random(seed)
        self.connection: socket.socket | None = None
        self.cut = 0
        self.replies = 0

    def send(self) -> None:
        """Send a number of frames, the last of them a call."""
        if self.connection is None:
            self.connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            if self.source.random() < 0.9:
                self.connection.sendall(framed(self.source.choice(STARTS)))
        frames = [random_frame(self.source) for _ in range(BATCH)]
        with suppress(OSError):
            self.connection.sendall(b"".join([*frames, framed(CALL)]))

    def receive(self) -> None:
        """Read replies; or, where the noise has become a length that takes the frames behind it, give up."""
        assert self.connection is not None
        readable = select.select([self.connection], [], [], 0.5)[0]
        try:
            while readable:
                data = self.connection.recv(65536)
                if not data:
                    raise ConnectionResetError
                self.replies += len(data)
                readable = select.select([self.connection], [], [], 0)[0]
                if not readable:
                    return
            raise ConnectionResetError
        except OSError:
            self.cut += 1
            self.connection.close()
            self.connection = None


class Healthy(threading.Thread):
    """A client that calls until told to stop, and keeps what went wrong."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.stop = threading.Event()
        self.calls = 0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with thriftpy2_client(self.port) as client:
                while not self.stop.is_set():
                    assert client.add("me", str(self.calls), None).name == str(self.calls)
                    assert client.check() is not None
                    self.calls += 1
                    time.sleep(0.01)
        except Exception as error:
            self.error = error


def memory(daemon: Daemon) -> int:
    """Return how many bytes of memory a daemon has."""
    assert daemon.process is not None
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def test_random_frames(tmp_path: Path) -> None:
    """Random frames from 50 connections: a healthy client's calls succeed, memory is flat, nothing is raised."""
    with Daemon(tmp_path) as daemon:
        healthy = Healthy(daemon.port)
        healthy.start()
        crowd = [Hostile(daemon.port, seed) for seed in range(CONNECTIONS)]
        early = 0
        for count in range(0, FRAMES, BATCH * CONNECTIONS):
            for hostile in crowd:
                hostile.send()
            for hostile in crowd:
                hostile.receive()
            if count >= FRAMES // 10 and not early:
                early = memory(daemon)
        with thriftpy2_client(daemon.port) as client:
            # What was sent before this was answered has been taken.
            assert client.check() is not None
        late = memory(daemon)
        healthy.stop.set()
        healthy.join()
        log = daemon.log.read_text()
    assert healthy.error is None
    assert healthy.calls > 10
    assert late < early + 8 * 2**20
    assert "Traceback" not in log
    assert "Unhandled" not in log
    cut, replies = sum(hostile.cut for hostile in crowd), sum(hostile.replies for hostile in crowd)
    print(f"{FRAMES} frames, {replies} bytes of replies, {cut} connections cut, {healthy.calls} healthy calls")  # noqa: T201
    print(f"memory {early / 2**20:.1f} MiB after a tenth, {late / 2**20:.1f} MiB at the end")  # noqa: T201
