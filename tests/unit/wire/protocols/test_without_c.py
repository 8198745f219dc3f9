"""The protocols where generated code reads and writes a value at a time: no codec in C, or an IDL it cannot serve."""

from __future__ import annotations

from typing import Any

import pytest
from thrift.Thrift import TApplicationException

from tests.interop.gen.twisted.everything.ttypes import Bag, Leaf, Refused, Tree
from tests.support.wire_clients import DIALECTS, Client, Dialect
from tests.support.wire_memory import Server
from twisted_tasks.wire.protocols.binary import BinaryExchange
from twisted_tasks.wire.protocols.compact import CompactExchange
from twisted_tasks.wire.protocols.head import MessageHead
from twisted_tasks.wire.protocols.json import JsonExchange
from twisted_tasks.wire.splitters import CODECS


def test_there_is_a_codec() -> None:
    """Where nothing is missing, generated code reads and writes whole structs."""
    for codec in CODECS.values():
        exchange: Any = codec.open(b"", MessageHead("x", 1, 1, 0))
        assert exchange._fast_decode is not None
        assert exchange._fast_encode is not None


@pytest.mark.parametrize("dialect", [d for d in DIALECTS if "thriftpy2" not in d.name], ids=str)
def test_a_conversation(dialect: Dialect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is answered as it is with the codecs."""
    for kind in (BinaryExchange, CompactExchange, JsonExchange):
        monkeypatch.setattr(kind, "_fast_decode", None)
        monkeypatch.setattr(kind, "_fast_encode", None)
    client = Client(dialect)
    connection = Server().connect()
    tree = Tree("a", [Tree("b", []), Tree("c", [])])
    bag = Bag(
        numbers=[1, -2],
        words={"x"},
        leaves={"a": Leaf(flag=True, text="é", raw=b"\0\xff", real=1.5)},
        table={1: [0.5]},
        flags=[True, False],
    )
    connection.send(
        client.call("tree", 1, tree=tree)
        + client.call("echo", 2, bag=bag)
        + client.call("nobody", 3)
        + client.call("refuse", 4, code=1)
        + client.call("unwritable", 5)
        + client.call("nothing", 6)
    )
    found = client.replies(connection.received(), 6)
    assert found[:2] == [("tree", 1, tree), ("echo", 2, bag)]
    assert found[2][2].type == TApplicationException.UNKNOWN_METHOD
    assert isinstance(found[3][2], Refused)
    assert found[4][2].type == TApplicationException.INTERNAL_ERROR
    assert found[5] == ("nothing", 6, None)
