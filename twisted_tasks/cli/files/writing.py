"""Tasks written to files, a record at a time: JSON Lines and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

FIELDS = ("id", "userId", "name", "createdOn", "done", "notes", "due", "rank", "updatedOn")
"""The columns of CSV: names of the contract."""


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
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
