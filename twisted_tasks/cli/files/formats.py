"""Which formats there are, and telling which one a file has."""

from __future__ import annotations

import json
from collections.abc import Callable

from twisted_tasks.cli.files import csv, google, microsoft, taskwarrior, todoist, todotxt
from twisted_tasks.cli.files import json as json_files
from twisted_tasks.cli.files.csv import ALIASES
from twisted_tasks.cli.files.records import BadFile, FileReader, delimiter_of

READERS: dict[str, Callable[[], FileReader]] = {
    "jsonl": json_files.line_reader,
    "json": json_files.DocumentReader,
    "csv": csv.reader,
    "todoist": todoist.reader,
    "google": lambda: json_files.DocumentReader(google.tasks),
    "microsoft": lambda: json_files.DocumentReader(microsoft.tasks),
    "taskwarrior": lambda: json_files.DocumentReader(taskwarrior.tasks),
    "todotxt": todotxt.reader,
}
"""What reads a file of each format."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def recognise(name: str, head: bytes) -> str:
    """Return the format of a file.

    @param name: the file's name, "-" when it has none.
    @param head: how it begins: 64 KiB of it, or all there is.
    @raise BadFile: when nothing here reads it.
    """
    if head.startswith(_UTF_16):
        raise BadFile("it is UTF-16: save it as UTF-8")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    end = name.lower().rpartition(".")[2]
    if end in ("jsonl", "ndjson"):
        return "jsonl"
    if text.startswith((b"{", b"[")):
        return "jsonl" if _is_object(text.partition(b"\n")[0]) else "json"
    if end == "txt":
        return "todotxt"
    return _table(text) or ("csv" if end in ("csv", "tsv") else "jsonl")


def _is_object(line: bytes) -> bool:
    """Return whether a line by itself is a JSON object of one task."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and not any(isinstance(value, list) for value in fields.values())


def _table(text: bytes) -> str | None:
    """Return which table a text is that begins with the names of columns; None when it does not."""
    first = text.partition(b"\n")[0]
    if first.startswith(b"sep="):
        return "csv"
    names = {one.strip(' "\r').lower() for one in first.decode(errors="replace").split(delimiter_of(first))}
    if {"type", "content"} <= names:
        return "todoist"
    return "csv" if names & set(ALIASES["name"]) else None
