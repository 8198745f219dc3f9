"""Which passwords are refused.

Covers `gateway.accounts.common`.
"""

from __future__ import annotations

import hashlib
import random
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twisted_tasks.gateway.accounts.breached import read_breached
from twisted_tasks.gateway.accounts.errors import PasswordRefused
from twisted_tasks.gateway.accounts.policy import LONGEST, PasswordPolicy

POLICY = PasswordPolicy()


def why_not(password: str, username: str = "olga", policy: PasswordPolicy = POLICY) -> str | None:
    """Return why a password is refused, or None."""
    try:
        policy.check(password, username)
    except PasswordRefused as error:
        return error.reason
    return None


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "wide open spaces",
        "Kz7#qP0!vR",
        "\u043a\u0440\u0430\u0441\u043d\u044b\u0439 \u0442\u0440\u0430\u043c\u0432\u0430\u0439",
        "\U0001f40e\U0001f50b\U0001f4ce\u2714\U0001f600\U0001f308\u2603\u26a1\u2615\u270f",
        "tasks for a rainy day",
        "a" * 20 + "b and so on" + "c" * 200,
    ],
)
def test_good(password: str) -> None:
    """Any characters will do, in any script, as long as nobody tries them first."""
    assert why_not(password) is None


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "at least 10"),
        ("123456789", "at least 10"),
        ("e\u0301" * 9, "at least 10"),  # nine characters, each written as two
        ("x1" * 128 + "y", "at most 256"),
        ("kz7qp0vr\ud800x", "not valid Unicode"),
        ("aaaaaaaaaaaa", "over and over"),
        ("AaAaAaAaAaAa", "over and over"),
        ("abcabcabcab", "over and over"),
        ("xyz123xyz123xyz", "over and over"),
        ("\u00e9" * 12, "over and over"),
        ("..........", "over and over"),
        ("abcdefghijkl", "over and over"),
        ("98765432109", "over and over"),
        ("5678901234567", "over and over"),
        ("my olga is mine", "hold the username"),
        ("MyOLGA1234!x", "hold the username"),
        ("o-l-g-a-rocks!", "hold the username"),
        ("\uff2f\uff2c\uff27\uff21 in wide letters", "hold the username"),
        ("i love twisted-tasks", "name of this service"),
        ("TwistedTasks!1", "name of this service"),
        ("password123", "many people"),
        ("PASSWORD123", "many people"),
        ("qwertyuiop", "many people"),
        ("sunshinesunshine", "tried first"),
        ("Sunshine Sunshine", "word, written twice"),
        ("elizabeth-elizabeth", "word, written twice"),
        ("together_together_together", "word, written twice"),
    ],
)
def test_refused(password: str, reason: str) -> None:
    """What is short, common, repeated, or tells the username is refused, and the reason is given."""
    assert reason in (why_not(password) or "")


def test_a_short_username() -> None:
    """A username of three characters may be in a password: too many words hold it."""
    assert why_not("the zoo is full of apes", "zoo") is None


def test_lengths() -> None:
    """An operator may ask for more characters, or for fewer, but for eight at least."""
    assert why_not("kz7qp0vr", policy=PasswordPolicy(8)) is None
    assert "many people" in (why_not("trustno1", policy=PasswordPolicy(8)) or "")
    assert "at least 14" in (why_not("wide open sky", policy=PasswordPolicy(14)) or "")
    with pytest.raises(ValueError, match="8 characters or more"):
        PasswordPolicy(7)


@given(st.text(min_size=0, max_size=LONGEST + 20), st.text(max_size=70))
def test_any_text(password: str, username: str) -> None:
    """Any text is judged, and one that is accepted has a length within the limits."""
    if why_not(password, username) is None:
        assert 10 <= len(unicodedata.normalize("NFC", password)) <= LONGEST


@given(st.text(min_size=1, max_size=6), st.integers(10, 256))
def test_any_sequence(unit: str, length: int) -> None:
    """Whatever is six characters or fewer, again and again, is refused."""
    assert why_not((unit * length)[:length]) is not None


SEEN = [f"wide open spaces {number}" for number in range(500)]


def hashes(count: str = ":3", end: str = "\r\n") -> str:
    return "".join(
        f"{one}{count}{end}" for one in sorted(hashlib.sha1(seen.encode()).hexdigest().upper() for seen in SEEN)
    )


@pytest.mark.parametrize(
    "content",
    [
        hashes(),
        hashes("", "\n"),
        hashes().rstrip(),
        hashes().lower(),
        "\n".join(random.Random(1).sample(SEEN, len(SEEN))),
        "\r\n".join(SEEN) + "\r\n",
    ],
    ids=["hashes", "hashes without counts", "no last line end", "small letters", "passwords", "of Windows"],
)
def test_breached(tmp_path: Path, content: str) -> None:
    """What stands in the operator's file is refused, and what does not is not; whichever kind of file it is."""
    path = tmp_path / "breached"
    path.write_bytes(content.encode())
    policy = PasswordPolicy(breached=read_breached(str(path)))
    for seen in SEEN:
        assert "breach" in (why_not(seen, policy=policy) or "")
        assert why_not(seen + "!", policy=policy) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        ("".join(reversed(hashes().splitlines(True))).encode(), "not sorted"),
        (hashes().encode() + b"nonsense\n" * 1000, "not sorted, or something else"),
    ],
    ids=["empty", "not sorted", "half nonsense"],
)
def test_a_bad_file(tmp_path: Path, content: bytes, reason: str) -> None:
    """A file that cannot be searched is refused at start, with the reason."""
    path = tmp_path / "breached"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        read_breached(str(path))


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there, or cannot be read, is named."""
    with pytest.raises(ValueError, match="No such file or directory"):
        read_breached(str(tmp_path / "none"))
    with pytest.raises(ValueError, match="Is a directory"):
        read_breached(str(tmp_path))
