"""Clients that do not read, that close their side first, or send too much: over TCP, unix sockets and TLS."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.interop.server import Served
from tests.support.certificates import Authority
from tests.support.wire_memory import call, replies

Connect = Callable[[], socket.socket]

LIMITS = {"message_timeout": 2, "max_unsent": 4 * 2**20, "max_message_size": 2**20}


@contextmanager
def serving(folder: Path, limits: dict[str, int]) -> Iterator[Served]:
    authority = Authority(folder, "authority")
    pem = authority.sign("localhost", "services", ("localhost",))
    endpoints = [f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}", f"unix:{folder}/socket"]
    with Served(folder, *endpoints, limits=limits) as served:
        yield served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served"), LIMITS) as served:
        yield served


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One that waits as long for its clients as by default."""
    limits = {name: limit for name, limit in LIMITS.items() if name != "message_timeout"}
    with serving(tmp_path_factory.mktemp("patient"), limits) as served:
        yield served


WAYS = ["tcp", "ssl", "unix"]


@pytest.fixture(params=WAYS)
def connect(request: pytest.FixtureRequest, served: Served) -> Connect:
    """Connects in each of these ways."""
    return connecting(served, request.param)


def connecting(served: Served, way: str) -> Connect:
    folder = served.log.parent

    def tcp(port: int = served.port) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), timeout=60)

    def tls() -> socket.socket:
        context = ssl.create_default_context(cafile=str(folder / "authority.pem"))
        return context.wrap_socket(tcp(served.ports[1]), server_hostname="localhost")

    def unix() -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(60)
        made.connect(str(folder / "socket"))
        return made

    made: dict[str, Connect] = {"tcp": tcp, "ssl": tls, "unix": unix}
    return made[way]


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data


def test_never_reads(served: Served, connect: Connect) -> None:
    """A client that calls and never reads is read no further, takes little memory, and is cut in time."""
    sockets = served.sockets()
    with closing(connect()) as connection:
        before = served.memory()
        connection.settimeout(1)
        calls = call("blob", raw=bytes(500_000)) * 100
        with pytest.raises((TimeoutError, ConnectionError, ssl.SSLError)):
            connection.sendall(calls)
        assert served.memory() - before < 32 * 2**20
        # It is cut when it has taken nothing for two seconds; what the kernel had may still be read.
        end = time.monotonic() + 30
        while served.sockets() > sockets and time.monotonic() < end:
            time.sleep(0.1)
        assert served.sockets() == sockets


def test_reads_slowly(connect: Connect) -> None:
    """A client that reads slowly, but does, gets everything, in however long it takes."""
    with closing(connect()) as connection:
        connection.sendall(call("blob", raw=bytes(900_000)))
        data = b""
        begin = time.monotonic()
        while len(data) < 900_000:
            data += connection.recv(20_000)
            time.sleep(0.06)
        # What is left of it is a few dozen bytes.
        while len(data) < struct.unpack(">I", data[:4])[0] + 4:
            data += connection.recv(20_000)
        assert time.monotonic() - begin > LIMITS["message_timeout"]
    assert replies(data) == [("blob", 1, bytes(900_000))]


# TLS has no half-closed connection in Python.
@pytest.mark.parametrize("connect", ["tcp", "unix"], indirect=True)
def test_closes_its_side(connect: Connect) -> None:
    """All calls sent before a client closes its side are answered, then the connection ends."""
    with closing(connect()) as connection:
        connection.sendall(b"".join(call("later", n, milliseconds=n % 3) for n in range(1000)))
        connection.shutdown(socket.SHUT_WR)
        found = replies(read_all(connection), 1000)
    assert [seqid for _, seqid, _ in found] == list(range(1000))


@pytest.mark.parametrize("way", WAYS)
def test_too_much(patient: Served, way: str) -> None:
    """A client that is cut off in the middle of a message it sends can read why."""
    with closing(connecting(patient, way)()) as connection:
        message = call("blob", 7, framed=False, raw=bytes(3_000_000))
        try:
            for at in range(0, len(message), 100_000):
                connection.sendall(message[at : at + 100_000])
                time.sleep(0.001)
        except OSError:
            pass
        ((name, seqid, error),) = replies(read_all(connection), 1, framed=False)
    assert (name, seqid, error.type) == ("blob", 7, 7)
