"""Tasks of a todo.txt file: one on each line.

    [x [completed]] [(A)] [created] words, some of them +project, @context or key:value

`x` says that it is done, `(A)` is a priority, and the dates are days (https://github.com/todotxt/todo.txt).
"""

from __future__ import annotations

import re

from twisted_tasks.cli.files.fields import due_of, notes_of
from twisted_tasks.cli.files.records import LineReader, Record, Row, Splitter

_DAY = r"\d{4}-\d\d-\d\d "
_LINE = re.compile(rf"(?P<done>x )?(?:\((?P<priority>[A-Z])\) )?(?:{_DAY}){{0,2}}(?P<text>.*)", re.DOTALL)
_DUE = re.compile(r"(?:^| )due:(\S+)")


def read_line(record: Record) -> list[Row]:
    """Return the task of a line. Raises BadLine."""
    try:
        line = record.data.decode().strip()
    except UnicodeDecodeError:
        raise record.bad("not UTF-8") from None
    found = _LINE.fullmatch(line)
    assert found is not None  # every line is one
    text = found["text"]
    due = None
    if (tag := _DUE.search(text)) and (due := due_of(tag[1])):
        text = f"{text[: tag.start()]}{text[tag.end() :]}".strip()
    notes = notes_of(None, [("Priority", found["priority"])])
    return [Row(record.number, text, bool(found["done"]), size=record.size, notes=notes, due=due)]


def reader() -> LineReader:
    """Return a reader of todo.txt."""
    return LineReader(Splitter(quoted=False), read_line)
