"""What a task is, what may be asked of it, and how asking can go wrong.

The rules of the service, by themselves: this module knows no Thrift, no Twisted and no database, and imports the
standard library only. Values that reach a store have passed through here.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import ClassVar, NamedTuple

USER_ID_MAX = 256
NAME_MAX = 4096
KEY_MAX = 128
PAGE_MAX = 1000
PAGE_DEFAULT = 100

_ID = re.compile(r"[0-9a-f]{24}", re.IGNORECASE)
_CURSOR = re.compile(r"(-?[0-9]{1,15})-([0-9a-f]{24})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MINUTES = [f"T{hour:02}:{minute:02}" for hour in range(24) for minute in range(60)]
_SECONDS = [f":{second:02}" for second in range(60)]
_MILLISECONDS = [f".{millisecond:03}+00:00" for millisecond in range(1000)]


class TaskError(Exception):
    """A call that failed in a way its caller is told of: `code`, and a sentence for people."""

    code: ClassVar[int]


class InvalidArgument(TaskError):
    """The arguments break a rule of the contract: repeating the call will fail again."""

    code = 400


class TaskNotFound(TaskError):
    """No such task, or not this user's: the two are never told apart."""

    code = 404

    def __init__(self, message: str = "there is no such task") -> None:
        super().__init__(message)


class Overloaded(TaskError):
    """Too many requests in flight. Nothing was done: safe to retry."""

    code = 429

    def __init__(self, message: str = "too many requests in flight, try again") -> None:
        super().__init__(message)


class StoreUnavailable(TaskError):
    """The store cannot be reached or refuses to work. Safe to retry."""

    code = 503

    def __init__(self, message: str = "the task store is unavailable, try again") -> None:
        super().__init__(message)


class DeadlineExceeded(TaskError):
    """The deadline passed before the store answered; the call may have been done. Safe to retry."""

    code = 504

    def __init__(self, message: str = "the deadline passed before the task store answered, try again") -> None:
        super().__init__(message)


class Task(NamedTuple):
    """One task. A tuple, because lists of them are made on the hot path."""

    id: str
    """24 lower-case hexadecimal digits (a MongoDB ObjectId)."""
    user_id: str
    name: str
    created_ms: int
    """Milliseconds since 1970-01-01 UTC, within the years 1 to 9999: what every store keeps."""
    done: bool

    @property
    def created_on(self) -> datetime:
        """When it was made: aware, in UTC."""
        return from_milliseconds(self.created_ms)


class TaskRef(NamedTuple):
    """A task somebody asks for: its id, and the user it has to belong to."""

    id: str
    user_id: str


class TaskChange(NamedTuple):
    """What to set of a task; None leaves a field as it is."""

    id: str
    user_id: str
    name: str | None
    done: bool | None


class Position(NamedTuple):
    """A place in a user's list, which is ordered by (created_ms, id), newest first."""

    created_ms: int
    id: str


class ListQuery(NamedTuple):
    """Which of a user's tasks to list, newest first."""

    user_id: str
    limit: int | None = None
    """At most this many; None is all."""
    after: Position | None = None
    """Only those that come after this place in the list, that is: older ones."""
    done: bool | None = None
    """Only those that are (True) or are not (False) done."""


def valid_user_id(user_id: str | None) -> str:
    """Return the user id, or raise InvalidArgument when it is absent, empty, too long, holds a NUL or is no Unicode."""
    if not user_id:
        raise InvalidArgument("userId is missing")
    return _valid_identity("userId", user_id, USER_ID_MAX)


def valid_task_id(task_id: str | None) -> str:
    """Return the task id in lower case, or raise InvalidArgument when it is not 24 hexadecimal digits."""
    if not task_id:
        raise InvalidArgument("the task's id is missing")
    if not _ID.fullmatch(task_id):
        raise InvalidArgument("the task's id is not 24 hexadecimal digits")
    return task_id.lower()


def valid_name(name: str) -> str:
    """Return the name, or raise InvalidArgument when it is too long, holds a NUL or is no Unicode. It may be empty."""
    return _valid_text("name", name, NAME_MAX)


def valid_key(key: str) -> str:
    """Return the idempotency key, or raise InvalidArgument when it is empty, too long, holds a NUL or is no Unicode."""
    if not key:
        raise InvalidArgument("key is empty: leave it out, or give 1 to 128 characters")
    return _valid_identity("key", key, KEY_MAX)


def valid_limit(limit: int) -> int:
    """Return how many tasks a page holds, or raise InvalidArgument outside 1..PAGE_MAX."""
    if not 1 <= limit <= PAGE_MAX:
        raise InvalidArgument(f"limit is not within 1 to {PAGE_MAX}")
    return limit


def _valid_identity(what: str, text: str, limit: int) -> str:
    # Thrift's decoders put this in the place of bytes that are no UTF-8, so that different ones would become one.
    if "\ufffd" in text:
        raise InvalidArgument(f"{what} is not valid Unicode")
    return _valid_text(what, text, limit)


def _valid_text(what: str, text: str, limit: int) -> str:
    if len(text) > limit:
        raise InvalidArgument(f"{what} is longer than {limit} characters")
    if "\0" in text:
        raise InvalidArgument(f"{what} holds a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, as JSON can spell it: no store can keep it
            raise InvalidArgument(f"{what} is not valid Unicode") from None
    return text


def id_of_key(user_id: str, key: str) -> str:
    """Return the id of the task that `user_id` adds under `key`.

    The same pair gives the same id wherever and whenever it is asked, so adding twice is inserting one id twice,
    which a store refuses by itself. Neither part can hold a NUL, so no two pairs are hashed alike. 96 bits of
    SHA-256: finding a key that meets a given id takes 2**96 tries.
    """
    return hashlib.sha256(f"{user_id}\0{key}".encode()).hexdigest()[:24]


def to_milliseconds(moment: datetime) -> int:
    """Return an aware datetime as milliseconds since 1970-01-01 UTC, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """Return the moment that many milliseconds after 1970-01-01 UTC; raise OverflowError outside years 1 to 9999."""
    return _EPOCH + milliseconds * _MILLISECOND


FIRST_MS = to_milliseconds(datetime.min.replace(tzinfo=UTC))
LAST_MS = to_milliseconds(datetime.max.replace(tzinfo=UTC))


def to_text(milliseconds: int) -> str:
    """Return the moment that many milliseconds after 1970-01-01 UTC in ISO 8601: `2026-11-23T10:15:30.123+00:00`.

    The same text as datetime's own, put together from ready pieces: every task of every list has one, and a datetime
    that is made and written costs five times as much.
    """
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    day, minutes = divmod(minutes, 24 * 60)
    return f"{_day(day)}{_MINUTES[minutes]}{_SECONDS[seconds]}{_MILLISECONDS[milliseconds]}"


@lru_cache(maxsize=4096)
def _day(number: int) -> str:
    return (_EPOCH + timedelta(days=number)).date().isoformat()


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
