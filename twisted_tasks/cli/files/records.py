"""Files of tasks in general: what is read from them, what can be wrong with them, and cutting them into records."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

MAX_RECORD = 2**20
"""Bytes of one record: far more than the longest legal name takes, and a bound for a quote that is never closed."""


class BadFile(Exception):
    """The file as a whole cannot be read: a sentence that says why and what to do."""


class BadLine(Exception):
    """A record that cannot be read: where it is, and why.

    @ivar size: bytes it takes in the file.
    """

    def __init__(self, number: int, why: str, size: int = 0, unit: str = "line") -> None:
        super().__init__(f"{unit} {number}: {why}")
        self.number = number
        self.size = size


class Record(NamedTuple):
    """The bytes of one record without their line end, the number of its first line, and its size in the file."""

    number: int
    data: bytes
    size: int

    def bad(self, why: str) -> BadLine:
        """Return what to raise about this record."""
        return BadLine(self.number, why, self.size)


class Row(NamedTuple):
    """A task as a file has it; None is what it does not say.

    @ivar number: of its first line, or of the task within a file that has no lines worth counting (`unit`).
    @ivar due: a date or a date-time with offset, as the service takes it.
    @ivar key: what to add it under, where the file says so.
    """

    number: int
    name: str
    done: bool = False
    user_id: str | None = None
    key: str | None = None
    size: int = 0
    notes: str | None = None
    due: str | None = None
    rank: str | None = None
    unit: str = "line"

    def bad(self, why: str) -> BadLine:
        """Return what to say of this task when it cannot be added."""
        return BadLine(self.number, why, self.size, self.unit)


class FileReader(Protocol):
    """Reads one file: bytes in, tasks and bad lines out. Either method may raise BadFile."""

    def feed(self, data: bytes) -> Iterator[Row | BadLine]:
        """Take bytes, and yield what is whole."""

    def end(self) -> Iterator[Row | BadLine]:
        """Yield what is left at the end of the file."""


class LineReader:
    """A file of records that are read one by one.

    @param read: takes a record; returns its tasks, or raises BadLine or BadFile.
    @param rest: called at the end; returns tasks that were held back.
    """

    def __init__(
        self, splitter: Splitter, read: Callable[[Record], Iterable[Row]], rest: Callable[[], Iterable[Row]] = list
    ) -> None:
        self._splitter = splitter
        self._read = read
        self._rest = rest

    def feed(self, data: bytes) -> Iterator[Row | BadLine]:
        """See Reader."""
        return self._rows(self._splitter.feed(data))

    def end(self) -> Iterator[Row | BadLine]:
        """See Reader."""
        yield from self._rows(self._splitter.end())
        yield from self._rest()

    def _rows(self, records: Iterable[Record | BadLine]) -> Iterator[Row | BadLine]:
        for record in records:
            if isinstance(record, BadLine):
                yield record
                continue
            try:
                yield from self._read(record)
            except BadLine as error:
                yield error


class Splitter:
    """Cuts a file into records.

    @param quoted: whether a line end between double quotes belongs to the record, as in CSV. What parts the values
        (comma, semicolon or tab) is then seen from the first line.

    @ivar delimiter: what parts the values of CSV.
    """

    def __init__(self, quoted: bool) -> None:
        self.delimiter = ","
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
            if self._quoted:
                self.delimiter = delimiter_of(line)
                if line.startswith(b"sep="):  # Excel's own way to say it, which is no record
                    return
        if self._size + len(line) > MAX_RECORD:
            self._lines.append(line)
            yield self._too_long(len(line))
            return
        self._lines.append(line)
        self._size += len(line)
        if self._quoted and b'"' in line:
            self._open = _ends_in_quotes(line, self._open, self.delimiter.encode())
        if not self._open:
            data = b"".join(self._lines).rstrip(b"\r\n")
            record = Record(self._number - len(self._lines) + 1, data, self._size)
            self._lines, self._size = [], 0
            if data.strip():
                yield record


_CLOSE = re.compile(rb'(?:[^"]++|"")*+"')
"""From within a quoted value, in which a quote is doubled, to its end."""


def delimiter_of(line: bytes) -> str:
    """Return what parts the values of CSV, seen from its first line: the most frequent of comma, semicolon and tab."""
    if line.startswith(b"sep=") and len(line) > 4:
        return chr(line[4])
    unquoted = re.sub(rb'"[^"]*"', b"", line)
    return max(",;\t", key=lambda one: unquoted.count(one.encode()))


def _ends_in_quotes(line: bytes, within: bool, delimiter: bytes) -> bool:
    """Return whether a line of CSV, which may begin within a quoted value, ends within one.

    Only at the start of a value does a quote open one: `5" disks` is a value as it stands, and not the start of one
    that would swallow the lines after it.
    """
    text = line if within else delimiter + line  # before every value that a line begins with there is one then
    at = opens = 0
    while within or (opens := text.find(delimiter + b'"', at)) >= 0:
        close = _CLOSE.match(text, at if within else opens + 2)
        if close is None:
            return True
        at, within = close.end(), False
    return False


def key_of(row: Row, user_id: str, source: str) -> str:
    """Return the key to add a row under: its own, or one of what it is and where.

    The same line of the same source has the same key, so that an import that was broken off can be run again. Equal
    lines at two places are two tasks.
    """
    if row.key is not None:
        return row.key
    text = json.dumps([source, row.number, user_id, row.name])
    return f"import-{hashlib.sha256(text.encode()).hexdigest()}"
