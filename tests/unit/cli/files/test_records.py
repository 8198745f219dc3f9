"""Files of tasks: cutting, reading, writing, and what is wrong with a line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twisted_tasks.cli.files import json as json_files
from twisted_tasks.cli.files.formats import READERS
from twisted_tasks.cli.files.records import MAX_RECORD, BadFile, BadLine, Record, Row, Splitter, key_of
from twisted_tasks.cli.files.writing import FIELDS, csv_line, csv_record, json_line

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


def rows(kind: str, data: bytes, size: int | None = None) -> list[Any]:
    """Everything in a file, bad lines included, fed in pieces of a size."""
    reader = READERS[kind]()
    found: list[Any] = []
    step = size or max(1, len(data))
    for at in range(0, len(data), step):
        found += reader.feed(data[at : at + step])
    return [*found, *reader.end()]


FILLED = TEXTS.filter(bool)
"""A text of a field that has none rather than an empty one."""
TASKS = st.tuples(
    TEXTS,
    st.booleans(),
    st.none() | FILLED,
    st.sampled_from([None, "2026-11-25", "2026-11-25T17:00:00.5+01:00", "2026-11-25T17:00:00Z"]),
    st.sampled_from([None, "a", 'b,"c']),
)


@given(st.lists(TASKS, max_size=5), st.integers(1, 50), st.sampled_from(["jsonl", "csv"]))
def test_what_is_written_is_read(tasks: list[Any], size: int, kind: str) -> None:
    """Every field survives a file, in either kind, however the file arrives; numbers and sizes add up."""
    moment = "2026-11-25T10:00:00.000+00:00"
    fixed = {"id": "0" * 24, "userId": "alice", "createdOn": moment, "updatedOn": moment, "version": 1}
    records = [fixed | dict(zip(("name", "done", "notes", "due", "rank"), task, strict=True)) for task in tasks]
    text = "".join(map(json_line, records)) if kind == "jsonl" else csv_line(FIELDS) + "".join(map(csv_record, records))
    data = text.encode()
    found = rows(kind, data, size)
    assert [(row.name, row.done, row.notes, row.due, row.rank) for row in found] == tasks
    assert all(row.user_id == "alice" for row in found)
    header = 0 if kind == "jsonl" else len(csv_line(FIELDS))
    assert sum(row.size for row in found) + header == len(data)


def test_numbers_of_lines() -> None:
    """A record has the number of its first line, empty lines and line ends within quotes counted."""
    assert [row.number for row in rows("jsonl", b'{"name":"a"}\n\n\r\n{"name":"b"}')] == [1, 4]
    found = rows("csv", b'name,done\r\n"a\nb",x\r\n\r\nc,\r\n"d ""e"" f",no')
    assert [(row.number, row.name, row.done) for row in found] == [
        (2, "a\nb", True),
        (5, "c", False),
        (6, 'd "e" f', False),
    ]


def test_quotes_within_values() -> None:
    """A quote that does not begin a value is one character of it, and a line that uses them wrongly is bad alone."""
    data = b'name,done\n5" disks,x\nan 8" one,\n"a" b,\na"b,"c\nd"\n"e ""f""",\n",\n""",yes\n'
    found = [(row.number, getattr(row, "name", None)) for row in rows("csv", data)]
    assert found == [(2, '5" disks'), (3, 'an 8" one'), (4, None), (5, None), (7, 'e "f"'), (8, ',\n"')]


@given(st.lists(st.lists(st.text('",\r\na', max_size=6), min_size=2, max_size=2), max_size=6))
def test_where_records_end(values: list[list[str]]) -> None:
    """Whatever is quoted in them, as many records are read as were written."""
    data = "a,b\n" + "".join(csv_line(row) for row in values)
    splitter = Splitter(True)
    records = [*splitter.feed(data.encode()), *splitter.end()]
    assert all(isinstance(record, Record) for record in records)
    assert len(records) == 1 + len(values)


def test_a_byte_order_mark() -> None:
    """What Windows puts before UTF-8 is left out."""
    assert rows("csv", b"\xef\xbb\xbfname\ntea\n")[0].name == "tea"


