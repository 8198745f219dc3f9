"""Tasks in CSV: ours, and what spreadsheets and other programs make of it.

The first record names the columns, in any order and case; commas, semicolons or tabs part the values. `name` has to be
there (or `title`, `task`, `subject`, `summary`, `content`); `done`, `notes`, `due`, `rank`, `userId` and `key` may be.
What else there is, an id or a date of an export, is left alone: the service makes its own.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping

from twisted_tasks.cli.files.fields import done_of, due_of, notes_of
from twisted_tasks.cli.files.records import BadFile, LineReader, Record, Row, Splitter

ALIASES = {
    "name": ("name", "title", "task", "subject", "summary", "content"),
    "done": ("done", "completed", "complete", "status"),
    "notes": ("notes", "note", "description", "comment"),
    "due": ("due", "due date", "duedate", "deadline"),
    "rank": ("rank",),
    "userid": ("userid", "user_id"),
    "key": ("key",),
}
"""What each field's column may be called, in lower case; the first that is there counts."""


class Columns:
    """The records of one CSV file as mappings from the columns' names, in lower case, to their texts."""

    def __init__(self, splitter: Splitter) -> None:
        self._splitter = splitter
        self.names: list[str] | None = None

    def values(self, record: Record) -> dict[str, str] | None:
        """Return the values of a record; None for the header, and for a record of nothing but delimiters.

        Raises BadLine.
        """
        try:
            (found,) = csv.reader([record.data.decode()], delimiter=self._splitter.delimiter, strict=True)
        except UnicodeDecodeError:
            raise record.bad("not UTF-8") from None
        except (csv.Error, ValueError) as error:
            raise record.bad(f"not CSV: {error}") from None
        if self.names is None:
            self.names = [value.strip().lower() for value in found]
            return None
        if not any(found):
            return None
        if any(found[len(self.names) :]):
            raise record.bad(f"{len(found)} values for {len(self.names)} columns")
        # A row may be short: spreadsheets leave out the empty values at its end.
        found += [""] * (len(self.names) - len(found))
        return dict(zip(self.names, found, strict=False))


class _CsvTasks:
    def __init__(self, splitter: Splitter) -> None:
        self._columns = Columns(splitter)
        self._fields: Mapping[str, str] = {}

    def __call__(self, record: Record) -> Iterator[Row]:
        values = self._columns.values(record)
        if not self._fields:
            self._fields = self._named(self._columns.names or [])
        if values is not None:
            yield self._row(record, {field: values[column] for field, column in self._fields.items()})

    def _named(self, names: list[str]) -> dict[str, str]:
        found = {
            field: next(one for one in aliases if one in names)
            for field, aliases in ALIASES.items()
            if any(one in names for one in aliases)
        }
        if "name" not in found:
            raise BadFile(
                "the first line names the columns, and none is called name (nor title, task, subject, summary,"
                " content): add such a line, or say with --format what the file is"
            )
        return found

    def _row(self, record: Record, fields: Mapping[str, str]) -> Row:
        done = done_of(fields.get("done", ""))
        if done is None:
            raise record.bad(f"done is {fields['done']!r}: neither true nor false")
        due, typed = due_of(fields.get("due")), fields.get("due", "").strip()
        return Row(
            record.number,
            fields["name"],
            done,
            fields.get("userid") or None,
            fields.get("key") or None,
            record.size,
            notes_of(fields.get("notes"), [("Due", typed if due is None else None)]),
            due,
            fields.get("rank") or None,
        )


def reader() -> LineReader:
    """Return a reader of tasks in CSV."""
    splitter = Splitter(quoted=True)
    return LineReader(splitter, _CsvTasks(splitter))
