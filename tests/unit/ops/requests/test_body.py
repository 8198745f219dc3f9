"""The body of a request, as bytes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.hostile_http import BAD_CHUNKS
from twisted_tasks.ops.requests.body import make_body
from twisted_tasks.ops.requests.head import Refused


def take(data: bytes, length: int | None, limit: int, step: int) -> tuple[bytes, bytes] | None:
    """Return the body and what came behind it, when so many bytes come at a time; None when it is not whole."""
    body, received = make_body(length, limit), bytearray()
    for at in range(0, len(data), step):
        received += data[at : at + step]
        if body.feed(received):
            return body.data(), bytes(received) + data[at + step :]
    return None


def chunked(parts: list[bytes]) -> bytes:
    return b"".join(b"%x;name=value\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\nTrailer: x\r\n\r\n"


@pytest.mark.parametrize("step", [1, 2, 5, 1000])
def test_plain(step: int) -> None:
    """A body ends where its length says."""
    assert take(b"abcdef", 4, 4, step) == (b"abcd", b"ef")
    assert take(b"abc", 4, 4, step) is None


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5), st.integers(1, 50))
def test_chunks(parts: list[bytes], step: int) -> None:
    """Chunks come out as one, however they come; extensions and trailers are left out; what is behind stays."""
    assert take(chunked(parts) + b"GET", None, 100, step) == (b"".join(parts), b"GET")
    assert take(chunked(parts)[:-1], None, 100, step) is None


@pytest.mark.parametrize("length", [5, None])
def test_too_long(length: int | None) -> None:
    """A body beyond the limit is refused as soon as that is known."""
    with pytest.raises(Refused) as caught:
        take(b"5\r\n", length, 4, 1)
    assert caught.value.status == 413


@pytest.mark.parametrize("step", [1, 1000, 2**20])
@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_bad_chunks(name: str, step: int) -> None:
    """What are no chunks, or ones that cost more than they carry, is refused, however it comes."""
    data, status = BAD_CHUNKS[name]
    with pytest.raises(Refused) as caught:
        take(data.partition(b"\r\n\r\n")[2], None, 65_536, step)
    assert caught.value.status == status


@given(st.binary(max_size=100))
def test_anything(data: bytes) -> None:
    """Any bytes are chunks, not whole, or refused: nothing else is raised."""
    with contextlib.suppress(Refused):
        take(data, None, 50, 7)
