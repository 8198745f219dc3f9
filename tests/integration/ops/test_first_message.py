"""Connections that never come to a message, against the real daemon, with TLS and without."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path

import pytest

from benchmarks.frames import check, reply_length
from tests.support.certificates import Authority
from tests.support.daemon import Daemon

CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""How a TLS handshake begins."""


def checked(connect: object, port: int) -> bool:
    """Return whether a new client is served."""
    try:
        with connect(port) as connection:  # type: ignore[operator]
            connection.sendall(check().frame)
            data = b""
            while (size := reply_length(data)) is None or len(data) < size:
                piece = connection.recv(65536)
                if not piece:
                    return False
                data += piece
            return True
    except OSError:
        return False


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("said", [b"", CLIENT_HELLO], ids=["nothing", "half a handshake"])
def test_there_is_room_again(tmp_path: Path, tls: bool, said: bytes) -> None:
    """Strangers that take all the room there is, and never send a message, keep clients out for their time alone."""
    authority = Authority(tmp_path, "authority")
    pem = authority.sign("localhost", "services", ("localhost",))
    options = ["--first-message-timeout", "1", "--max-connections", "5"] + (["--tls-cert", str(pem)] if tls else [])

    def connect(port: int) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", port), timeout=30)
        if not tls:
            return plain
        context = ssl.create_default_context(cafile=str(authority.file))
        return context.wrap_socket(plain, server_hostname="localhost")

    with Daemon(tmp_path, *options) as daemon:
        assert checked(connect, daemon.port)
        strangers = [socket.create_connection(("127.0.0.1", daemon.port), timeout=60) for _ in range(5)]
        for stranger in strangers:
            stranger.sendall(said)
        end = time.monotonic() + 60
        while not checked(connect, daemon.port):
            assert time.monotonic() < end, daemon.log.read_text()
            time.sleep(0.1)
        for stranger in strangers:
            stranger.settimeout(60)
            try:
                while stranger.recv(1000):
                    pass  # what TLS says before it is cut
            except ConnectionResetError:
                pass
            stranger.close()
        assert "Traceback" not in daemon.log.read_text()
