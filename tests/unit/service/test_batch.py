"""Many changes in one call, `twisted_tasks.service.batch`: rounds, outcomes, failures."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs

from tests.support.memory_store import MemoryStore
from twisted_tasks.gen.tasks import ttypes
from twisted_tasks.gen.tasks.ttypes import Change, ChangeKind, Condition, TaskFields
from twisted_tasks.model import StoreUnavailable, id_of_key
from twisted_tasks.service.handler import TasksHandler

IDS = [id_of_key("me", str(number)) for number in range(4)]


class Desk:
    """A handler over a store that the test lets answer."""

    def __init__(self) -> None:
        self.store = MemoryStore(Clock())
        handler = TasksHandler(self.store, Clock(), lambda: (True, ""))
        self.batch = handler.batch
        for number in range(3):
            handler.create("me", TaskFields(name=str(number)), str(number))
        self.store.hold = True

    def call(self, *changes: Change) -> list[Any]:
        """Call; the list holds the result once there is one."""
        results: list[Any] = []
        self.batch("me", list(changes)).addBoth(results.append)
        return results

    def round(self) -> dict[str, list[str]]:
        """Let the store answer what it is asked now, and return that: by operation the ids, in their order."""
        asked = self.store.under_way
        for one in asked:
            one.answer()
        return {one.kind: [item.id for item in one.items] for one in asked}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def rename(task_id: str | None, name: str, condition: Condition | None = None) -> Change:
    return Change(ChangeKind.CHANGE, task_id, TaskFields(name=name), condition)


def test_one_question_for_each_kind(desk: Desk) -> None:
    """Changes of different tasks are asked together, one question for each kind, and answered in their order."""
    results = desk.call(
        rename(IDS[0], "a"),
        Change(ChangeKind.REMOVE, IDS[2]),
        Change(ChangeKind.CREATE, None, TaskFields(name="new"), Condition(key="3")),
        rename(IDS[1], "b"),
    )
    assert desk.round() == {"add": [IDS[3]], "update": IDS[:2], "remove": [IDS[2]]}
    ((first, second, third, fourth),) = results
    assert [one.task.name for one in (first, third, fourth)] == ["a", "new", "b"]
    assert second == ttypes.ChangeOutcome()


def test_changes_of_one_task_are_made_in_order(desk: Desk) -> None:
    """The second change of a task waits for the first."""
    results = desk.call(
        rename(IDS[0], "a"),
        rename(IDS[0], "b"),
        rename(IDS[1], "c"),
        Change(ChangeKind.REMOVE, IDS[0]),
        Change(ChangeKind.RESTORE, IDS[0].upper()),
        rename(IDS[0], "d"),
    )
    assert desk.round() == {"update": [IDS[0], IDS[1]]}
    assert desk.round() == {"update": [IDS[0]]}
    assert desk.round() == {"remove": [IDS[0]]}
    assert desk.round() == {"restore": [IDS[0]]}
    assert desk.round() == {"update": [IDS[0]]}
    assert [one.task and one.task.name for one in results[0]] == ["a", "b", "c", None, "b", "d"]


def test_creations_under_one_key(desk: Desk) -> None:
    """Two creations under one key make one task."""
    create = Change(ChangeKind.CREATE, None, TaskFields(name="new"), Condition(key="k"))
    results = desk.call(create, create)
    desk.round()
    desk.round()
    first, second = results[0]
    assert first == second


def test_a_bad_change_fails_alone(desk: Desk) -> None:
    """A change that breaks a rule, has no kind, or finds no task or another version, fails alone, with a sentence."""
    results = desk.call(
        rename("17", "a"),
        Change(),
        Change(kind=99, taskId=IDS[0]),
        rename(None, "a"),
        rename(IDS[3], "nobody"),
        rename(IDS[0], "x" * 4097),
        rename(IDS[1], "stale", Condition(version=1)),
        Change(ChangeKind.CREATE, None, TaskFields(due="tomorrow")),
        rename(IDS[2], "good"),
    )
    desk.round()
    (outcomes,) = results
    assert [one.code for one in outcomes] == [400, 400, 400, 400, 404, 400, 412, 400, None]
    assert all(one.message for one in outcomes[:-1])
    assert outcomes[6].current.name == "1"
    assert outcomes[8].task.name == "good"


def test_a_store_that_fails(desk: Desk) -> None:
    """A question that fails fails its own changes, and those after them are made."""
    results = desk.call(rename(IDS[0], "a"), Change(ChangeKind.REMOVE, IDS[1]), rename(IDS[0], "b"))
    update, removal = desk.store.under_way
    update.fail(StoreUnavailable())
    removal.answer()
    desk.round()
    (outcomes,) = results
    assert [one.code for one in outcomes] == [503, None, None]
    assert outcomes[2].task.name == "b"


def test_a_bug(desk: Desk) -> None:
    """What nobody foresaw is answered 500 for the changes it concerns, and logged."""
    results = desk.call(rename(IDS[0], "a"), Change(ChangeKind.REMOVE, IDS[1]))
    with capturedLogs() as events:
        desk.store.under_way[0].fail(ZeroDivisionError("secret"))
        desk.round()
    (outcomes,) = results
    assert [one.code for one in outcomes] == [500, None]
    assert "secret" not in outcomes[0].message
    assert [event["log_level"] for event in events] == [LogLevel.critical]


@pytest.mark.parametrize("changes", [None, []])
def test_nothing_to_change(desk: Desk, changes: Any) -> None:
    """A batch of nothing has no outcomes, and asks nothing."""
    results: list[Any] = []
    desk.batch("me", changes).addBoth(results.append)
    assert results == [[]]
    assert desk.store.asked == []


def test_the_largest_batch(desk: Desk) -> None:
    """500 changes are one question."""
    create = [Change(ChangeKind.CREATE, None, TaskFields(name=str(number))) for number in range(500)]
    results = desk.call(*create)
    assert len(desk.round()["add"]) == 500
    assert [one.task.name for one in results[0]] == [str(number) for number in range(500)]
