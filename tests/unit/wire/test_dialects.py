"""Every dialect, whole, in pieces, and damaged.

Covers `wire.protocols.json_values`, `wire.transports.zlib`.
"""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thrift.Thrift import TApplicationException, TMessageType

from tests.interop.gen.twisted.everything.ttypes import Bag, Either, Leaf
from tests.support.wire_clients import DIALECTS, Client, Dialect
from tests.support.wire_memory import Connection, Server
from twisted_tasks.wire.server import Limits

EXAMPLES = int(os.environ.get("TASKS_TEST_EXAMPLES", "20"))
"""How many inputs Hypothesis tries of each kind; more of them find more."""

every_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=str)


@every_dialect
def test_a_conversation(dialect: Dialect) -> None:
    """Results, declared exceptions, oneway calls, unknown methods: each is answered in kind, in order."""
    client = Client(dialect)
    connection = Server().connect()
    connection.send(
        client.call("inherited", 0, text="héllo")
        + client.call("refuse", -5, code=7)
        + client.call("notify", 8, TMessageType.ONEWAY, text="x")
        + client.call("nobody", 9)
        + client.call("notified", 10)
    )
    received = connection.received()
    if dialect.name.startswith("http"):
        # HTTP answers the oneway call too, with an empty body.
        assert received.count(b"Content-Length: 0\r\n") == 1
    first, second, third, fourth = client.replies(received, 4)
    assert first == ("inherited", 0, "héllo")
    assert second[:2] == ("refuse", -5)
    assert getattr(second[2], "code", None) == 7 or second[2] == {"code": 7, "why": "above zero"}
    assert third[:2] == ("nobody", 9)
    assert third[2].type == TApplicationException.UNKNOWN_METHOD
    assert fourth == ("notified", 10, ["x"])


# Thrift's TMultiplexedProtocol does not go around what only thriftpy2 has.
@pytest.mark.parametrize("dialect", [dialect for dialect in DIALECTS if "thriftpy2" not in dialect.name], ids=str)
def test_multiplexed(dialect: Dialect) -> None:
    """The service's name before the method's is taken, and the reply carries the method's name alone."""
    connection = Server().connect()
    client = Client(dialect, "Everything")
    connection.send(client.call("inherited", 3, text="x"))
    assert client.replies(connection.received(), 1) == [("inherited", 3, "x")]
    connection = Server().connect()
    client = Client(dialect, "Nobody")
    connection.send(client.call("inherited", 3, text="x"))
    ((name, seqid, error),) = client.replies(connection.received(), 1)
    assert (name, seqid, error.type) == ("inherited", 3, TApplicationException.UNKNOWN_METHOD)


# No control characters: Thrift's JSON client for Python reads "\\u001f" wrong where its transport returns less than it
# was asked for, as TZlibTransport does.
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
# Nor what is no number: Thrift's JSON client for Python writes "inf" and "nan", which are no JSON.
reals = st.floats(allow_nan=False, allow_infinity=False)
leaves = st.builds(
    Leaf,
    flag=st.none() | st.booleans(),
    tiny=st.none() | st.integers(-(2**7), 2**7 - 1),
    small=st.none() | st.integers(-(2**15), 2**15 - 1),
    medium=st.none() | st.integers(-(2**31), 2**31 - 1),
    large=st.none() | st.integers(-(2**63), 2**63 - 1),
    real=st.none() | reals,
    text=st.none() | texts,
    raw=st.none() | st.binary(max_size=20),
    colour=st.none() | st.sampled_from([1, 2, 4]),
    far=st.none() | texts,
)
i32s, i64s = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
bags = st.builds(
    Bag,
    numbers=st.lists(i32s, max_size=40),
    words=st.sets(texts, max_size=4),
    leaves=st.dictionaries(texts, leaves, max_size=3),
    table=st.dictionaries(i32s, st.lists(reals, max_size=3), max_size=3),
    flags=st.lists(st.booleans(), max_size=20),
    switches=st.dictionaries(st.integers(-5, 5), st.booleans(), max_size=3),
    blobs=st.lists(st.binary(max_size=5), max_size=3),
    deep=st.dictionaries(texts, st.dictionaries(texts, st.sets(i64s, max_size=3), max_size=2), max_size=2),
    either=st.none() | st.builds(Either, number=i32s) | st.builds(Either, leaf=leaves),
    lists=st.lists(st.lists(texts, max_size=2), max_size=3),
    row=st.lists(leaves, max_size=2),
)
cuts = st.lists(st.integers(0, 10**6), max_size=12)
_HEADER = b"\0\0\1\0\x0f\xff"
STARTS = [b"", b"\x80\x01", b"\x82!", b"[1,", b"\0\0\1\0", _HEADER, b"\0\0\1\0" + _HEADER, b"POST ", b"x\x9c"]
garbage = st.lists(st.builds(bytes.__add__, st.sampled_from(STARTS), st.binary(min_size=1, max_size=100)), max_size=4)
simple_calls = st.one_of(
    st.tuples(st.just("inherited"), st.fixed_dictionaries({"text": texts})),
    st.tuples(st.just("strings"), st.fixed_dictionaries({"values": st.lists(texts, max_size=3)})),
    st.tuples(st.just("sum"), st.fixed_dictionaries({"values": st.lists(st.integers(-1000, 1000), max_size=50)})),
)
calls = simple_calls | st.one_of(
    st.tuples(st.just("leaf"), st.fixed_dictionaries({"leaf": leaves})),
    st.tuples(st.just("echo"), st.fixed_dictionaries({"bag": bags})),
    st.tuples(st.just("blob"), st.fixed_dictionaries({"raw": st.binary(max_size=300)})),
)


