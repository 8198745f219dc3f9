"""What the health check makes of bytes and of its argument. With sockets: tests/integration/test_healthcheck.py."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.TTransport import TMemoryBuffer

from twisted_tasks.gen.tasks.Tasks import all_result, check_result
from twisted_tasks.gen.tasks.ttypes import Healthcheck
from twisted_tasks.healthcheck import NoAnswer, main, parse_address, read_reply


def message(body: object, name: str = "check", kind: int = TMessageType.REPLY, seqid: int = 1) -> bytes:
    """Return a message as the generated code writes it."""
    buffer = TMemoryBuffer()
    protocol = TBinaryProtocol(buffer)
    protocol.writeMessageBegin(name, kind, seqid)
    body.write(protocol)
    protocol.writeMessageEnd()
    return buffer.getvalue()


READY = message(check_result(Healthcheck(True, "the task store works")))
"""What a service that is ready answers."""


@pytest.mark.parametrize(("ok", "text"), [(True, "the task store works"), (False, "it is down"), (True, "")])
def test_an_answer(ok: bool, text: str) -> None:
    """What the service says is taken as it is."""
    assert read_reply(message(check_result(Healthcheck(ok, text)))) == Healthcheck(ok, text)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            message(TApplicationException(TApplicationException.UNKNOWN_METHOD, "no check"), "check", 3),
            "an error: no check",
        ),
        (message(check_result(Healthcheck(True, "")), "all"), "another call"),
        (message(check_result(Healthcheck(True, "")), seqid=2), "another call"),
        (message(check_result(Healthcheck(True, "")), kind=TMessageType.CALL), "another call"),
        (message(check_result()), "no result"),
        (message(all_result([])), "no result"),
        (message(check_result(Healthcheck(None, "well"))), "does not say"),
        (b"", "not one of a Tasks service"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not one of a Tasks service"),
    ],
)
def test_no_answer(reply: bytes, expected: str) -> None:
    """A reply that does not say how the service is counts as none."""
    with pytest.raises(NoAnswer, match=expected):
        read_reply(reply)


@pytest.mark.parametrize("length", range(len(READY)))
def test_a_truncated_answer(length: int) -> None:
    """An answer that breaks off anywhere is none."""
    with pytest.raises(NoAnswer):
        read_reply(READY[:length])


@given(st.binary(max_size=200), st.integers(0, len(READY)))
def test_foreign_bytes(noise: bytes, at: int) -> None:
    """Whatever answers, there is a verdict: no other error leaves the decoder."""
    with contextlib.suppress(NoAnswer):
        assert isinstance(read_reply(READY[:at] + noise).ok, bool)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:6001", ("127.0.0.1", 6001)),
        ("tasks.example:1", ("tasks.example", 1)),
        ("[::1]:65535", ("::1", 65535)),
        ("[fe80::1%eth0]:6001", ("fe80::1%eth0", 6001)),
    ],
)
def test_an_address(text: str, expected: tuple[str, int]) -> None:
    """HOST:PORT, with an IPv6 address in brackets."""
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["", "6001", ":6001", "host", "host:", "host:0", "host:65536", "::1:6001", "a b:1"])
def test_no_address(text: str) -> None:
    """Anything else is refused, by name, with status 1: Docker reserves 2."""
    assert main([text], {}) == (1, f"{text!r} is not HOST:PORT")


def test_a_bad_variable() -> None:
    """A TASKS_PORT that makes no sense is refused as an address would be."""
    assert main([], {"TASKS_PORT": "http"}) == (1, "'127.0.0.1:http' is not HOST:PORT")


def test_too_many_arguments() -> None:
    """More than one argument is answered with how it is to be used."""
    status, line = main(["a:1", "b:2"], {})
    assert status == 1
    assert line.startswith("usage: ")
