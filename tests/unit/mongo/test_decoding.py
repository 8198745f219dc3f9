"""Replies whose documents hold what cannot be decoded."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from bson import Binary, Code, DatetimeMS, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.errors import InvalidBSON
from hypothesis import given
from hypothesis import strategies as st

from twisted_tasks.mongo.decoding import Damaged, _elements, decode


def document(*elements: bytes) -> bytes:
    """Return a document of elements, each given by its bytes."""
    body = b"".join(elements) + b"\0"
    return (len(body) + 4).to_bytes(4, "little") + body


def text(name: bytes, value: bytes) -> bytes:
    return b"\x02" + name + b"\0" + (len(value) + 1).to_bytes(4, "little") + value + b"\0"


CAFE = text(b"name", b"caf\xe9")
FINE = bson.encode({"_id": 2, "name": "tea"})
ID = bson.encode({"_id": 1})[4:-1]


def reply(*found: bytes) -> bytes:
    """Return the reply to a find."""
    batch = document(*(b"\x03" + str(n).encode() + b"\0" + one for n, one in enumerate(found)))
    cursor = document(b"\x04firstBatch\0" + batch, bson.encode({"id": Int64(0), "ns": "a.b"})[4:-1])
    return document(b"\x03cursor\0" + cursor, bson.encode({"ok": 1.0})[4:-1])


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ([CAFE], {"name": "caf\ufffd"}),
        ([text(b"na\xe9", b"tea")], {"na\ufffd": "tea"}),
        ([b"\x03name\0" + document(CAFE)], {"name": {"name": "caf\ufffd"}}),
        ([b"\x04name\0" + document(text(b"0", b"caf\xe9"), text(b"1", b"b"))], {"name": ["caf\ufffd", "b"]}),
        ([b"\x0e" + CAFE[1:]], {"name": "caf\ufffd"}),
        ([b"\x0d" + CAFE[1:]], {"name": Code("caf\ufffd")}),
        ([b"\x0c" + CAFE[1:] + b"0" * 12], {"name": DBRef("caf\ufffd", ObjectId(b"0" * 12))}),
        ([b"\x05name\0\3\0\0\0\4abc", text(b"x", b"y")], {"x": "y"}),
        ([b"\x04name\0" + document(b"\x050\0\3\0\0\0\4abc", text(b"1", b"b"))], {"name": [None, "b"]}),
        ([b"\x08done\0\5", text(b"x", b"y")], {"x": "y"}),
    ],
    ids=["a string", "a name", "within", "a list", "a symbol", "code", "a reference", "a UUID", "UUIDs", "a boolean"],
)
def test_what_cannot_be_decoded(elements: list[bytes], expected: dict[str, Any]) -> None:
    """One bad document leaves the others of a reply as they are, and what is good of it is read."""
    found = decode(reply(FINE, document(ID, *elements), FINE))["cursor"]["firstBatch"]
    assert found == [bson.decode(FINE), {"_id": 1, **expected}, bson.decode(FINE)]
    assert [type(one) for one in found] == [dict, Damaged, dict]


def test_a_reply_that_is_fine() -> None:
    """A reply without such documents is as PyMongo decodes it."""
    assert decode(reply(FINE)) == {"cursor": {"firstBatch": [bson.decode(FINE)], "id": 0, "ns": "a.b"}, "ok": 1.0}


@pytest.mark.parametrize(
    "body", [b"", b"\5\0\0\0", document(CAFE)[:-1], document(b"\x02name\0\xff\xff\xff\xff"), document(b"\x44a\0", CAFE)]
)
def test_no_document(body: bytes) -> None:
    """Bytes that are no document are refused."""
    with pytest.raises(InvalidBSON):
        decode(body)


VALUES = [
    *(1.5, "tea", {"a": 1}, ["b"], b"c", Binary(b"d", 128), ObjectId(), True, DatetimeMS(7), None, Regex("e", 2)),
    *(
        DBRef("f", 1),
        Code("g"),
        Code("h", {"i": 1}),
        8,
        Timestamp(1, 2),
        Int64(9),
        Decimal128("1.5"),
        MinKey(),
        MaxKey(),
    ),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_type(value: Any) -> None:
    """Values of every type beside one that cannot be decoded come as they are."""
    body = document(bson.encode({"value": value})[4:-1], CAFE)
    assert (
        decode(body)["value"]
        == bson.decode(
            bson.encode({"value": value}), bson.CodecOptions(datetime_conversion=bson.DatetimeConversion.DATETIME_MS)
        )["value"]
    )


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    """Whatever the bytes of a document are, they are decoded or refused."""
    body = document(data)
    try:
        elements = list(_elements(body))
    except InvalidBSON:
        return
    assert b"".join(element for _, _, element in elements) == data
    decode(body)


def test_documents_within_documents() -> None:
    """A document may be as deep as MongoDB lets it be."""
    body = document(CAFE)
    for _ in range(200):
        body = document(b"\x03within\0" + body)
    found = decode(reply(body, FINE))["cursor"]["firstBatch"]
    assert found[1] == bson.decode(FINE)