def expected(name: str, args: dict[str, Any]) -> Any:
    """Return what a call of the above answers."""
    (value,) = args.values()
    return sum(value) if name == "sum" else value


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Return data in pieces, cut at these places."""
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(ends)]


def stream_of(client: Client, made: Iterable[tuple[str, dict[str, Any]]]) -> bytes:
    """Return the bytes of these calls, numbered from zero."""
    return b"".join(client.call(name, seqid, **args) for seqid, (name, args) in enumerate(made))


def calls_for(dialect: Dialect) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """Return the calls that can be made in a dialect: our little client of thriftpy2's JSON knows no structs."""
    return simple_calls if "thriftpy2" in dialect.name else calls


# The checks are functions within the tests because pytest-twisted wraps what Hypothesis runs, once for each parameter
# of the same test, and then waits for the reactor within the reactor.


@every_dialect
def test_pieces(dialect: Dialect) -> None:
    """However a stream of messages is cut into segments, the same messages come out."""

    @settings(max_examples=EXAMPLES)
    @given(st.lists(calls_for(dialect), min_size=1, max_size=4), cuts)
    def check(made: list[tuple[str, dict[str, Any]]], places: list[int]) -> None:
        client = Client(dialect)
        connection = Server().connect()
        for piece in cut(stream_of(client, made), places):
            connection.send(piece)
        wanted = [(name, seqid, expected(name, args)) for seqid, (name, args) in enumerate(made)]
        assert client.replies(connection.received(), len(made)) == wanted

    check()


@every_dialect
def test_order_beside_garbage(dialect: Dialect) -> None:
    """Replies come in order, in whatever order calls end and bytes come, while other connections send garbage."""

    @settings(max_examples=EXAMPLES)
    @given(st.lists(st.booleans(), min_size=1, max_size=8), st.randoms(use_true_random=False), cuts, garbage)
    def check(slow: list[bool], chance: Random, places: list[int], strangers: list[bytes]) -> None:
        server = Server()
        server.handler.held = held = []
        client = Client(dialect)
        connection = server.connect()
        calls = [
            client.call("later", seqid, milliseconds=1) if late else client.call("inherited", seqid, text="x")
            for seqid, late in enumerate(slow)
        ]
        for piece in cut(b"".join(calls), places):
            connection.send(piece)
            if strangers:
                server.connect().send(strangers.pop())
        while held:
            # HTTP begins a call when the one before it has ended.
            held.pop(chance.randrange(len(held))).callback(1)
            server.clock.advance(0)
        wanted = [("later", seqid, 1) if late else ("inherited", seqid, "x") for seqid, late in enumerate(slow)]
        assert client.replies(connection.received(), len(slow)) == wanted

    check()


@every_dialect
def test_byte_by_byte(dialect: Dialect) -> None:
    """A message may come a byte at a time."""
    client = Client(dialect)
    connection = Server().connect()
    for seqid in range(3):
        for byte in client.call("strings", seqid, values=["a", "", "héé"]):
            connection.send(bytes([byte]))
    assert client.replies(connection.received(), 3) == [("strings", seqid, ["a", "", "héé"]) for seqid in range(3)]


SMALL = Limits(
    max_message_size=2048, max_string_length=1024, max_values=110, max_depth=8, max_pending=4, max_unsent=4096
)


def held(thing: Any, seen: set[int]) -> int:
    """Return how many bytes are in the byte strings that can be reached from an object of a connection."""
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, (bytes, bytearray, memoryview)):
        return len(thing)
    if not type(thing).__module__.startswith(("twisted_tasks.wire", "collections", "builtins", "h11", "_io")):
        return 0
    if type(thing).__name__ in ("ThriftServerFactory", "module", "type", "function", "Limits"):
        return 0
    return sum(held(inner, seen) for inner in gc.get_referents(thing))


def survive(server: Server, connection: Connection, pieces: Iterable[bytes]) -> None:
    """Send what may be anything, and see that it neither raises, nor is kept, nor leaves a timer behind."""
    for piece in pieces:
        connection.send(piece)
        # What one connection keeps: an unfinished message, the segment behind it, and as much again compressed.
        assert held(connection.protocol, set()) < 4 * SMALL.max_message_size + 3 * len(piece)
    server.clock.advance(SMALL.message_timeout + 10)
    connection.lose()
    server.clock.advance(1000)
    assert server.clock.getDelayedCalls() == []
    assert (server.factory.connections, server.factory.in_flight) == (0, 0)


def test_random_bytes() -> None:
    """Random bytes never raise out of the protocol, never leave a timer behind, never grow memory past the limits."""

    @settings(max_examples=20 * EXAMPLES)
    @given(st.sampled_from(STARTS), st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=6))
    def check(start: bytes, garbage: list[bytes]) -> None:
        server = Server(SMALL)
        survive(server, server.connect(), [start + garbage[0], *garbage[1:]])

    check()


@every_dialect
def test_mutated_bytes(dialect: Dialect) -> None:
    """The same for messages with some bytes changed, added or missing."""

    @settings(max_examples=EXAMPLES)
    @given(st.lists(calls_for(dialect), min_size=1, max_size=3), changes, cuts)
    def check(made: list[tuple[str, dict[str, Any]]], changed: list[tuple[int, str, bytes]], places: list[int]) -> None:
        stream = bytearray(stream_of(Client(dialect), made))
        for place, how, new in changed:
            at = place % (len(stream) + 1)
            if how == "insert":
                stream[at:at] = new
            else:
                stream[at : at + len(new)] = new if how == "set" else b""
        server = Server(SMALL)
        survive(server, server.connect(), cut(bytes(stream), places))

    check()


changes = st.lists(
    st.tuples(st.integers(0, 10**6), st.sampled_from(["set", "insert", "delete"]), st.binary(min_size=1, max_size=4)),
    min_size=1,
    max_size=6,
)
