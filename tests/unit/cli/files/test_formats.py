"""Files of other programs, in their real shape: recognised, and read with nothing lost.

Covers `cli.files.csv`, `cli.files.fields`, `cli.files.google`, `cli.files.microsoft`, `cli.files.taskwarrior`,
`cli.files.todoist`, `cli.files.todotxt`.
"""

from __future__ import annotations

import json

import pytest

from twisted_tasks.cli.files.formats import READERS, recognise
from twisted_tasks.cli.files.records import BadFile, BadLine, Row

TODOIST = """\
TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE,DURATION,DURATION_UNIT,DEADLINE,\
DEADLINE_LANG
meta,view_style=list,,,,,,,,,,,,
,,,,,,,,,,,,,
section,Groceries,,,,,,,,,,,,
task,"Milk, 2 l",semi-skimmed,4,1,Ada (1),,2026-11-25,en,Europe/Berlin,,,,
note,ask for oat milk,,,,Ada (1),,,,,,,,
task,Water plants,,1,1,Ada (1),,every day,en,Europe/Berlin,,,,
,,,,,,,,,,,,,
"""

GOOGLE = {
    "kind": "tasks#taskLists",
    "items": [
        {
            "kind": "tasks#tasks",
            "id": "list1",
            "title": "My Tasks",
            "updated": "2026-01-01T10:00:00.000000Z",
            "items": [
                {
                    "id": "a1",
                    "title": "Call Ada",
                    "task_type": "PERSONAL_TASK",
                    "selfLink": "https://example.com",
                    "status": "needsAction",
                    "notes": "about the tea",
                    "due": "2026-11-25T00:00:00Z",
                },
                {"id": "a2", "title": "Done it", "status": "completed", "completed": "2026-01-02T08:00:00Z"},
                {"id": "a3", "title": "", "status": "needsAction"},
                {"id": "a4", "title": "Gone", "status": "needsAction", "deleted": True},
            ],
        },
        {"kind": "tasks#tasks", "id": "list2", "title": "Empty"},
    ],
}

MICROSOFT = {
    "@odata.context": "https://example.com/$metadata#tasks",
    "value": [
        {
            "id": "AAMk1",
            "title": "File taxes",
            "status": "notStarted",
            "importance": "high",
            "body": {"content": "forms are in the drawer\r\n", "contentType": "text"},
            "dueDateTime": {"dateTime": "2026-11-25T00:00:00.0000000", "timeZone": "UTC"},
            "checklistItems": [{"displayName": "find them", "isChecked": False}],
        },
        {"id": "AAMk2", "title": "Buy stamps", "status": "completed"},
    ],
}

TASKWARRIOR = [
    {
        "id": 1,
        "description": "Mend the bike",
        "entry": "20261101T080000Z",
        "modified": "20261101T080000Z",
        "due": "20261125T100000Z",
        "project": "Home",
        "tags": ["spring", "fun"],
        "annotations": [{"entry": "20261102T080000Z", "description": "needs a new chain"}],
        "status": "pending",
        "uuid": "b2a4c0de-0000-4000-8000-000000000001",
        "urgency": 8.9,
    },
    {"id": 0, "description": "Buy oil", "entry": "20261101T080000Z", "status": "completed", "uuid": "u2"},
    {"id": 0, "description": "Never mind", "entry": "20261101T080000Z", "status": "deleted", "uuid": "u3"},
    {"id": 2, "description": "Every week", "entry": "20261101T080000Z", "status": "recurring", "uuid": "u4"},
]

TODO_TXT = """\
(A) Thank Mom for the meatballs @phone
x 2026-11-02 2026-11-01 Buy milk +groceries
2026-11-01 Post signs due:2026-11-25 @GarageSale

xylophone lessons
"""

OUTLOOK = """\
"Subject","Start Date","Due Date","% Complete","Notes","Status"\r
"Ring Bob","","11/25/2026","0","","Not Started"\r
"Pay","","1/2/2026","1","","Completed"\r
"""


def read(name: str, data: bytes, kind: str | None = None) -> tuple[str, list[Row | BadLine]]:
    """Read a file as import does, byte by byte; return its format and what was found."""
    kind = kind or recognise(name, data[: 64 * 1024])
    reader = READERS[kind]()
    found = [row for at in range(len(data)) for row in reader.feed(data[at : at + 1])]
    return kind, [*found, *reader.end()]


def seen(rows: list[Row | BadLine]) -> list[tuple[str, bool, str | None, str | None]]:
    return [(row.name, row.done, row.due, row.notes) for row in rows if isinstance(row, Row)]


def test_todoist() -> None:
    """Tasks of Todoist have their description, comments and sections as notes; a date that recurs is told there."""
    kind, rows = read("Home.csv", TODOIST.encode())
    assert kind == "todoist"
    assert seen(rows) == [
        ("Milk, 2 l", False, "2026-11-25", "semi-skimmed\nSection: Groceries\nComment: ask for oat milk"),
        ("Water plants", False, None, "Section: Groceries\nDue: every day"),
    ]


