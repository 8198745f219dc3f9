"""The texts by which a client goes on where it was: cursors of pages, and tokens of `changes`."""

from __future__ import annotations

import re
from hashlib import sha256

from twisted_tasks.model.errors import InvalidArgument
from twisted_tasks.model.times import FIRST_MS, LAST_MS
from twisted_tasks.model.values import Position

_CURSOR = re.compile(r"(-?[0-9]{1,15})-([0-9a-f]{24})")
_SYNC = re.compile(r"([a-z])([0-9a-f]{8})((?:\.-?[0-9a-f]{1,32}){1,16})")


def write_cursor(position: Position) -> str:
    """Return the text by which a client asks for the page after this place."""
    return f"{position.created_ms}-{position.id}"


def read_cursor(cursor: str) -> Position:
    """Return the place a cursor names, or raise InvalidArgument when `write_cursor` cannot have made it."""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidArgument("cursor is not one that page answered")
    milliseconds = int(match[1])
    if not FIRST_MS <= milliseconds <= LAST_MS:
        raise InvalidArgument("cursor is not one that page answered")
    return Position(milliseconds, match[2])


def write_sync(kind: str, user_id: str, numbers: tuple[int, ...]) -> str:
    """Return a token of `changes`.

    @param kind: one letter for the kind of store that reads it.
    @param numbers: what that store wants to know when it comes back: at most 16 integers of at most 128 bits.
    """
    return f"{kind}{_digest(user_id)}" + "".join(f".{number:x}" for number in numbers)


def read_sync(kind: str, user_id: str, token: str) -> tuple[int, ...] | None:
    """Return the numbers of a token; None when it is of another kind of store or another user, so that it says nothing.

    Raises InvalidArgument when `write_sync` cannot have made it.
    """
    match = _SYNC.fullmatch(token)
    if match is None:
        raise InvalidArgument("sync is not a token that changes answered")
    if match[1] != kind or match[2] != _digest(user_id):
        return None
    return tuple(int(number, 16) for number in match[3].split(".")[1:])


def _digest(user_id: str) -> str:
    return sha256(user_id.encode()).hexdigest()[:8]
