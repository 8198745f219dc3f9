"""Tasks in JSON: an object on each line, or one document (an array, an object, indented objects one after the other).

Whose shape it is, ours or another program's, is seen from the objects. Lines are read one by one; a document has no
such joints, and is read whole, up to a bound.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from twisted_tasks.cli.files import google, microsoft, taskwarrior
from twisted_tasks.cli.files.records import BadFile, BadLine, LineReader, Record, Row, Splitter

MAX_DOCUMENT = 64 * 2**20
"""Bytes of a document: some 300,000 tasks."""

Tasks = Callable[[dict[str, Any], int], Iterable[Row]]
"""Takes an object and the number of the first task in it; returns its tasks. Raises ValueError with what is wrong."""

_SHAPES = (taskwarrior, google, microsoft)


def ours(fields: dict[str, Any], number: int) -> list[Row]:
    """Return the task of an object as `tasks export` writes it. See `Tasks`."""
    done = fields.get("done")
    if done is not None and not isinstance(done, bool):
        raise ValueError("done is neither true nor false")
    texts = {field: fields.get(field) for field in ("name", "userId", "key", "notes", "due", "rank")}
    for field, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise ValueError(f"{field} is not a text")
    if texts["name"] is None:
        raise ValueError("it has no name")
    user_id, key, notes = texts["userId"], texts["key"], texts["notes"]
    row = Row(number, texts["name"], bool(done), user_id, key, notes=notes, due=texts["due"], rank=texts["rank"])
    return [row]


def tasks_of(fields: dict[str, Any], number: int) -> Iterable[Row]:
    """Return the tasks of an object, whichever program wrote it. See `Tasks`."""
    if "name" in fields:
        return ours(fields, number)
    shape = next((shape.tasks for shape in _SHAPES if shape.fits(fields)), ours)
    return shape(fields, number)


def read_line(record: Record, tasks: Tasks = tasks_of) -> list[Row]:
    """Return the tasks of one line of JSON. Raises BadLine."""
    try:
        fields = json.loads(record.data)
    except UnicodeDecodeError:
        raise record.bad("not UTF-8") from None
    except ValueError as error:
        raise record.bad(f"not JSON: {error}") from None
    except RecursionError:
        raise record.bad("not JSON anybody would write") from None
    if not isinstance(fields, dict):
        raise record.bad("not a JSON object")
    try:
        return [row._replace(size=record.size) for row in tasks(fields, record.number)]
    except ValueError as error:
        raise record.bad(str(error)) from None


def line_reader(tasks: Tasks = tasks_of) -> LineReader:
    """Return a reader of JSON Lines."""
    return LineReader(Splitter(quoted=False), lambda record: read_line(record, tasks))


class DocumentReader:
    """Reads one JSON document, or several one after the other."""

    def __init__(self, tasks: Tasks = tasks_of) -> None:
        self._tasks = tasks
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[Row | BadLine]:
        """See Reader."""
        self._data += data
        if len(self._data) > MAX_DOCUMENT:
            raise BadFile(
                f"one JSON document of more than {MAX_DOCUMENT >> 20} MiB: write one task on each line instead"
            )
        return iter(())

    def end(self) -> Iterator[Row | BadLine]:
        """See Reader."""
        size, count = len(self._data), 0
        objects = self._objects()
        share = size // max(1, len(objects))
        for number, fields in enumerate(objects, 1):
            try:
                if not isinstance(fields, dict):
                    raise ValueError("not a JSON object")
                for row in self._tasks(fields, count + 1):
                    count += 1
                    yield row._replace(unit="task", size=share)
            except ValueError as error:
                yield BadLine(number, str(error), share, "item")

    def _objects(self) -> list[Any]:
        """Return the objects of the document: of an array its items. Raises BadFile."""
        try:
            text = self._data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise BadFile("not UTF-8") from None
        self._data.clear()
        decoder, at, found = json.JSONDecoder(), 0, []
        try:
            while (at := _after_space(text, at)) < len(text):
                value, at = decoder.raw_decode(text, at)
                found += value if isinstance(value, list) else [value]
        except json.JSONDecodeError as error:
            raise BadFile(f"not JSON: {error}") from None
        except RecursionError:
            raise BadFile("not JSON anybody would write") from None
        return found


def _after_space(text: str, at: int) -> int:
    # Taskwarrior before 2.5 put a comma between objects, and nothing around them.
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at
