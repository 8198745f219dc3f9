"""Lists that are read straight into a class of the caller's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TTransport import TMemoryBuffer

from twisted_tasks.client import RemovedTask, TasksClient, rows
from twisted_tasks.convert import to_thrift
from twisted_tasks.gen.tasks import ttypes
from twisted_tasks.model import Task
from twisted_tasks.testing import TasksDouble


@dataclass
class Some:
    """Less than a task has."""

    id: str = ""
    name: str = ""
    done: bool = False
    createdOn: str = ""
    version: int = 0
    notes: str | None = None


@pytest.fixture
def client() -> TasksClient:
    return TasksDouble().client()


def result(call: Any) -> Any:
    return call.result


def made(client: TasksClient) -> list[Some]:
    """Add tasks, and return what their rows have to be, newest first."""
    for number in range(5):
        result(client.create("alice", str(number), number == 0, notes="n" if number == 1 else None))
    tasks = result(client.all("alice"))
    structs = [to_thrift(task) for task in tasks]
    return [Some(one.id, one.name, one.done, one.createdOn, one.version, one.notes) for one in structs]


def test_find(client: TasksClient) -> None:
    """Pages have rows with the contract's values, and go on from their cursors."""
    expected = made(client)
    first = result(client.find_rows(Some, "alice", 3))
    assert first.tasks == expected[:3]
    assert result(client.find_rows(Some, "alice", 3, first.next)) == (expected[3:], None)
    assert [row.name for row in result(client.find_rows(Some, "alice", done=True)).tasks] == ["0"]
    assert result(client.find_rows(Some, "bob")) == ([], None)


def test_changes(client: TasksClient) -> None:
    """What changed has rows, and all else that changes answers."""
    expected = made(client)
    first = result(client.changes_rows(Some, "alice"))
    assert sorted(first.tasks, key=lambda row: row.id) == sorted(expected, key=lambda row: row.id)
    result(client.remove(expected[0].id, "alice"))
    second = result(client.changes_rows(Some, "alice", first.sync))
    assert second[:2] == ([], [RemovedTask(expected[0].id, expected[0].version + 1)])
    assert second[3:] == (False, False)


def test_without_a_decoder_in_c() -> None:
    """Where thrift has no decoder in C the rows are the same."""
    task = to_thrift(Task("0" * 24, "alice", "tea", 1, True, 7))
    method = rows.reading("find", Some)
    buffer = TMemoryBuffer()
    method.result(success=ttypes.TaskPage([task])).write(TBinaryProtocol(buffer))  # type: ignore[call-arg]
    read: Any = method.result()
    read.read(TBinaryProtocol(TMemoryBuffer(buffer.getvalue())))
    assert rows.page_of(read.success, Some).tasks == [Some(task.id, "tea", True, task.createdOn, 7)]