@pytest.mark.parametrize(
    ("kind", "data", "why"),
    [
        ("jsonl", b"tea\n", "not JSON"),
        ("jsonl", b"[1]\n", "not a JSON object"),
        ("jsonl", b"{}\n", "no name"),
        ("jsonl", b'{"name": 1}\n', "name is not a text"),
        ("jsonl", b'{"name": "a", "done": "yes"}\n', "neither true nor false"),
        ("jsonl", b'{"name": "\xff"}\n', "not UTF-8"),
        ("jsonl", b"[" * 100_000 + b"\n", "not JSON"),
        ("csv", b"name,done\na,x,b\n", "3 values for 2 columns"),
        ("csv", b"name,done\na,perhaps\n", "neither true nor false"),
        ("csv", b'name\n"never closed\nb\n', "a quote is never closed"),
        ("csv", b"name\n\xff\n", "not UTF-8"),
    ],
)
def test_bad_lines(kind: str, data: bytes, why: str) -> None:
    """A line that is no task is told by its number, and why."""
    bad = rows(kind, data)[0]
    assert isinstance(bad, BadLine)
    assert why in str(bad)
    assert str(bad).startswith(f"line {bad.number}: ")


@pytest.mark.parametrize("size", [None, 1000, 65536])
def test_records_are_bounded(size: int | None) -> None:
    """A record without an end is given up at a bound, once, and the next line is read."""
    good = b'{"name": "b"}\n'
    found = rows("jsonl", b"x" * (3 * MAX_RECORD) + b"\n" + good, size)
    assert [type(row) for row in found] == [BadLine, Row]
    assert found[1].number == 2
    splitter = Splitter(False)
    for _ in range(100):
        list(splitter.feed(b"x" * 65536))
        assert len(splitter._rest) <= MAX_RECORD


def test_keys() -> None:
    """The same line of the same source has the same key; another line, user, name or source another one."""
    row = Row(3, "tea", False, size=10)
    keys = {
        key_of(row, "alice", "a.csv"),
        key_of(row, "alice", "b.csv"),
        key_of(row, "bob", "a.csv"),
        key_of(row._replace(number=4), "alice", "a.csv"),
        key_of(row._replace(name="coffee"), "alice", "a.csv"),
    }
    assert len(keys) == 5
    assert key_of(row._replace(done=True, size=11), "alice", "a.csv") in keys
    assert all(len(key) <= 128 for key in keys)
    assert key_of(row._replace(key="mine"), "alice", "a.csv") == "mine"


def test_a_record_by_itself() -> None:
    """What a line says besides is left alone."""
    line = json.dumps({"id": "x", "name": "tea", "createdOn": "y", "colour": 1, "done": None}).encode()
    assert json_files.read_line(Record(1, line, len(line))) == [Row(1, "tea", size=len(line))]


@pytest.mark.parametrize("kind", ["csv", "todoist"])
@pytest.mark.parametrize("data", [b"colour,done\nred,no\n", b"\xff\xfen\0a\0", b"tea\n"])
def test_a_file_without_the_columns(kind: str, data: bytes) -> None:
    """A table whose first line lacks the column for names is no file of tasks, whatever is skipped."""
    try:
        found = rows(kind, data)
    except BadFile:
        return
    assert not any(isinstance(row, Row) for row in found)
    assert any(isinstance(row, BadLine) for row in found)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"Name;Done\ntea;yes\n", [("tea", True)]),
        (b"name\tdone\r\ntea\tno\r\n", [("tea", False)]),
        (b"sep=;\nname;done\ntea;x\n", [("tea", True)]),
        (b'DONE,"NAME"\n,tea\n', [("tea", False)]),
        (b"name,done,colour\ntea\ncoffee,x\n", [("tea", False), ("coffee", True)]),
        (b"name,done\n,\n,,,\ntea,\n", [("tea", False)]),
        (b"name,done\ntea,x,,\n", [("tea", True)]),
        (b'name;notes\n"a;b";"c\nd"\n', [("a;b", False)]),
        (b"Title,Completed\ntea,TRUE\n", [("tea", True)]),
    ],
)
def test_tables_of_other_programs(data: bytes, expected: list[tuple[str, bool]]) -> None:
    """Semicolons and tabs, headers in other case, short rows and rows of nothing are read as they are meant."""
    assert [(row.name, row.done) for row in rows("csv", data)] == expected


def test_a_due_date_that_is_none() -> None:
    """What is no date is kept with the notes, and lost to nobody."""
    (row,) = rows("csv", b"name,notes,due\ntea,green,every day\n")
    assert (row.due, row.notes) == (None, "green\nDue: every day")
