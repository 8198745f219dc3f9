"""A file of passwords that were seen in breaches, which an operator provides. Two kinds are understood:

- Lines of `SHA-1 in hexadecimal:count`, sorted: what Have I Been Pwned offers. The count may be absent. A file of forty
  gigabytes costs no memory: it is searched by halves.
- Lines that are passwords, in any order. Eight bytes of memory for each.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from mmap import ACCESS_READ, mmap
from typing import Protocol

_HASH = re.compile(rb"([0-9A-Fa-f]{40})(:\d+)?\r?\n?")
_HASH_LENGTH = 40
_LINE_LONGEST = 64
"""Bytes of a line of hashes, with its count and its end."""


class Breached(Protocol):
    """Passwords that were seen in breaches."""

    def __contains__(self, password: str) -> bool: ...


def read_breached(path: str) -> Breached:
    """Return the passwords of a file. Raise ValueError, with one sentence, when it cannot be used."""
    try:
        with open(path, "rb") as file:
            first = file.readline(_LINE_LONGEST)
            if not first:
                raise ValueError(f"the file of breached passwords {path} is empty")
            if _HASH.fullmatch(first):
                return SortedHashes(mmap(file.fileno(), 0, access=ACCESS_READ), path)
            file.seek(0)
            return PlainPasswords(file)
    except OSError as error:
        raise ValueError(f"cannot read the file of breached passwords {path}: {error.strerror}") from None


class SortedHashes:
    """Passwords whose SHA-1 stand in a file, sorted.

    @raise ValueError: they are not sorted, as far as looking at a few shows.
    """

    def __init__(self, content: mmap, path: str) -> None:
        self._content = content
        size = len(content)
        looks = [self._hash_at(size * part // 64) for part in range(64)]
        if None in looks or looks != sorted(look or b"" for look in looks):
            raise ValueError(
                f"the file of breached passwords {path} holds hashes that are not sorted, or something else"
            )

    def __contains__(self, password: str) -> bool:
        wanted = _sha1(password.encode()).hexdigest().upper().encode()
        low, high = 0, len(self._content)
        while low < high:
            middle = (low + high) // 2
            found = self._hash_at(middle)
            if found is None:
                return False
            if found == wanted:
                return True
            if found < wanted:
                low = middle + 1
            else:
                high = middle
        return False

    def _hash_at(self, place: int) -> bytes | None:
        """Return the hash of the line that a place is in, or None when it is no line of a hash."""
        start = self._content.rfind(b"\n", max(0, place - _LINE_LONGEST), place) + 1
        match = _HASH.match(self._content[start : start + _LINE_LONGEST])
        return match[1].upper() if match else None


class PlainPasswords:
    """Passwords that stand in lines of their own; of each, a part of its hash is kept."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._hashes = array("Q", sorted({_number(line.rstrip(b"\r\n")) for line in lines}))

    def __contains__(self, password: str) -> bool:
        wanted = _number(password.encode())
        place = bisect_left(self._hashes, wanted)
        return place < len(self._hashes) and self._hashes[place] == wanted


def _sha1(password: bytes) -> hashlib._Hash:
    return hashlib.sha1(password, usedforsecurity=False)


def _number(password: bytes) -> int:
    return int.from_bytes(_sha1(password).digest()[:8], "big")
