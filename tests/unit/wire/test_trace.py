"""W3C Trace Context."""

from __future__ import annotations

import pytest

from twisted_tasks.wire.trace import read, trace_id, traceparent_of

GOOD = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("value", [GOOD, b"cc" + GOOD[2:], b"01" + GOOD[2:] + b"-what-comes-later"])
def test_well_formed(value: bytes) -> None:
    """A traceparent is handed on as far as we know its form, and has a trace-id."""
    text = read(value)
    assert text == value[:55].decode()
    assert trace_id(text or "") == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"x",
        GOOD.upper(),
        GOOD[:-1],
        GOOD + b"-more",
        GOOD + b"\n",
        b"ff" + GOOD[2:],
        b"01" + GOOD[2:] + b"more",
        GOOD.replace(b"0af7651916cd43dd8448eb211c80319c", b"0" * 32),
        GOOD.replace(b"b7ad6b7169203331", b"0" * 16),
        GOOD.replace(b"-", b"_"),
        b"00-\x1b[31m651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ],
)
def test_not_well_formed(value: bytes) -> None:
    """What is none is passed over: it reaches no log."""
    assert read(value) is None


def test_among_headers() -> None:
    """Its name is written in any case."""
    assert traceparent_of([(b"a", b"b"), (b"TraceParent", GOOD)]) == GOOD.decode()
    assert traceparent_of([(b"a", b"b")]) is None
