"""Tasks as documents, whoever wrote them; and what replies say went wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64, ObjectId
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from hypothesis import given
from hypothesis import strategies as st

from twisted_tasks.model import FIRST_MS, LAST_MS, ListQuery, Task, to_milliseconds
from twisted_tasks.mongo.reply import CommandFailed, NotConfirmed, TimedOut, check
from twisted_tasks.service.storage.mongo import documents, paging

ID = ObjectId("0123456789abcdef01234567")
MORNING = datetime(2026, 11, 23, 10, 15, 30, 123000, tzinfo=UTC)
AS_NUMBERS: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)


ODD_VERSIONS = ("3", [3], True, -3, float("nan"), float("inf"), Decimal128("sNaN"), Int64(2**63 - 1), 2.0**63, {"a": 3})
"""What is in the place of a version, and none."""


def stored(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document as a reply brings it."""
    return bson.decode(bson.encode(document), AS_NUMBERS)


@given(st.datetimes(timezones=st.just(UTC)), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_there_and_back(moment: datetime, name: str) -> None:
    """A task comes back as it was, whatever its date."""
    task = Task(str(ID), "me", name, to_milliseconds(moment), True)
    assert documents.to_task(stored(documents.to_document(task))) == task


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"createdOn": MORNING}, {}),
        ({"createdOn": MORNING, "name": None, "done": None}, {}),
        ({"createdOn": MORNING, "name": "tea", "done": 1}, {"name": "tea", "done": True}),
        ({"createdOn": MORNING, "name": 7}, {"name": "7"}),
        ({"createdOn": MORNING, "more": "than we know"}, {}),
        ({"createdOn": MORNING + timedelta(microseconds=456)}, {}),
        ({}, {"created_ms": FIRST_MS}),
        ({"createdOn": "yesterday"}, {"created_ms": FIRST_MS}),
        ({"createdOn": DatetimeMS(2**62)}, {"created_ms": LAST_MS}),
        ({"createdOn": DatetimeMS(-(2**62))}, {"created_ms": FIRST_MS}),
        *(({"createdOn": MORNING, "done": odd}, {}) for odd in (Decimal128("sNaN"), Decimal128("Infinity"), 0.5, "1")),
        ({"createdOn": MORNING, "done": [Decimal128("sNaN"), Decimal128("1.0")]}, {"done": True}),
        *(({"createdOn": MORNING, "version": three}, {"version": 3}) for three in (3, 3.5, Decimal128("3"))),
        *(({"createdOn": MORNING, "version": odd}, {}) for odd in ODD_VERSIONS),
    ],
)
def test_documents_of_others(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """What the tutorial's service wrote is read, and what anybody wrote does no harm."""
    task = documents.to_task(stored({"_id": ID, "userId": "me", **fields}))
    assert task == Task(str(ID), "me", "", to_milliseconds(MORNING), False)._replace(**expected)


def test_documents_that_are_no_tasks() -> None:
    """A document whose id is no ObjectId cannot be named to a caller, and is left out."""
    found = [{"_id": "mine", "userId": "me"}, {"_id": ID, "userId": "me"}, {"_id": 7, "userId": "me"}]
    assert [task.id for task in documents.to_tasks(map(stored, found))] == [str(ID)]


def test_replies_that_are_fine() -> None:
    """A reply without errors has none; errors of single items are returned."""
    assert check({"ok": 1}) == []
    assert check({"ok": 1.0, "n": 3, "writeErrors": []}) == []
    error = {"index": 1, "code": 11000}
    assert check({"ok": 1, "writeErrors": [error]}) == [error]


@pytest.mark.parametrize(
    ("reply", "passing", "not_primary"),
    [
        ({"ok": 0, "code": 10107}, True, True),
        ({"ok": 0, "code": 91}, True, True),
        ({"ok": 0, "code": 112}, True, False),
        ({"ok": 0, "code": 8000}, False, False),
        ({"ok": 0}, False, False),
        ({}, False, False),
        ({"ok": 0, "code": 8000, "errorLabels": ["RetryableWriteError"]}, True, False),
        ({"ok": 0, "code": 8000, "errorLabels": ["Other"]}, False, False),
        ({"ok": 1, "writeErrors": [{"index": 0, "code": 10107}]}, True, True),
        ({"ok": 1, "writeErrors": [{"index": 0, "code": 11000}, {"index": 1, "code": 91}]}, True, True),
        ({"ok": 1, "writeConcernError": {"code": 91}}, True, True),
        ({"ok": 1, "writeConcernError": {"code": 64}}, False, False),
        ({"ok": 1, "writeConcernError": {"code": 64}, "errorLabels": ["RetryableWriteError"]}, True, False),
        ({"ok": 1, "writeErrors": [{"index": 0, "code": 11000}], "writeConcernError": {"code": 64}}, False, False),
    ],
)
def test_replies_that_are_not(reply: dict[str, Any], passing: bool, not_primary: bool) -> None:
    """Wherever in a reply an error is, it is found, and what may pass is told from what will not."""
    with pytest.raises(CommandFailed) as caught:
        check(reply)
    assert (caught.value.passing, caught.value.not_primary) == (passing, not_primary)
    assert isinstance(caught.value, NotConfirmed) == ("writeConcernError" in reply)


@pytest.mark.parametrize("reply", [{"ok": 0, "code": 50}, {"ok": 1, "writeErrors": [{"index": 0, "code": 50}]}])
def test_replies_that_took_too_long(reply: dict[str, Any]) -> None:
    """A server that gave up at maxTimeMS says that time was over."""
    with pytest.raises(TimedOut):
        check(reply)


def test_errors_do_not_quote() -> None:
    """An error's own text is a name and no sentence of the server's, which may quote what callers sent."""
    error = CommandFailed({"code": 11000, "codeName": "DuplicateKey", "errmsg": "dup key: { name: 'secret' }"})
    assert str(error) == "DuplicateKey"


A, B, C = "a", "b", "c"
PAGE = ListQuery(A, 11)


@pytest.mark.parametrize(
    ("queries", "expected"),
    [
        ([], []),
        ([ListQuery(A)], [[0]]),
        ([ListQuery(A), ListQuery(B), ListQuery(A)], [[0, 1, 2]]),
        ([PAGE], [[0]]),
        ([PAGE, ListQuery(B), ListQuery(B, 11), ListQuery(C), ListQuery(C, 11)], [[0, 2, 4], [1, 3]]),
        ([PAGE, ListQuery(A, 12), ListQuery(B, 11)], [[0], [1, 2]]),
        ([ListQuery(A, 500), ListQuery(B, 500), ListQuery(C, 1)], [[0, 1], [2]]),
        ([ListQuery(A, 1001), ListQuery(B, 1001), ListQuery(C, 1)], [[0], [1], [2]]),
        ([ListQuery(A, 1), ListQuery(B, done=True), ListQuery(C, 1)], [[0], [1], [2]]),
        ([ListQuery(str(number)) for number in range(501)], [list(range(500)), [500]]),
    ],
)
def test_which_queries_share_a_command(queries: list[ListQuery], expected: list[list[int]]) -> None:
    """Whole lists do, and pages of different users that together fit into one reply."""
    assert sorted(paging.shares(queries)) == sorted(expected)
