"""That the contract is what was promised, and the generated code is the contract's."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from thrift.Thrift import TType

from tests.support.clients import OURS, TUTORIAL
from twisted_tasks.gen.tasks import Tasks, ttypes

Fields = dict[int, tuple[Any, ...]]


def of_thriftpy2(spec: Mapping[int, tuple[Any, ...]]) -> Fields:
    """Return by number the type and name of fields as thriftpy2 has read them, whether required left out."""
    return {number: tuple(_plain(part) for part in field[:-1]) for number, field in spec.items()}


def _plain(part: Any) -> Any:
    return part.__name__ if inspect.isclass(part) else tuple(map(_plain, part)) if isinstance(part, tuple) else part


def structs(idl: Any) -> Iterator[tuple[str, Fields]]:
    """Yield what an IDL sends: its structs, and the arguments and the result of each method."""
    for struct in idl.__thrift_meta__["structs"] + idl.__thrift_meta__["exceptions"]:
        yield struct.__name__, of_thriftpy2(struct.thrift_spec)
    for method in idl.Tasks.thrift_services:
        for kind in ("args", "result"):
            yield f"{method}_{kind}", of_thriftpy2(getattr(idl.Tasks, f"{method}_{kind}").thrift_spec)


BEFORE, CONTRACT = dict(structs(TUTORIAL)), dict(structs(OURS))


@pytest.mark.parametrize("name", BEFORE)
def test_the_tutorials_idl_is_a_part_of_it(name: str) -> None:
    """Whatever the tutorial's clients send and read has the number, the type and the name it had."""
    assert BEFORE[name].items() <= CONTRACT[name].items()


def test_what_is_new() -> None:
    """What came to the tutorial's IDL has these numbers, types and names."""
    new = {
        name: added
        for name, fields in CONTRACT.items()
        if (added := {number: field for number, field in fields.items() if number not in BEFORE.get(name, {})})
    }
    ouch = {1: (TType.STRUCT, "ouch", "BaseException")}
    one_task = {1: (TType.STRING, "taskId"), 2: (TType.STRING, "userId")}
    condition = (TType.STRUCT, "condition", "Condition")
    fields = (TType.STRUCT, "fields", "TaskFields")
    task = {0: (TType.STRUCT, "success", "Task"), **ouch}
    page = {0: (TType.STRUCT, "success", "TaskPage"), **ouch}
    user = {1: (TType.STRING, "userId")}
    assert new == {
        "Healthcheck": {1: (TType.BOOL, "ok"), 2: (TType.STRING, "message")},
        "Task": {
            6: (TType.I64, "version"),
            7: (TType.STRING, "updatedOn"),
            8: (TType.STRING, "notes"),
            9: (TType.STRING, "due"),
            10: (TType.STRING, "rank"),
        },
        "TaskFields": {
            1: (TType.STRING, "name"),
            2: (TType.BOOL, "done"),
            3: (TType.STRING, "notes"),
            4: (TType.STRING, "due"),
            5: (TType.STRING, "rank"),
        },
        "Condition": {1: (TType.I64, "version"), 2: (TType.STRING, "key")},
        "PageQuery": {1: (TType.I32, "limit"), 2: (TType.STRING, "cursor"), 3: (TType.BOOL, "done")},
        "TaskPage": {1: (TType.LIST, "tasks", (TType.STRUCT, "Task")), 2: (TType.STRING, "nextCursor")},
        "RemovedTask": {1: (TType.STRING, "id"), 2: (TType.I64, "version")},
        "TaskChanges": {
            1: (TType.LIST, "tasks", (TType.STRUCT, "Task")),
            2: (TType.LIST, "removed", (TType.STRUCT, "RemovedTask")),
            3: (TType.STRING, "sync"),
            4: (TType.BOOL, "more"),
            5: (TType.BOOL, "reset"),
        },
        "Change": {
            1: (TType.I32, "kind", "ChangeKind"),
            2: (TType.STRING, "taskId"),
            3: fields,
            4: condition,
        },
        "ChangeOutcome": {
            1: (TType.STRUCT, "task", "Task"),
            2: (TType.I32, "code"),
            3: (TType.STRING, "message"),
            4: (TType.STRUCT, "current", "Task"),
        },
        "BaseException": {3: (TType.STRUCT, "current", "Task")},
        "all_result": ouch,
        "add_args": {3: (TType.STRING, "key")},
        "add_result": ouch,
        "get_args": one_task,
        "get_result": task,
        "remove_args": {**one_task, 3: condition},
        "remove_result": ouch,
        "page_args": {
            1: (TType.STRING, "userId"),
            2: (TType.I32, "limit"),
            3: (TType.STRING, "cursor"),
            4: (TType.BOOL, "done"),
        },
        "page_result": page,
        "create_args": {**user, 2: fields, 3: (TType.STRING, "key")},
        "create_result": task,
        "change_args": {**one_task, 3: fields, 4: condition},
        "change_result": task,
        "restore_args": one_task,
        "restore_result": task,
        "find_args": {**user, 2: (TType.STRUCT, "query", "PageQuery")},
        "find_result": page,
        "changes_args": {**user, 2: (TType.STRING, "sync"), 3: (TType.I32, "limit")},
        "changes_result": {0: (TType.STRUCT, "success", "TaskChanges"), **ouch},
        "changedUsers_args": {1: (TType.MAP, "syncs", (TType.STRING, TType.STRING))},
        "changedUsers_result": {0: (TType.MAP, "success", (TType.STRING, TType.STRING)), **ouch},
        "batch_args": {**user, 2: (TType.LIST, "changes", (TType.STRUCT, "Change"))},
        "batch_result": {0: (TType.LIST, "success", (TType.STRUCT, "ChangeOutcome")), **ouch},
        "removeAll_args": user,
        "removeAll_result": {0: (TType.I64, "success"), **ouch},
        "check_result": {0: (TType.STRUCT, "success", "Healthcheck")},
    }


@pytest.mark.parametrize("name", CONTRACT)
def test_the_generated_code(name: str) -> None:
    """What the daemon runs is what the contract says: `make thrift` was run when it changed."""
    struct = getattr(ttypes, name, None) or getattr(Tasks, name)
    generated = {field[0]: (field[1], field[2]) for field in struct.thrift_spec or () if field is not None}
    assert generated == {number: (field[0], field[1]) for number, field in CONTRACT[name].items()}
