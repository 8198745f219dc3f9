"""What can be a username, and which usernames are the same.

A username has 1 to 64 characters: letters of any script, digits, `.`, `_`, `-`, `@`. Many scripts write vowels and
tones as marks behind a letter; these are allowed there. Two usernames are the same when they are alike after NFKC and
case folding, so `OLGA` and `olga` are, in wide letters too. What a reader could not see is refused, and so is what NFKC
turns into something that is no username.
"""

from __future__ import annotations

import unicodedata

from twisted_tasks.gateway.accounts.errors import UsernameRefused

LONGEST = 64
_SIGNS = frozenset("._-@")
_LETTERS_AND_DIGITS = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd"})
_MARKS = frozenset({"Mn", "Mc"})
_MOST_MARKS = 3
"""Marks behind one letter: what any script writes, and too few to paint over the lines above."""
_INVISIBLE = frozenset(
    map(
        chr,
        [
            0x034F,  # combining grapheme joiner
            *(0x115F, 0x1160, 0x3164, 0xFFA0),  # Hangul fillers, which count as letters
            *(0x17B4, 0x17B5),  # Khmer vowels that are never shown
            *range(0x180B, 0x1810),  # Mongolian variation selectors
            *range(0xFE00, 0xFE10),  # variation selectors
            *range(0xE0100, 0xE01F0),  # and their supplement
        ],
    )
)
"""Characters that Unicode counts as letters or marks, and that are not seen."""


def valid_username(text: str) -> str:
    """Return the username as it was typed, or raise UsernameRefused with the reason."""
    if not 1 <= len(text) <= LONGEST:
        raise UsernameRefused(f"a username has 1 to {LONGEST} characters")
    _check(text)
    _check(key_of(text))
    return text


def key_of(text: str) -> str:
    """Return what usernames are compared by. Two usernames are the same when their keys are."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    # Folding can undo what the normalisation did: U+0345, for one, becomes a letter.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())


def _check(text: str) -> None:
    marks = _MOST_MARKS  # as if after a letter that has all it may: a name does not begin with one
    for character in text:
        category = unicodedata.category(character)
        if character in _INVISIBLE:
            raise UsernameRefused(f"a username cannot hold the invisible character {_named(character)}")
        if category in _MARKS and marks < _MOST_MARKS:
            marks += 1
        elif category in _LETTERS_AND_DIGITS:
            marks = 0
        elif character in _SIGNS:
            marks = _MOST_MARKS
        else:
            raise UsernameRefused(f"a username has letters, digits and . _ - @, and not {_named(character)}")


def _named(character: str) -> str:
    code = f"U+{ord(character):04X}"
    return f"{character} ({code})" if character.isprintable() and not unicodedata.combining(character) else code
