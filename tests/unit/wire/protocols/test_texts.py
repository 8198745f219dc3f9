"""Strings that are not Unicode.

Covers `wire.protocols.texts`.
"""

from __future__ import annotations

from typing import Any

import pytest
from thrift.Thrift import TApplicationException, TMessageType

from tests.interop.gen.twisted.everything.ttypes import Bag, Leaf, Refused
from tests.support.wire_clients import DIALECTS, Client, Dialect
from tests.support.wire_memory import Server

MARK = "\u0120\u0121"  # four bytes of UTF-8, which occur nowhere else
BAD = b"caf\xe9"
BY_DIALECT = [d for d in DIALECTS if "zlib" not in d.name]
binary_and_compact = pytest.mark.parametrize(
    "dialect", [d for d in BY_DIALECT if d.name in ("framed binary", "framed compact", "unframed old binary")], ids=str
)


def damaged(client: Client, name: str, **args: Any) -> bytes:
    """Return a call whose strings have bytes that are not UTF-8 in the place of the mark."""
    # Our little client of thriftpy2's JSON escapes what is not ASCII.
    data = client.call(name, 1, **args)
    for good in (MARK.encode(), b"\\u0120\\u0121"):
        data = data.replace(good, BAD if len(good) == 4 else BAD + b" " * 8)
    assert BAD in data
    return data


def refuse(why: str) -> Exception:
    return Refused(400, why)


@pytest.mark.parametrize("dialect", BY_DIALECT, ids=str)
def test_refused_in_every_dialect(dialect: Dialect) -> None:
    """A call with such a string does not reach its handler, and is answered with the exception its method declares."""
    server = Server(not_text=refuse)
    server.handler.refuse = lambda code: pytest.fail("the handler was called")
    connection = server.connect()
    client = Client(dialect)
    # No method of the test's service declares an exception and takes a text: this one has a text it does not know.
    connection.send(damaged(client, "inherited", text=MARK))
    ((name, seqid, error),) = client.replies(connection.received(), 1)
    assert (name, seqid, error.type) == ("inherited", 1, TApplicationException.PROTOCOL_ERROR)
    assert "UTF-8" in str(error)
    connection.send(client.call("inherited", 2, text="x"))
    assert client.replies(connection.received(), 1) == [("inherited", 2, "x")]


@binary_and_compact
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("strings", {"values": ["a", MARK]}),
        ("count", {"words": {MARK}}),
        ("leaf", {"leaf": Leaf(text=MARK)}),
        ("leaf", {"leaf": Leaf(far=MARK)}),
        ("echo", {"bag": Bag(leaves={MARK: Leaf()})}),
        ("echo", {"bag": Bag(leaves={"a": Leaf(text=MARK)})}),
        ("echo", {"bag": Bag(deep={"a": {MARK: {1}}})}),
        ("echo", {"bag": Bag(lists=[["a"], [MARK]])}),
        ("echo", {"bag": Bag(row=[Leaf(text="\ufffd"), Leaf(text=MARK)])}),
    ],
    ids=repr,
)
def test_wherever_it_is(dialect: Dialect, name: str, args: dict[str, Any]) -> None:
    """In a list, a set, a map's key or value, a struct within: it is found."""
    client = Client(dialect)
    connection = Server().connect()
    connection.send(damaged(client, name, **args))
    ((_, _, error),) = client.replies(connection.received(), 1)
    assert error.type == TApplicationException.PROTOCOL_ERROR


@binary_and_compact
def test_what_is_no_damage(dialect: Dialect) -> None:
    """A genuine U+FFFD is a character like others, and binary may hold any bytes, also in a field nobody knows."""
    client = Client(dialect)
    connection = Server().connect()
    leaf = Leaf(text="a\ufffdb", raw=BAD + "\ufffd".encode(), far="é")
    connection.send(client.call("leaf", 1, leaf=leaf))
    assert client.replies(connection.received(), 1) == [("leaf", 1, leaf)]
    # `blob` takes binary under the number under which `inherited` takes a text.
    connection.send(client.call("blob", 2, raw=BAD))
    assert client.replies(connection.received(), 1) == [("blob", 2, BAD)]


def test_a_field_nobody_knows() -> None:
    """Such bytes in a field the service does not know are passed over, also beside a genuine U+FFFD."""
    connection = Server().connect()
    client = Client(next(d for d in DIALECTS if d.name == "framed binary"))
    data = client.call("inherited", 1, text="\ufffd")
    data = data[4:-1] + b"\x0b\0\x63\0\0\0\x04" + BAD + b"\0"
    connection.send(len(data).to_bytes(4) + data)
    assert client.replies(connection.received(), 1) == [("inherited", 1, "\ufffd")]


def test_half_of_a_surrogate_pair() -> None:
    """JSON can spell what no text holds: the same answer."""
    for name in ("framed json", "framed thriftpy2 json"):
        connection = Server().connect()
        client = Client(next(d for d in DIALECTS if d.name == name))
        data = client.call("inherited", 1, text="+" * 6).replace(b"++++++", b"\\ud800")
        connection.send(data)
        ((_, _, error),) = client.replies(connection.received(), 1)
        assert error.type == TApplicationException.PROTOCOL_ERROR
        assert "surrogate" in str(error)


def test_oneway() -> None:
    """A oneway call with such a string gets no answer, and its handler does not hear of it."""
    server = Server(not_text=refuse)
    connection = server.connect()
    client = Client(next(d for d in DIALECTS if d.name == "framed binary"))
    connection.send(client.call("notify", 1, TMessageType.ONEWAY, text=MARK).replace(MARK.encode(), BAD))
    assert (connection.received(), server.handler.heard) == (b"", [])
