"""HTTP by hand, over real sockets: for what no client library would send."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def connected(address: str, timeout: float = 60.0) -> Iterator[socket.socket]:
    """Yield a connection to HOST:PORT."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout) as connection:
        yield connection


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes. A reset counts as closed."""
    received = b""
    try:
        while data := connection.recv(65_536):
            received += data
    except ConnectionError:
        pass
    return received


def send(connection: socket.socket, data: bytes) -> None:
    """Send bytes; a server that has had enough of them is no error."""
    with suppress(ConnectionError):
        connection.sendall(data)


def conversation(address: str, data: bytes) -> bytes:
    """Return what a server says to these bytes until it closes."""
    with connected(address) as connection:
        send(connection, data)
        return read_all(connection)
