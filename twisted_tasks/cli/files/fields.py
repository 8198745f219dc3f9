"""What the fields of other programs' files mean: yes and no, dates, what becomes of the fields we have not got."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime

_YES = {"true", "1", "yes", "y", "x", "done", "completed", "complete", "checked", "closed"}
_NO = {
    *("", "false", "0", "no", "n", "-", "todo", "to do", "open", "pending", "needsaction", "notstarted"),
    *("not started", "inprogress", "in progress", "waiting", "waitingonothers", "waiting on someone else", "deferred"),
}

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")


def done_of(text: str) -> bool | None:
    """Return whether a text says that a task is done; None when it says neither."""
    word = text.strip().lower()
    return True if word in _YES else False if word in _NO else None


def due_of(text: str | None) -> str | None:
    """Return a date or date-time as the service takes it; None when a text is none, or leaves in doubt which.

    Taken are ISO 8601 ("2026-11-25", "2026-11-25T10:00:00Z", "20261125T100000Z") and 11/25/2026, unless day and month
    could be either way round.
    """
    text = (text or "").strip()
    try:
        if slashed := _SLASHED.fullmatch(text):
            first, second, year = map(int, slashed.groups())
            if first <= 12 and second <= 12 and first != second:
                return None
            return (date(year, first, second) if first <= 12 else date(year, second, first)).isoformat()
        if _DAY.fullmatch(text):
            return date.fromisoformat(text).isoformat()
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        # Without an offset it is a time wherever its reader is: only the day is certain.
        return moment.date().isoformat() if (moment.hour, moment.minute, moment.second) == (0, 0, 0) else None
    return text if _RFC_3339.fullmatch(text) else moment.isoformat(timespec="seconds")


def notes_of(text: str | None, more: Iterable[tuple[str, str | None]]) -> str | None:
    """Return notes, with a line for each field that tasks have not got here: nothing that was typed is lost.

    @param more: (label, value); those without a value are left out.
    """
    lines = [f"{label}: {value}" for label, value in more if value]
    return "\n".join([*([text] if text else []), *lines]) or None
