"""The rules of a task."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twisted_tasks import model
from twisted_tasks.model import InvalidArgument, Position

ZEROS = "0" * 24


@pytest.mark.parametrize("user_id", [None, "", "x" * 257, "a\0b", "\ud800", "a\ufffd"])
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


@pytest.mark.parametrize("key", ["", "x" * 129, "\0", "\ufffd"])
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
