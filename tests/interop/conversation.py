"""What any client of everything.thrift has to get through, whoever generated it."""

from __future__ import annotations

import math
from typing import Any

import pytest


def leaf(types: Any, number: int) -> Any:
    """Return a struct with each simple type in it."""
    return types.Leaf(
        flag=bool(number % 2),
        tiny=-number,
        small=-30_000 + number,
        medium=2_000_000_000 - number,
        large=-(2**62) - number,
        real=number / 7,
        text=f"tea ☕ 𝄞 é {number}",
        raw=bytes(range(256)),
        colour=types.Colour.BLUE,
        moment=2**40 + number,
        far="away",
    )


def bag(types: Any, nested: bool) -> Any:
    """Return a struct with each kind of container in it, those of containers too if they are wanted."""
    inner = {
        "table": {1: [0.0, -1.5, 1e300], -1: []},
        "deep": {"a": {"b": {2**50, 0}, "c": set()}, "": {}},
        "lists": [["a", ""], []],
    }
    return types.Bag(
        numbers=[0, 1, -1, 2**31 - 1, -(2**31)] * 10,
        words={"tea", "", "café"},
        leaves={"one": leaf(types, 1), "": leaf(types, 2)},
        flags=[True, False] * 20,
        switches={1: True, -1: False},
        blobs=[b"", b"\0\xff"],
        either=types.Either(number=7),
        colours={types.Colour.RED, types.Colour.GREEN},
        row=[leaf(types, n) for n in range(3)],
        **(inner if nested else {}),
    )


def plain(value: Any) -> Any:
    """Return a value without what differs between libraries that mean the same: thriftpy2 reads sets as lists."""
    if hasattr(value, "thrift_spec"):
        return {name: plain(field) for name, field in vars(value).items()}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset, list)):
        return sorted((plain(item) for item in value), key=repr)
    return value


def converse(
    client: Any,
    types: Any,
    application_exception: type[Exception],
    *,
    infinite: bool = True,
    long: bool = True,
    nested: bool = True,
) -> None:
    """Call every method, and see that each answers what it should.

    @param types: the module with the structs.
    @param application_exception: what this client raises of errors that are not in the IDL.
    @param infinite: whether the client can send what is no finite number; Thrift's own cannot in JSON.
    @param long: whether it can read a reply of more than 4 KiB.
    @param nested: whether it can send containers of containers.
    """
    assert client.inherited("x") == "x"
    assert client.leaf(leaf(types, 3)) == leaf(types, 3)
    assert plain(client.echo(bag(types, nested))) == plain(bag(types, nested))
    if long:
        assert client.blob(bytes(range(256)) * 500) == bytes(range(256)) * 500
        assert client.strings(["", "é" * 5000]) == ["", "é" * 5000]
    tree = types.Tree("root", [types.Tree("left", []), types.Tree("right", [types.Tree("leaf", [])])])
    assert client.tree(tree) == tree
    for either in (types.Either(text="x"), types.Either(number=0), types.Either(leaf=leaf(types, 1))):
        assert client.either(either) == either
    assert client.blob(bytes(range(256))) == bytes(range(256))
    for real in (0.0, -1.5, 1e-300, math.pi, *((math.inf, -math.inf) if infinite else ())):
        assert client.real(real) == real
    if infinite:
        assert math.isnan(client.real(math.nan))
    assert client.sum(list(range(1000))) == 499_500
    assert client.count({"tea", ""}) == {"tea": 3, "": 0}
    assert client.nothing() is None
    assert client.refuse(0) == 0
    with pytest.raises(types.Refused) as refused:
        client.refuse(7)
    assert (refused.value.code, refused.value.why) == (7, "above zero")
    with pytest.raises(types.Elsewhere) as elsewhere:
        client.refuse(-7)
    assert elsewhere.value.leaf.medium == -7
    for fails in (client.fail, client.unwritable):
        with pytest.raises(application_exception) as error:
            fails()
        assert error.value.type == 6  # type: ignore[attr-defined]
    assert client.later(1) == 1
    client.notify("heard")
    assert "heard" in client.notified()
