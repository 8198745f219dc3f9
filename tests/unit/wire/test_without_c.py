"""The protocols where generated code reads and writes a value at a time: no codec in C, or an IDL it cannot serve."""

from __future__ import annotations

import pytest
from thrift.Thrift import TApplicationException

from tests.interop.gen.twisted.everything.ttypes import Bag, Leaf, Refused, Tree
from tests.unit.wire.clients import DIALECTS, Client, Dialect
from tests.unit.wire.memory import Server
from twisted_tasks.wire.binary import BinaryCall
from twisted_tasks.wire.compact import CompactCall


@pytest.mark.parametrize("dialect", [d for d in DIALECTS if "thriftpy2" not in d.name], ids=str)
def test_a_conversation(dialect: Dialect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is answered as it is with the codecs."""
    for kind in (BinaryCall, CompactCall):
        monkeypatch.setattr(kind, "_fast_decode", None)
        monkeypatch.setattr(kind, "_fast_encode", None)
    for name in ("_decode", "_encode"):
        monkeypatch.setattr(f"twisted_tasks.wire.jsons.{name}", None)
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
