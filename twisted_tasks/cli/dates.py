"""Due dates as people type them, and as they are compared."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import click


class Due(click.ParamType):
    """A due date: a day, a time with its offset, today, tomorrow, or none. Its value is what the service takes."""

    name = "due"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text of a due date, "" for none; fail with what is taken."""
        text = value.strip()
        days = {"today": 0, "tomorrow": 1}.get(text.lower())
        if days is not None:
            return (datetime.now().astimezone().date() + timedelta(days=days)).isoformat()
        if text.lower() in ("", "none"):
            return ""
        try:
            if len(text) == 10:
                return date.fromisoformat(text).isoformat()
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{value!r} is no date: write 2026-11-25, 2026-11-25T17:00, today, tomorrow or none", param, ctx)
        if moment.tzinfo is None:  # the time where this person is
            return moment.astimezone().isoformat(timespec="seconds")
        return moment.isoformat(timespec="seconds") if "T" not in text else text


DUE = Due()


def moment_of(due: str) -> float:
    """Return when a due date ends, in seconds since 1970: of a day, its end here."""
    if len(due) == 10:
        return datetime.fromisoformat(f"{due}T23:59:59").astimezone().timestamp()
    try:
        return datetime.fromisoformat(due).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):  # RFC 3339 has leap seconds, and Python has not
        return datetime.fromisoformat(f"{due[:10]}T23:59:59").astimezone().timestamp()
