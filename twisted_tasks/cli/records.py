"""Tasks in files: JSON Lines and CSV, read a record at a time and written a record at a time. Pure: bytes in, rows out.

A record of JSON Lines is one object on one line; one of CSV may hold line ends between quotes, and the first one names
the columns. Both are UTF-8. `name` has to be there; `done`, `userId` and `key` may be, and whatever else there is, an
id or a date of an export, is left alone: the service makes its own.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

MAX_RECORD = 2**20
"""Bytes of one record: far more than the longest legal name takes, and a bound for a quote that is never closed."""

FIELDS = ("id", "userId", "name", "createdOn", "done")

_YES = {"true", "1", "yes", "y", "x", "done"}
_NO = {"", "false", "0", "no", "n", "-", "todo"}


class BadLine(Exception):
    """A record that cannot be read: the number of its first line, and why.

    @ivar size: bytes it takes in the file.
    """

    def __init__(self, number: int, why: str, size: int = 0) -> None:
        super().__init__(f"line {number}: {why}")
        self.number = number
        self.size = size


class Record(NamedTuple):
    """The bytes of one record without their line end, the number of its first line, and its size in the file."""

    number: int
    data: bytes
    size: int


class Row(NamedTuple):
    """A task as a file has it; None is what it does not say."""

    number: int
    name: str
    done: bool
    user_id: str | None
    key: str | None
    size: int


class Splitter:
    """Cuts a file into records.

    @param quoted: whether a line end between double quotes belongs to the record, as in CSV.
    """

    def __init__(self, quoted: bool) -> None:
        self._quoted = quoted
        self._rest = b""
        self._lines: list[bytes] = []
        """The lines of the record under way."""
        self._size = 0
        self._open = False
        """Whether a quote was opened."""
        self._number = 0
        self._skipping = False
        """Whether the line under way is too long, and was reported."""

    def feed(self, data: bytes) -> Iterator[Record | BadLine]:
        """Take bytes, and yield what is whole. Empty lines are left out."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield from self._line(line + b"\n")
        if len(self._rest) + self._size > MAX_RECORD:
            if not self._skipping:
                yield self._too_long(len(self._rest))
            self._skipping = True
            self._rest = b""

    def end(self) -> Iterator[Record | BadLine]:
        """Yield what is left at the end of the file, which needs no line end."""
        if self._rest:
            yield from self._line(self._rest)
        if self._lines:
            yield BadLine(self._number - len(self._lines) + 1, "a quote is never closed", self._size)

    def _too_long(self, more: int) -> BadLine:
        number = self._number - len(self._lines) + 1
        error = BadLine(number, f"longer than {MAX_RECORD} bytes; is a quote not closed?", self._size + more)
        self._lines, self._size, self._open = [], 0, False
        return error

    def _line(self, line: bytes) -> Iterator[Record | BadLine]:
        self._number += 1
        if self._skipping:
            self._skipping = False
            return
        if self._number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if self._size + len(line) > MAX_RECORD:
            self._lines.append(line)
            yield self._too_long(len(line))
            return
        self._lines.append(line)
        self._size += len(line)
        if self._quoted and b'"' in line:
            self._open = _ends_in_quotes(line, self._open)
        if not self._open:
            data = b"".join(self._lines).rstrip(b"\r\n")
            record = Record(self._number - len(self._lines) + 1, data, self._size)
            self._lines, self._size = [], 0
            if data.strip():
                yield record


_CLOSE = re.compile(rb'(?:[^"]++|"")*+"')
"""From within a quoted value, in which a quote is doubled, to its end."""


def _ends_in_quotes(line: bytes, within: bool) -> bool:
    """Return whether a line of CSV, which may begin within a quoted value, ends within one.

    Only at the start of a value does a quote open one: `5" disks` is a value as it stands, and not the start of one
    that would swallow the lines after it.
    """
    text = line if within else b"," + line  # before every value that a line begins with there is a comma then
    at = opens = 0
    while within or (opens := text.find(b',"', at)) >= 0:
        close = _CLOSE.match(text, at if within else opens + 2)
        if close is None:
            return True
        at, within = close.end(), False
    return False