@pytest.mark.parametrize("indent", [None, 2])
def test_google(indent: int | None) -> None:
    """Google Takeout's lists are one list; empty and deleted tasks are left out; its own ids make the keys."""
    kind, rows = read("Tasks.json", json.dumps(GOOGLE, indent=indent).encode())
    assert kind == "json"
    assert seen(rows) == [("Call Ada", False, "2026-11-25", "about the tea"), ("Done it", True, None, None)]
    assert [row.key for row in rows if isinstance(row, Row)] == ["google-a1", "google-a2"]


@pytest.mark.parametrize("data", [MICROSOFT, MICROSOFT["value"], [{"displayName": "L", "tasks": MICROSOFT["value"]}]])
def test_microsoft(data: object) -> None:
    """Tasks of Microsoft To Do come as its API has them, alone or in lists; steps go to the notes."""
    _, rows = read("todo.json", json.dumps(data, indent=1).encode())
    assert seen(rows) == [
        ("File taxes", False, "2026-11-25", "forms are in the drawer\nStep: find them"),
        ("Buy stamps", True, None, None),
    ]


def test_outlook() -> None:
    """A table of Outlook's has month and day the American way; where both could be either, nothing is guessed."""
    kind, rows = read("tasks.CSV", OUTLOOK.encode())
    assert kind == "csv"
    assert seen(rows) == [("Ring Bob", False, "2026-11-25", None), ("Pay", True, None, "Due: 1/2/2026")]


@pytest.mark.parametrize(
    "text",
    [
        "[\n" + ",\n".join(map(json.dumps, TASKWARRIOR)) + "\n]\n",
        ",\n".join(map(json.dumps, TASKWARRIOR)) + "\n",
        "\n".join(map(json.dumps, TASKWARRIOR)),
    ],
)
def test_taskwarrior(text: str) -> None:
    """Taskwarrior's tasks come with project, tags and annotations as notes; deleted and recurring ones stay out."""
    _, rows = read("-", text.encode())
    notes = "needs a new chain\nProject: Home\nTags: spring, fun"
    assert seen(rows) == [
        ("Mend the bike", False, "2026-11-25T10:00:00+00:00", notes),
        ("Buy oil", True, None, None),
    ]
    assert rows[0].key == "taskwarrior-b2a4c0de-0000-4000-8000-000000000001"  # type: ignore[union-attr]


def test_todo_txt() -> None:
    """A todo.txt file has one task on a line, with marks, dates and a due tag."""
    kind, rows = read("todo.txt", TODO_TXT.encode())
    assert kind == "todotxt"
    assert seen(rows) == [
        ("Thank Mom for the meatballs @phone", False, None, "Priority: A"),
        ("Buy milk +groceries", True, None, None),
        ("Post signs @GarageSale", False, "2026-11-25", None),
        ("xylophone lessons", False, None, None),
    ]


@pytest.mark.parametrize(
    "text", ['[{"name": "a"}, {"name": "b", "done": true}]', '{\n "name": "a"\n}\n{\n "name": "b",\n "done": true\n}']
)
def test_json_documents(text: str) -> None:
    """An array of tasks, and indented objects, are read as what they are."""
    kind, rows = read("-", text.encode())
    assert kind == "json"
    assert seen(rows) == [("a", False, None, None), ("b", True, None, None)]
    assert [row.number for row in rows if isinstance(row, Row)] == [1, 2]


@pytest.mark.parametrize("text", ["[", '{"name": \n', '[{"name": "a"} {"name"}]', "[" * 100_000])
def test_broken_documents(text: str) -> None:
    """A document that is not JSON is no file of tasks."""
    with pytest.raises(BadFile, match="not JSON"):
        read("a.json", text.encode())


def test_an_item_that_is_no_task() -> None:
    """An item of a document that is no task is told by its number, and the others are read."""
    _, (first, bad, last) = read("a.json", b'[{"name": "a"}, 7, {"name": "b"}]')
    assert (first.name, str(bad), last.name) == ("a", "item 2: not a JSON object", "b")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("-", b'{"name": "a"}\n', "jsonl"),
        ("a.jsonl", b"tea\n", "jsonl"),
        ("-", b"name,done\n", "csv"),
        ("-", b"ID\tName\n", "csv"),
        ("a.csv", b"colour\n", "csv"),
        ("-", b"tea\n", "jsonl"),
        ("-", b"", "jsonl"),
        ("-", b"\xef\xbb\xbf[]", "json"),
    ],
)
def test_recognition(name: str, head: bytes, kind: str) -> None:
    """A format is seen from the file's name and how it begins."""
    assert recognise(name, head) == kind


def test_utf_16() -> None:
    """What Excel calls Unicode is refused with what to do."""
    with pytest.raises(BadFile, match="save it as UTF-8"):
        recognise("a.csv", "name\n".encode("utf-16"))
