"""What is in a reply, also where documents hold what cannot be decoded.

MongoDB stores strings that are not UTF-8, and UUIDs of any length. PyMongo refuses a whole reply for one of them; but
what somebody once wrote into a document says nothing about the connection it comes over. So a reply that cannot be
decoded as a whole is decoded piece by piece:

    document  = length elements 00
    element   = type name 00 value          the type tells how long the value is (bsonspec.org)

Only where these lengths make no sense does the reply make none either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import InvalidBSON

# Dates as plain numbers: half the cost of datetimes, and no date there is fails to decode.
_STRICT: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
_LENIENT = _STRICT.with_options(unicode_decode_error_handler="replace")

_NOTHING = object()
"""In place of a value that cannot be decoded."""
_DEPTH = 8
"""Levels of a reply at which a value that cannot be decoded is told from its neighbours; documents are on the fourth.
Below, one is decoded as a whole or left out, so that none uses up Python's stack."""

_DOCUMENT, _ARRAY, _REGEX = 0x03, 0x04, 0x0B
_SIZES = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0x7F: 0, 0xFF: 0}
"""Bytes of a value, by type."""
_COUNTED = {0x02: 4, 0x03: 0, 0x04: 0, 0x05: 5, 0x0C: 16, 0x0D: 4, 0x0E: 4, 0x0F: 0}
"""Types whose values begin with a count of bytes, and how many bytes the count leaves out."""


class Damaged(dict[str, Any]):
    """A document that could not be decoded as it is.

    Bytes that are not UTF-8 became U+FFFD; a value that cannot be decoded at all is left out.
    """


def decode(body: bytes) -> dict[str, Any]:
    """Return a document, decoded. Those within it that hold what cannot be decoded are `Damaged`, and so is it.

    @raise InvalidBSON: it is no BSON document.
    """
    return _decode(body, _DEPTH)


def _decode(body: bytes, depth: int) -> dict[str, Any]:
    try:
        return bson.decode(body, _STRICT)
    except InvalidBSON:
        return Damaged((name, value) for name, value in _values(body, depth) if value is not _NOTHING)


def _values(document: bytes, depth: int) -> Iterator[tuple[str, Any]]:
    for kind, name, element in _elements(document):
        yield name.decode(errors="replace"), _value(kind, name, element, depth)


def _value(kind: int, name: bytes, element: bytes, depth: int) -> Any:
    """Return the value of an element, or _NOTHING."""
    alone = (len(element) + 5).to_bytes(4, "little") + element + b"\0"
    with suppress(InvalidBSON):
        return next(iter(bson.decode(alone, _STRICT).values()))
    if depth and kind in (_DOCUMENT, _ARRAY):
        within = element[len(name) + 2 :]
        if kind == _DOCUMENT:
            return _decode(within, depth - 1)
        return [None if value is _NOTHING else value for _, value in _values(within, depth - 1)]
    with suppress(InvalidBSON):
        return next(iter(bson.decode(alone, _LENIENT).values()))
    return _NOTHING


def _elements(document: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield the type and the name of each element of a document, and all of its bytes."""
    end = len(document) - 1
    if len(document) < 5 or int.from_bytes(document[:4], "little") != len(document) or document[end] != 0:
        raise InvalidBSON("a document of another length than it says")
    place = 4
    while place < end:
        kind = document[place]
        value = _behind_zero(document, place + 1)
        behind = value + _size(kind, document, value)
        if behind > end:
            raise InvalidBSON("an element that is longer than its document")
        yield kind, document[place + 1 : value - 1], document[place:behind]
        place = behind


def _size(kind: int, document: bytes, place: int) -> int:
    if kind in _SIZES:
        return _SIZES[kind]
    if kind in _COUNTED:
        count = int.from_bytes(document[place : place + 4], "little", signed=True)
        if count < 0:
            raise InvalidBSON("an element of negative length")
        return count + _COUNTED[kind]
    if kind == _REGEX:
        return _behind_zero(document, _behind_zero(document, place)) - place
    raise InvalidBSON(f"an element of unknown type {kind}")


def _behind_zero(document: bytes, place: int) -> int:
    zero = document.find(0, place)
    if zero < 0:
        raise InvalidBSON("a string without an end")
    return zero + 1