def json_row(record: Record) -> Row:
    """Return the task of one line of JSON. Raises BadLine."""
    try:
        fields = json.loads(record.data)
    except UnicodeDecodeError:
        raise _bad(record, "not UTF-8") from None
    except ValueError as error:
        raise _bad(record, f"not JSON: {error}") from None
    except RecursionError:
        raise _bad(record, "not JSON anybody would write") from None
    if not isinstance(fields, dict):
        raise _bad(record, "not a JSON object")
    done = fields.get("done")
    if done is not None and not isinstance(done, bool):
        raise _bad(record, "done is neither true nor false")
    for field in ("name", "userId", "key"):
        if fields.get(field) is not None and not isinstance(fields[field], str):
            raise _bad(record, f"{field} is not a text")
    return _row(record, fields, bool(done))


class CsvRows:
    """Reads the records of one CSV file, whose first one names the columns."""

    def __init__(self) -> None:
        self._columns: list[str] | None = None

    def __call__(self, record: Record) -> Row | None:
        """Return the task of a record, or None for the header. Raises BadLine."""
        try:
            (values,) = csv.reader([record.data.decode()], strict=True)
        except UnicodeDecodeError:
            raise _bad(record, "not UTF-8") from None
        except (csv.Error, ValueError) as error:
            raise _bad(record, f"not CSV: {error}") from None
        if self._columns is None:
            self._columns = [value.strip() for value in values]
            if "name" not in self._columns:
                raise _bad(record, "the first line names the columns, and none is called name")
            return None
        if len(values) != len(self._columns):
            raise _bad(record, f"{len(values)} values for {len(self._columns)} columns")
        fields = {column: value or None for column, value in zip(self._columns, values, strict=True)}
        fields["name"] = fields["name"] or ""
        done = (fields.get("done") or "").strip().lower()
        if done not in _YES | _NO:
            raise _bad(record, f"done is {done!r}: neither true nor false")
        return _row(record, fields, done in _YES)


def _row(record: Record, fields: dict[str, Any], done: bool) -> Row:
    if fields.get("name") is None:
        raise _bad(record, "it has no name")
    return Row(record.number, fields["name"], done, fields.get("userId"), fields.get("key"), record.size)


def _bad(record: Record, why: str) -> BadLine:
    return BadLine(record.number, why, record.size)


def key_of(row: Row, user_id: str, source: str) -> str:
    """Return the key to add a row under: its own, or one of what it is and where.

    The same line of the same source has the same key, so that an import that was broken off can be run again. Equal
    lines at two places are two tasks.
    """
    if row.key is not None:
        return row.key
    text = json.dumps([source, row.number, user_id, row.name])
    return f"import-{hashlib.sha256(text.encode()).hexdigest()}"


def json_line(record: dict[str, Any]) -> str:
    """Return a record as a line of JSON, its end included."""
    return json.dumps(record, ensure_ascii=False) + "\n"


def csv_line(values: Sequence[str]) -> str:
    """Return values as a record of CSV, its end included."""
    buffer = io.StringIO()
    # Of the characters that end lines, the writer quotes those it ends lines with itself.
    csv.writer(buffer, lineterminator="\r\n").writerow(values)
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def csv_record(record: dict[str, Any]) -> str:
    """Return a task as a record of CSV."""
    return csv_line([_text(record[field]) for field in FIELDS])


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


Reader = Callable[[Record], Row | None]
"""Takes a record; returns its task, or None when it holds none (a header)."""


def reader_of(kind: str) -> tuple[Splitter, Reader]:
    """Return what cuts a file of a kind ("jsonl" or "csv") into records, and what reads one."""
    return (Splitter(True), CsvRows()) if kind == "csv" else (Splitter(False), json_row)
