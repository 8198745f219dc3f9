"""Where messages end, found without a decoder and before it."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.protocol.TJSONProtocol import TJSONProtocol
from thrift.Thrift import TMessageType
from thrift.transport.TTransport import TMemoryBuffer

from tests.interop.gen.twisted.everything import Everything
from tests.interop.gen.twisted.everything.ttypes import Bag, Leaf, Tree
from tests.support.wire_clients import Client, struct_of
from tests.support.wire_memory import UNFRAMED
from tests.unit.wire.test_dialects import EXAMPLES, bags
from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.protocols.binary import BINARY
from twisted_tasks.wire.protocols.codec import Codec
from twisted_tasks.wire.protocols.compact import COMPACT
from twisted_tasks.wire.protocols.head import Malformed
from twisted_tasks.wire.protocols.json import JSON
from twisted_tasks.wire.protocols.thriftpy2 import THRIFTPY2_JSON
from twisted_tasks.wire.protocols.walking import TURN, WalkState
from twisted_tasks.wire.transports.messages import OutOfStep
from twisted_tasks.wire.transports.plain import Unframed

PROTOCOLS: dict[Codec, Any] = {BINARY: TBinaryProtocol, COMPACT: TCompactProtocol, JSON: TJSONProtocol}
every_protocol = pytest.mark.parametrize("codec", PROTOCOLS, ids=lambda codec: codec.protocol.value)


def message(codec: Codec, name: str, **args: Any) -> bytes:
    """Return a call as Thrift writes it."""
    memory = TMemoryBuffer()
    protocol = PROTOCOLS[codec](memory)
    protocol.writeMessageBegin(name, TMessageType.CALL, 1)
    struct_of(name + "_args")(**args).write(protocol)
    protocol.writeMessageEnd()
    return memory.getvalue()


def reach(codec: Codec, data: bytes, limits: Limits | None = None) -> tuple[int, bool]:
    """Return how far a walk comes through a message, and whether that is its end."""
    limits = limits or Limits()
    head = codec.head(data, 0)
    assert head is not None
    walk = WalkState(limits)
    walk.begin(codec.steps)
    at = codec.walk(data, head.body, walk)
    return at, not walk.stack


@every_protocol
def test_the_end(codec: Codec) -> None:
    """A walk ends where the message does, whatever follows it, and not before."""

    @settings(max_examples=5 * EXAMPLES)
    @given(bags, st.binary(max_size=20), st.integers(0, 10**6))
    def check(bag: Bag, behind: bytes, place: int) -> None:
        data = message(codec, "echo", bag=bag)
        assert reach(codec, data + behind) == (len(data), True)
        short = data[: place % len(data)]
        assert codec.head(short, 0) is None or not reach(codec, short)[1]

    check()


@every_protocol
def test_limits(codec: Codec) -> None:
    """Strings, containers and nesting are measured, exactly at their limits."""
    # The list is a value, too.
    limits = Limits(max_string_length=10, max_values=11, max_depth=5)
    for args, good in (
        ({"values": ["x" * 10]}, True),
        ({"values": ["x" * 11]}, False),
        ({"values": ["x"] * 10}, True),
    ):
        data = message(codec, "strings", **args)
        if good:
            assert reach(codec, data, limits) == (len(data), True)
        else:
            with pytest.raises(Malformed):
                reach(codec, data, limits)
    with pytest.raises(Malformed):
        # In JSON an element that is a bare string counts for a quarter.
        reach(codec, message(codec, "strings", values=["x"] * 50), limits)
    shallow, deep = Tree("", [Tree("", [])]), Tree("", [Tree("", [Tree("", [Tree("", [Tree("", [])])])])])
    assert reach(codec, message(codec, "tree", tree=shallow), limits)[1]
    with pytest.raises(Malformed):
        reach(codec, message(codec, "tree", tree=deep), limits)


@pytest.mark.parametrize("codec", [BINARY, COMPACT], ids=lambda codec: codec.protocol.value)
@pytest.mark.parametrize(
    ("bag", "values"),
    [
        # The argument itself is one, and so is each field.
        (Bag(lists=[["a"] * 4] * 4), 2 + 4 + 16),
        (Bag(lists=[[]] * 4), 2 + 4),
        (Bag(numbers=[1] * 40), 2 + 40),
        (Bag(flags=[True] * 40), 2 + 40),
        (Bag(switches={1: True, 2: False}), 2 + 4),
        (Bag(table={1: [0.5, 0.5]}), 2 + 2 + 2),
        (Bag(leaves={"a": Leaf(flag=True, tiny=1)}), 2 + 2 + 2),
        (Bag(row=[Leaf()] * 3, flags=[]), 3 + 3),
    ],
    ids=repr,
)
def test_values_add_up(codec: Codec, bag: Bag, values: int) -> None:
    """Fields, elements, keys, empty containers: all values of a message count, each of which takes time and memory."""
    data = message(codec, "echo", bag=bag)
    assert reach(codec, data, Limits(max_values=values)) == (len(data), True)
    with pytest.raises(Malformed, match="values"):
        reach(codec, data, Limits(max_values=values - 1))


@every_protocol
@pytest.mark.parametrize("in_pieces", [False, True])
def test_a_walk_has_turns(codec: Codec, in_pieces: bool) -> None:
    """A walk goes through so many values in one turn, and comes to the same end in several."""
    data = message(codec, "strings", values=["x"] * 10_000)
    head = codec.head(data, 0)
    assert head is not None
    walk = WalkState(Limits())
    walk.begin(codec.steps)
    at, turns = head.body, 1
    size = len(data) // 7 if in_pieces else 0
    while walk.stack:
        size = size + 1000 if in_pieces else len(data)
        before = walk.values
        at = codec.walk(data[:size], at, walk)
        assert walk.values - before <= TURN
        if walk.paused:
            turns += 1
            walk.go_on()
    assert (at, walk.paused) == (len(data), False)
    assert turns >= 2 if codec is JSON else turns == 3


def test_a_walk_through_json_has_turns_of_bytes() -> None:
    """A long JSON message that has few values takes several turns, too: its bytes have to be looked at."""
    for text in ("x" * 1_000_000, "\\\\" * 250_000, '"' * 250_000, "é" * 500_000):
        data = message(JSON, "inherited", text=text)
        walk = WalkState(Limits())
        walk.begin(JSON.steps)
        head = JSON.head(data, 0)
        assert head is not None
        at, reached = head.body, []
        while walk.stack:
            at = JSON.walk(data, at, walk)
            reached.append(at)
            walk.go_on()
        assert at == len(data)
        assert len(reached) == -(-(len(data) - head.body) // 2**18)


@every_protocol
def test_limits_in_pieces(codec: Codec) -> None:
    """A message that comes a byte at a time is measured like any other."""
    data = message(codec, "strings", values=["x"] * 50)
    for limit, good in ((5, False), (60, True)):
        splitter = Unframed(codec, Limits(max_values=limit))
        found: list[Any] = []
        try:
            for at in range(len(data)):
                splitter.feed(data[at : at + 1])
                found.append(splitter.next())
        except OutOfStep:
            found.append(None)
        assert (found[-1] is not None) == good


def test_commas_in_a_text() -> None:
    """In JSON it is commas that are counted; those in a string are none of an element."""
    data = message(JSON, "inherited", text='1,"2",' * 1000)
    assert reach(JSON, data, Limits(max_values=10)) == (len(data), True)


BINARY_HEAD = b"\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x01"
COMPACT_HEAD = b"\x82\x21\x01\x04echo"


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        # Two thousand million elements, or bytes, that are nowhere to be seen.
        (BINARY, BINARY_HEAD + b"\x0f\0\1\x0b\x7f\xff\xff\xff"),
        (BINARY, BINARY_HEAD + b"\x0d\0\1\x0b\x0b\x7f\xff\xff\xff"),
        (BINARY, BINARY_HEAD + b"\x0f\0\1\x08\x7f\xff\xff\xff"),
        (BINARY, BINARY_HEAD + b"\x0b\0\1\x7f\xff\xff\xff"),
        (COMPACT, COMPACT_HEAD + b"\x19\xf8\xff\xff\xff\xff\x07"),
        (COMPACT, COMPACT_HEAD + b"\x1b\xff\xff\xff\xff\x07\x88"),
        (COMPACT, COMPACT_HEAD + b"\x18\xff\xff\xff\xff\x07"),
        # Fewer than none.
        (BINARY, BINARY_HEAD + b"\x0f\0\1\x0b\xff\xff\xff\xff"),
        (BINARY, BINARY_HEAD + b"\x0b\0\1\xff\xff\xff\xff"),
        # Types there are not, which a loop would take no bytes for.
        (BINARY, BINARY_HEAD + b"\x0f\0\1\x01\0\0\0\x01"),
        (BINARY, BINARY_HEAD + b"\x05\0\1"),
        (BINARY, BINARY_HEAD + b"\x11\0\1"),
        (COMPACT, COMPACT_HEAD + b"\x1e"),
        (COMPACT, COMPACT_HEAD + b"\x19\x1e"),
        (COMPACT, COMPACT_HEAD + b"\x19\x10"),
        # Numbers that do not end.
        (COMPACT, COMPACT_HEAD + b"\x15" + b"\xff" * 10),
        (COMPACT, COMPACT_HEAD + b"\x19\xf5\x20" + b"\xff" * 32),
        # Brackets that do not match.
        (JSON, b'[1,"echo",1,1,{]'),
    ],
)
def test_lies(codec: Codec, data: bytes) -> None:
    """What no further byte can mend is refused at once."""
    with pytest.raises(Malformed):
        reach(codec, data)


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        (BINARY, b"\x80\x01\0\x01\x7f\xff\xff\xff" + b"x" * 8),
        (BINARY, b"\x80\x02\0\x01\0\0\0\x04echo\0\0\0\x01"),
        (BINARY, b"\x80\x01\0\x01\0\0\0\x01\xff\0\0\0\x01"),
        (COMPACT, b"\x82\x21\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        (COMPACT, b"\x82\x21\xff\xff\xff\xff\x7f\x01x"),
        (COMPACT, b"\x82\x22\x01\x01x"),
        (JSON, b'[2,"echo",1,1,{' + b" " * 2000),
        (JSON, b'[1,"' + b"x" * 2000),
        (JSON, b'[1,"\\q",1,1,{}]'),
        (JSON, b'[1,"\\ud800",1,1,{}]'),
        (JSON, b'[1,"\xed\xa0\x80",1,1,{}]'),
        (THRIFTPY2_JSON, b'\0\0\0\1{"metadata":{"name":"\\ud800","ttype":1,"seqid":1},'),
        (THRIFTPY2_JSON, b'\0\0\0\1{"metadata":{"name":"x","ttype":Infinity,"seqid":1},'),
        (THRIFTPY2_JSON, b'\0\0\0\1{"metadata":{"name":"x","ttype":[1],"seqid":1},' + b" " * 2000),
        (THRIFTPY2_JSON, b'\0\0\0\1{"metadata":{"name":' + b"[" * 1200 + b"}," + b" " * 100),
    ],
)
def test_bad_heads(codec: Codec, data: bytes) -> None:
    """A head that cannot become one is refused, after a bounded number of bytes."""
    with pytest.raises(Malformed):
        codec.head(data, 0)


def test_a_whole_message_is_as_long_as_it_may_be() -> None:
    """An unframed message is refused as soon as it is clear that it will be too long."""
    limits = Limits(max_message_size=100)
    splitter = Unframed(BINARY, limits)
    splitter.feed(message(BINARY, "inherited", text="x" * 100)[:40])
    with pytest.raises(OutOfStep, match="more than 100 bytes") as why:
        splitter.next()
    assert why.value.call is not None
    assert why.value.call.head.name == "inherited"


def lines(run: Any) -> int:
    """Return how many lines of the wire layer are run."""
    count = 0

    def local(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        count += event == "line"
        return local

    def trace(frame: FrameType, event: str, _: object) -> Any:
        return local if "/wire/" in frame.f_code.co_filename and "/tests/" not in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


@every_protocol
@pytest.mark.parametrize("kind", ["one string", "strings", "numbers"])
def test_linear(codec: Codec, kind: str) -> None:
    """A message that comes a byte at a time takes work in proportion to its length, not to its square."""
    work = []
    for size in (1000, 4000):
        args: dict[str, Any] = {
            "one string": {"values": ["x" * size]},
            "strings": {"values": ["x" * 6] * (size // 10)},
            "numbers": {"values": [1000] * (size // 8)},
        }[kind]
        data = message(codec, "sum" if kind == "numbers" else "strings", **args)

        def byte_by_byte(data: bytes = data) -> None:
            splitter = Unframed(codec, Limits())
            found = []
            for at in range(len(data)):
                if splitter.feed(data[at : at + 1]):
                    found.append(splitter.next())
            assert found[-1] is not None

        work.append(lines(byte_by_byte) / len(data))
    assert work[1] < 1.2 * work[0]
    assert work[1] < 100


@every_protocol
def test_a_mebibyte(codec: Codec) -> None:
    """One of 1 MiB, a byte at a time: it would take days if each byte had us begin again."""
    data = message(codec, "strings", values=["x" * 1014] * 1024)
    splitter = Unframed(codec, Limits())
    for at in range(len(data) - 1):
        if splitter.feed(data[at : at + 1]):
            assert splitter.next() is None
    splitter.feed(data[-1:])
    call = splitter.next()
    assert call is not None
    assert call.data == data


def test_thrift_decodes_what_a_walk_lets_through() -> None:
    """The message a walk has found is the one Thrift's decoder reads."""
    data = Client(UNFRAMED).call("tree", tree=Tree("a", [Tree("b", [])]))
    at, done = reach(BINARY, data + data)
    assert (at, done) == (len(data), True)
    call = BINARY.open(data[:at], BINARY.head(data, 0))  # type: ignore[arg-type]
    arguments = Everything.tree_args()
    arguments.read(call)
    assert arguments.tree == Tree("a", [Tree("b", [])])
