"""What can be a username, and which are the same."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twisted_tasks.gateway.accounts.errors import UsernameRefused
from twisted_tasks.gateway.accounts.usernames import key_of, valid_username


@pytest.mark.parametrize(
    "name",
    [
        "o",
        "Olga_P.",
        "-",
        "olga@example.org",
        "x" * 64,
        "\u041e\u043b\u044c\u0433\u0430",  # Cyrillic
        "\u674e\u5c0f\u9f99",  # Chinese
        "\u30b8\u30e7\u30fc",  # Japanese, with its long vowel
        "\u0939\u093f\u0928\u094d\u0926\u0940",  # Hindi, which writes vowels as marks
        "\u0e40\u0e1b\u0e47\u0e19",  # Thai
        "\u0645\u062d\u0645\u0651\u062f",  # Arabic, with a mark
        "\u1eb9\u0301k\u1ecd\u0301",  # Yoruba, with accents that have no letter of their own
        "\u0661\u0662",  # Arabic digits
        "stra\u00dfe",
    ],
)
def test_good(name: str) -> None:
    """Letters of any script, digits and four signs make a username, shown as it was typed."""
    assert valid_username(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * 65,
        "a b",
        " a",
        "a\n",
        "a\x00",
        "a/b",
        "a+b",
        "\ud800",
        "\u00b2",  # a superscript: no digit
        "\u200d",  # joins, and is not seen
        "o\u200dlga",
        "\u202eagl",  # turns the direction of writing
        "\ufeffolga",
        "\u00a0",
        "\u3164",  # a letter that is not seen
        "a\u115f",
        "\uffa0",
        "a\ufe0f",
        "a\U000e0101",
        "a\u034f",
        "a\u180b",
        "\u17b4",
        "\u0301a",  # a mark without a letter
        "-\u0301",
        "a" + "\u0301\u0302\u0303\u0304",  # a tower of marks
        "a\u20dd",  # a circle around it
        "\ufdfa",  # a letter by itself, a sentence with spaces after NFKC
        "\u2460",  # a circled one
        "\U0001f600",
        "\ue000",  # somebody's private character
        "\u0378",  # none yet
    ],
)
def test_refused(name: str) -> None:
    """What cannot be seen, or is no letter, digit or sign, before or after NFKC, is refused with a reason."""
    with pytest.raises(UsernameRefused) as caught:
        valid_username(name)
    assert caught.value.reason.startswith("a username ")
    assert caught.value.reason.isprintable()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Olga", "OLGA"),
        ("olga", "\uff4f\uff4c\uff47\uff41"),  # wide
        ("stra\u00dfe", "STRASSE"),
        ("\u1e9e", "ss"),
        ("\u00e9", "e\u0301"),
        ("\u00c5", "\u212b"),  # the unit
        ("\ufb01n", "fin"),  # a ligature
        ("\u03a3", "\u03c2"),  # the sigma of a word's end
        ("\u1d48", "d"),  # a raised letter
    ],
)
def test_the_same(one: str, other: str) -> None:
    """Usernames that differ in case, width or spelling of the same letters are the same."""
    assert key_of(one) == key_of(other)


@pytest.mark.parametrize(("one", "other"), [("i", "\u0131"), ("olga", "\u043elga"), ("a.b", "ab"), ("o", "0")])
def test_not_the_same(one: str, other: str) -> None:
    """Different letters are different, also when they look alike."""
    assert key_of(one) != key_of(other)


@given(st.text(max_size=70))
@example("\u0345")
@example("\u1fb3\u0301")
@example("\u0130")
def test_any_text(text: str) -> None:
    """Any text is a username or is refused; of a username the key is one, and is its own key, in any spelling."""
    key = key_of(text)
    assert key_of(key) == key
    for spelling in ("NFC", "NFD", "NFKC", "NFKD"):
        assert key_of(unicodedata.normalize(spelling, text)) == key
    with suppress(UsernameRefused):
        assert 1 <= len(valid_username(text)) <= 64
        assert key
        assert valid_username(key[:64])


LATIN = st.characters(categories=["Lu", "Ll", "Lo", "Nd"], max_codepoint=0x2FF).filter(
    lambda one: key_of(one).isalnum()
)


@given(st.text(LATIN, min_size=1, max_size=64))
def test_any_letters(text: str) -> None:
    """Letters and digits of Latin scripts are a username, however they are put together."""
    assert valid_username(text) == text
