"""Which passwords are refused, and why.

A password is long, and not one that somebody tries first. There are no rules about which characters it must have: they
make passwords alike. docs/decisions/0070-passwords.md has the reasons.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from twisted_tasks.gateway.accounts.breached import Breached
from twisted_tasks.gateway.accounts.common import is_common_password, is_common_word
from twisted_tasks.gateway.accounts.errors import PasswordRefused
from twisted_tasks.gateway.accounts.usernames import key_of

SHORTEST = 10
LEAST_SHORTEST = 8
"""What an operator may set the length to at least."""
LONGEST = 256
_LONGEST_SEQUENCE = 6
"""Characters that make nothing better when they are written again and again."""
_SHORTEST_USERNAME = 4
_PRODUCT = "twistedtasks"

_REPEATED = re.compile(r"(.+?)([\W_]?)\1(?:\2\1)*", re.DOTALL)
"""Something at least twice, with the same sign, or none, between."""


class PasswordPolicy:
    """The rules for new passwords; those that are set already stay good.

    @param shortest: characters a password has at least; 8 or more.
    @param breached: passwords that were seen in breaches, besides those that are common.
    """

    def __init__(self, shortest: int = SHORTEST, breached: Breached | None = None) -> None:
        if shortest < LEAST_SHORTEST:
            raise ValueError(f"the shortest password must have {LEAST_SHORTEST} characters or more")
        self._shortest = shortest
        self._breached = breached

    def check(self, password: str, username: str) -> None:
        """Raise PasswordRefused with the reason, when there is one."""
        password = unicodedata.normalize("NFC", password)
        if (reason := self._reason(password, username)) is not None:
            raise PasswordRefused(reason)

    def _reason(self, password: str, username: str) -> str | None:
        if len(password) < self._shortest:
            return f"a password has at least {self._shortest} characters"
        if len(password) > LONGEST:
            return f"a password has at most {LONGEST} characters"
        if any(unicodedata.category(character) == "Cs" for character in password):
            return "this password is not valid Unicode"
        if _is_sequence(password):
            return "this password is one character or a short sequence over and over"
        if _holds(password, username):
            return "a password must not hold the username"
        if _PRODUCT in _squeezed(password):
            return "a password must not hold the name of this service"
        if is_common_password(password):
            return "many people use this password, so it is tried first"
        if _is_word_repeated(password):
            return "a common word, written twice, is tried first"
        if self._breached is not None and password in self._breached:
            return "this password was seen in a breach, so it is tried first"
        return None


def _is_sequence(password: str) -> bool:
    """Return whether a password is a few characters again and again, or each the one after the other, up or down."""
    folded = password.casefold()
    for text in (password, folded):  # folding can make two characters of one
        if any(all(map(str.__eq__, text[period:], text)) for period in range(1, _LONGEST_SEQUENCE + 1)):
            return True
    steps = {ord(after) - ord(before) for before, after in pairwise(folded)}
    if folded.isdigit():  # 8901234 goes up, and 2109876 down
        steps = {step % 10 for step in steps}
    return steps in ({1}, {-1}, {9})


def _holds(password: str, username: str) -> bool:
    folded, name = key_of(password), key_of(username)
    if len(name) >= _SHORTEST_USERNAME and name in folded:
        return True
    squeezed = _squeezed(username)
    return len(squeezed) >= _SHORTEST_USERNAME and squeezed in _squeezed(password)


def _is_word_repeated(password: str) -> bool:
    match = _REPEATED.fullmatch(password.casefold())
    return match is not None and is_common_word(match[1])


def _squeezed(text: str) -> str:
    """Return the letters and digits of a text, folded as usernames are."""
    return "".join(character for character in key_of(text) if character.isalnum())
