"""The first bytes of a connection."""

from __future__ import annotations

import pytest

from tests.support.wire_clients import DIALECTS, Client
from twisted_tasks.wire.dialect import UnknownDialect, detect


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
@pytest.mark.parametrize("name", ["all", "x", "xy", "x" * 257, "_", "Everything:x"])
def test_as_soon_as_it_is_clear(dialect: object, name: str) -> None:
    """More bytes never change a verdict, nine settle every dialect, and one of them is never mistaken for another."""
    data = Client(dialect).call(name)  # type: ignore[arg-type]
    verdicts = [detect(data[:size]) for size in range(1, 12)]
    known = [verdict for verdict in verdicts if verdict is not None]
    assert len(known) >= 3
    assert set(known) == {known[0]}
    transport = known[0].transport.value
    wanted = str(dialect)
    assert wanted.startswith({"zlib": "zlib", "header": "header", "http": "http"}.get(transport, str(known[0])))


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", "TLS"),
        (b"\x80\x2e\x01\x00\x02", "no Thrift"),
        (b"SSH-2.0-OpenSSH_9", "SSH"),
        (b"PRI * HTTP/2.0\r\n", "HTTP/2"),
        (b"PROXY TCP4 192.0.2.1", "the PROXY protocol"),
        (b"\r\n\r\n\0\r\nQUIT\n!", "the PROXY protocol"),
        (b"\0\0\0\x08\x04\xd2\x16\x2f", "PostgreSQL"),
        (b"*1\r\n$4\r\nPING\r\n", "Redis"),
        (b"hello there", "text"),
        (b"P\0", "no Thrift"),
        (b"\0\0\0\0\0\0\0\0\0", "no Thrift"),
        (b"\0\0\0\0!!!!!", "no Thrift"),
        (b"\x01\0\0\0\x80\x01\0\x01", "16 MiB or more"),
        (b"\xff\xff\xff\xff\x80\x01\0\x01", "16 MiB or more"),
        (b"x\x9d", "no Thrift"),
        (b"\x82\x02", "no Thrift"),
    ],
)
def test_strangers(start: bytes, what: str) -> None:
    """What is none of ours is named for the one who reads the log, however few of its bytes come first."""
    with pytest.raises(UnknownDialect, match=what):
        [detect(start[:size]) for size in range(1, len(start) + 1)]
