"""The rules of a task.

Covers `model.rules`, `model.times`, `model.tokens`, `model.values`.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twisted_tasks import model
from twisted_tasks.model import InvalidArgument, Position

ZEROS = "0" * 24


@pytest.mark.parametrize("user_id", [None, "", "x" * 257, "a\0b", "\ud800"])
def test_invalid_user_ids(user_id: str | None) -> None:
    """A user id is there, 1 to 256 characters, without NUL, and Unicode."""
    with pytest.raises(InvalidArgument, match="userId"):
        model.valid_user_id(user_id)


@pytest.mark.parametrize("user_id", ["1", "x" * 256, "ü" * 256, "🫖"])
def test_valid_user_ids(user_id: str) -> None:
    """Characters are counted, not bytes."""
    assert model.valid_user_id(user_id) == user_id


@pytest.mark.parametrize("task_id", [None, "", "1", "x" * 24, "0" * 23, "0" * 25, "0" * 24 + "\n", "\u0660" * 24])
def test_invalid_task_ids(task_id: str | None) -> None:
    """A task id is 24 hexadecimal digits."""
    with pytest.raises(InvalidArgument):
        model.valid_task_id(task_id)


def test_task_ids_are_of_either_case() -> None:
    """The same id in upper case is the same id."""
    assert model.valid_task_id("ABCDEFabcdef012345678901") == "abcdefabcdef012345678901"


@pytest.mark.parametrize("name", ["x" * 4097, "a\0", "\udfff"])
def test_invalid_names(name: str) -> None:
    """A name has up to 4096 characters, no NUL, and is Unicode."""
    with pytest.raises(InvalidArgument, match="name"):
        model.valid_name(name)


@pytest.mark.parametrize("name", ["", "x" * 4096])
def test_valid_names(name: str) -> None:
    """A name may be empty."""
    assert model.valid_name(name) == name


@pytest.mark.parametrize("key", ["", "x" * 129, "\0", "\ud800"])
def test_invalid_keys(key: str) -> None:
    """A key has 1 to 128 characters and no NUL."""
    with pytest.raises(InvalidArgument, match="key"):
        model.valid_key(key)


@pytest.mark.parametrize("limit", [0, -1, 1001, 2**31 - 1])
def test_invalid_limits(limit: int) -> None:
    """A page holds 1 to 1000 tasks."""
    with pytest.raises(InvalidArgument, match="limit"):
        model.valid_limit(limit)


def test_the_key_makes_the_id() -> None:
    """One user and key give one valid id; another user's or another key's is another one."""
    ids = {model.id_of_key(user, key) for user in ("a", "ab", "b") for key in ("bc", "c", "abc")}
    assert len(ids) == 9
    assert {model.valid_task_id(one) for one in ids} == ids
    assert model.id_of_key("a", "bc") in ids


@given(st.datetimes(timezones=st.just(UTC)), st.text("0123456789abcdef", min_size=24, max_size=24))
def test_cursors_come_back(moment: datetime, task_id: str) -> None:
    """Every place in a list can be written as a cursor and read again."""
    place = Position(model.to_milliseconds(moment), task_id)
    assert model.read_cursor(model.write_cursor(place)) == place


@given(st.datetimes(timezones=st.just(UTC)))
@example(datetime.min.replace(tzinfo=UTC))
@example(datetime.max.replace(tzinfo=UTC))
@example(datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC))
def test_moments_as_text(moment: datetime) -> None:
    """A moment is written as datetime itself writes it, and a task gives it back as one."""
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    milliseconds = model.to_milliseconds(moment)
    assert model.to_text(milliseconds) == moment.isoformat(timespec="milliseconds")
    assert model.Task("", "", "", milliseconds, False).created_on == moment


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "0",
        "0-",
        "-" + "0" * 24,
        "x-" + "0" * 24,
        "0-" + "g" * 24,
        "9" * 15 + "-" + "0" * 24,
        f"{model.LAST_MS + 1}-" + "0" * 24,
        f"{model.FIRST_MS - 1}-" + "0" * 24,
        "1-" + "0" * 24 + "\n",
    ],
)
def test_invalid_cursors(cursor: str) -> None:
    """A cursor that no page answered is refused."""
    with pytest.raises(InvalidArgument, match="cursor"):
        model.read_cursor(cursor)


@given(st.text())
def test_any_text_as_a_cursor(cursor: str) -> None:
    """Whatever comes as a cursor is read or refused."""
    with contextlib.suppress(InvalidArgument):
        model.read_cursor(cursor)


@pytest.mark.parametrize("due", ["", "2026-11-25", "2026-11-25T09:30:00+01:00", "2026-02-28t23:59:59.123456789z"])
def test_valid_dues(due: str) -> None:
    """A due date is a date, a date-time with offset as RFC 3339 has it, or none, and is kept as it was sent."""
    assert model.valid_due(due) == due


NO_DUES = ("tomorrow", "2026-02-30", "20261125", "2026-11-25T10:00Z", "2026-11-25T10:00:00", "2026-11-25 10:00:00Z")


@pytest.mark.parametrize(
    "due", [*NO_DUES, "2026-11-25T24:00:00Z", "2026-11-25T10:00:00+01:60", "\u0662026-11-25", "2026-11-25\n"]
)
def test_invalid_dues(due: str) -> None:
    """What is no date, has no offset, or is no moment there can be, is refused."""
    with pytest.raises(InvalidArgument, match="due"):
        model.valid_due(due)


@pytest.mark.parametrize("rank", ["x" * 65, "é", "a\n", "\x7f", "\0"])
def test_invalid_ranks(rank: str) -> None:
    """A rank has up to 64 printable characters of ASCII."""
    with pytest.raises(InvalidArgument, match="rank"):
        model.valid_rank(rank)


@pytest.mark.parametrize("notes", ["x" * 16_385, "é" * 8193, "\0", "\ud800"])
def test_invalid_notes(notes: str) -> None:
    """Notes have up to 16,384 bytes of UTF-8, no NUL, and are Unicode."""
    with pytest.raises(InvalidArgument, match="notes"):
        model.valid_notes(notes)


@given(st.lists(st.integers(-(2**127), 2**127), min_size=1, max_size=16), st.text(min_size=1))
def test_tokens_come_back(numbers: list[int], user: str) -> None:
    """What a store writes into a token it reads again, for the same user and kind of store alone."""
    user = user.encode(errors="replace").decode()
    token = model.write_sync("s", user, tuple(numbers))
    assert model.read_sync("s", user, token) == tuple(numbers)
    assert model.read_sync("m", user, token) is None
    assert model.read_sync("s", user + "x", token) is None


def test_what_fits_into_a_reply() -> None:
    """As many tasks fit as make 4 MiB by their texts in UTF-8, and at least one."""
    task = model.Task("0" * 24, "me", "é" * 4096, 0, False, notes="é" * 8192)
    most = model.REPLY_MAX // model.size_of(task)
    assert model.fitting([task] * 1000) == most
    assert model.fitting([task] * most) == most
    assert model.fitting([]) == 0
    assert model.fitting([task._replace(name="x" * model.REPLY_MAX)]) == 1


def test_the_digest_of_a_key() -> None:
    """A key's digest is that of the key with what is asked; 32 hexadecimal digits."""
    digests = {
        model.digest(key, *asked) for key in ("a", "b") for asked in ((), (1,), ("1",), (None, "x"), ("x", None))
    }
    assert len(digests) == 10
    assert {len(one) for one in digests} == {32}
