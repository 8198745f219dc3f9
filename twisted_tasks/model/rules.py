"""The rules of each argument: what is returned is valid, and anything else raises InvalidArgument with a sentence."""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime

from twisted_tasks.model.errors import InvalidArgument

USER_ID_MAX = 256
NAME_MAX = 4096
NOTES_MAX = 16_384
"""Bytes of UTF-8."""
RANK_MAX = 64
KEY_MAX = 128
PAGE_MAX = 1000
PAGE_DEFAULT = 100
BATCH_MAX = 500
"""Changes in one batch."""
SYNCS_MAX = 1000
"""Users that one question may ask about."""
VERSION_MAX = 2**63 - 1

_ID = re.compile(r"[0-9a-f]{24}", re.IGNORECASE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-5][0-9])"
)
_RANK = re.compile(r"[ -~]{1,64}")


def valid_user_id(user_id: str | None) -> str:
    """Return the user id, or raise InvalidArgument when it is absent, empty, too long, holds a NUL or is no Unicode."""
    if not user_id:
        raise InvalidArgument("userId is missing")
    return _valid_text("userId", user_id, USER_ID_MAX)


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


def valid_notes(notes: str) -> str:
    """Return the notes, or raise InvalidArgument when they are too long, hold a NUL or are no Unicode."""
    # No character takes less than a byte.
    _valid_text("notes", notes, NOTES_MAX, "bytes of UTF-8")
    if not notes.isascii() and len(notes.encode()) > NOTES_MAX:
        raise InvalidArgument(f"notes is longer than {NOTES_MAX} bytes of UTF-8")
    return notes


def valid_due(due: str) -> str:
    """Return the date or date-time, or raise InvalidArgument when it is neither. Empty is none."""
    if not due:
        return due
    try:
        if _DATE.fullmatch(due):
            date.fromisoformat(due)
            return due
        if _DATE_TIME.fullmatch(due):
            # As many digits of a second as datetime reads: more of them are as valid.
            datetime.fromisoformat(re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", due.upper()))
            return due
    except ValueError:  # a 30th of February, a 25th hour
        pass
    raise InvalidArgument("due is neither a date (2026-11-25) nor a date-time with offset (2026-11-25T09:30:00+01:00)")


def valid_rank(rank: str) -> str:
    """Return the rank, or raise InvalidArgument when it is too long or not printable ASCII. Empty is none."""
    if rank and not _RANK.fullmatch(rank):
        raise InvalidArgument(f"rank is not 1 to {RANK_MAX} printable ASCII characters")
    return rank


def valid_key(key: str) -> str:
    """Return the idempotency key, or raise InvalidArgument when it is empty, too long, holds a NUL or is no Unicode."""
    if not key:
        raise InvalidArgument("key is empty: leave it out, or give 1 to 128 characters")
    return _valid_text("key", key, KEY_MAX)


def valid_version(version: int) -> int:
    """Return the version of a condition, or raise InvalidArgument when no task can have it."""
    if not 0 <= version <= VERSION_MAX:
        raise InvalidArgument("version is not one that a task can have")
    return version


def valid_limit(limit: int) -> int:
    """Return how many tasks a page holds, or raise InvalidArgument outside 1..PAGE_MAX."""
    if not 1 <= limit <= PAGE_MAX:
        raise InvalidArgument(f"limit is not within 1 to {PAGE_MAX}")
    return limit


def _valid_text(what: str, text: str, limit: int, unit: str = "characters") -> str:
    if len(text) > limit:
        raise InvalidArgument(f"{what} is longer than {limit} {unit}")
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


def digest(key: str, *asked: object) -> str:
    """Return what a store remembers of a key that a change was made under: 32 hexadecimal digits.

    It is a digest of the key together with what was asked, so that a key that somebody else uses for another change
    of the same task does not pass for a repetition.
    """
    return hashlib.sha256(f"{key}\0{asked!r}".encode()).hexdigest()[:32]
