"""The head of a request, as bytes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hostile_http import REFUSED
from twisted_tasks.ops.requests.head import Refused, find_end, read_head


def read(data: bytes, step: int) -> int:
    """Return where the head ends, when so many bytes come at a time; -1 when they are too few."""
    received, end, searched = bytearray(), -1, 0
    for at in range(0, len(data), step):
        received += data[at : at + step]
        end = find_end(received, searched)
        if end >= 0:
            return end
        searched = len(received)
    return end


WHOLE = b"GET /tasks?done=true&a=b HTTP/1.1\r\nHost: tasks.example:8080\r\nAccept:a\r\nACCEPT: \tb \r\n\r\n"


def test_whole() -> None:
    """A head is taken apart: names in lower case, values without the white space around them, joined by commas."""
    head = read_head(WHOLE)
    assert (head.method, head.path, head.query) == (b"GET", b"/tasks", b"done=true&a=b")
    assert head.fields == {b"host": b"tasks.example:8080", b"accept": b"a, b"}
    assert (head.host, head.version, head.length) == (b"tasks.example:8080", b"HTTP/1.1", 0)
    assert head.persistent
    assert not head.expects


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_pieces(step: int) -> None:
    """Where a head ends does not depend on how it comes, or on what follows."""
    assert read(WHOLE + b"GET / HTTP/1.1\r\n", step) == len(WHOLE)
    assert read(WHOLE[:-1], step) == -1


@pytest.mark.parametrize("target", [b"http://other.example/a?b", b"HTTP://other.example/a?b"])
def test_absolute_target(target: bytes) -> None:
    """A whole URL is taken as the path in it, and its host goes before the field's."""
    head = read_head(b"GET %s HTTP/1.1\r\nHost: tasks.example\r\n\r\n" % target)
    assert (head.host, head.path, head.query) == (b"other.example", b"/a", b"b")


@pytest.mark.parametrize(
    ("version", "field", "persistent"),
    [
        (b"1.1", b"X: y", True),
        (b"1.1", b"Connection: close", False),
        (b"1.1", b"Connection: x, Close", False),
        (b"1.0", b"X: y", False),
        (b"1.0", b"Connection: Keep-Alive", True),
    ],
)
def test_persistence(version: bytes, field: bytes, persistent: bool) -> None:
    """HTTP/1.1 keeps a connection unless told otherwise, HTTP/1.0 closes it unless told otherwise."""
    head = read_head(b"GET / HTTP/%s\r\nHost: a\r\n%s\r\n\r\n" % (version, field))
    assert head.persistent is persistent


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("step", [1, 997, 2**22])
def test_refused(name: str, step: int) -> None:
    """What is no request is refused with its status, however it comes."""
    data, status = REFUSED[name]
    with pytest.raises(Refused) as caught:
        read_head(data[: read(data[: 40_000 if step == 1 else None], step)])
    assert caught.value.status == status


@given(st.binary(max_size=200))
def test_anything(data: bytes) -> None:
    """Any bytes are a head, not whole, or refused: nothing else is raised."""
    with contextlib.suppress(Refused):
        end = read(data, 200)
        if end >= 0:
            read_head(data[:end])


@given(st.binary(max_size=60))
def test_any_field(value: bytes) -> None:
    """A value that is taken comes out as it went in, and never holds a line's end."""
    try:
        head = read_head(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + value + b"\r\n\r\n")
    except Refused:
        return
    assert head.fields[b"x"] == value.strip(b" \t")
    assert not set(head.fields[b"x"]) & set(b"\r\n\0")
