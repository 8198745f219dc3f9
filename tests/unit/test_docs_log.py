"""That docs/operations.md has every log event an operator may see."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support.paths import ROOT

PACKAGE = ROOT / "twisted_tasks"
OPERATIONS = (ROOT / "docs/operations.md").read_text()

LEVELS = {"info": "info", "warn": "warn", "error": "error", "critical": "critical", "failure": "critical"}
"""The methods of a Logger that say something at level info or above, and at which."""

MADE_ELSEWHERE = {
    "{line}": ["N calls in flight, M connections", "N requests in flight, M connections, K event streams"],
    "{reason}": [],  # what a store says of itself, such as which setting of MongoDB's cannot be honoured
    "{what} {address}": ["listening on ADDRESS", "health and metrics on ADDRESS"],
    "text": ["connection from ADDRESS closed: WHY; N more since the last such line"],
}
"""Formats that are no text of their own, and variables that hold one: what is documented of them."""


class Event(NamedTuple):
    """A call of a Logger: where, at which level, with which format (or, of a format that is no constant, its name)."""

    where: str
    level: str
    format: str


def events() -> Iterator[Event]:
    for path in sorted(PACKAGE.rglob("*.py")):
        where = path.relative_to(PACKAGE).as_posix()
        if where.startswith(("cli/", "client/", "gen/")):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS):
                continue
            if ast.unparse(node.func.value).endswith("log"):
                said = node.args[0]
                text = said.value if isinstance(said, ast.Constant) else ast.unparse(said)
                yield Event(f"{where}:{node.lineno}", LEVELS[node.func.attr], str(text))


def documented() -> list[tuple[str, str]]:
    """Return each message of the table, and its level."""
    section = re.search(r"^## Log$(.*?)^## ", OPERATIONS, re.MULTILINE | re.DOTALL)
    assert section
    rows = re.findall(r"^\| (`.*?) \| (\w+) \|.*\|$", section[1], re.MULTILINE)
    return [(message, level) for messages, level in rows for message in re.findall(r"`([^`]+)`", messages)]


EVENTS = list(events())
DOCUMENTED = documented()


def matches(event: Event, message: str) -> bool:
    """Return whether a documented message is this event's, with something in the place of each field."""
    if event.format in MADE_ELSEWHERE:
        return message in MADE_ELSEWHERE[event.format]
    pattern = "".join(".+" if part.startswith("{") else re.escape(part) for part in re.split(r"({.*?})", event.format))
    return re.fullmatch(pattern, message) is not None


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.where)
def test_every_event_is_described(event: Event) -> None:
    """Each event of level info and above has a row with its message and its level."""
    for message in MADE_ELSEWHERE.get(event.format, [event.format]):
        found = [level for text, level in DOCUMENTED if text == message or matches(event, text)]
        assert event.level in found, f"no row for {message!r} at level {event.level}; there is {found}"


@pytest.mark.parametrize("row", [row for row in DOCUMENTED if row[1] != "debug"], ids=lambda row: row[0])
def test_no_event_is_made_up(row: tuple[str, str]) -> None:
    """Each row is of an event that there is."""
    message, level = row
    assert any(event.level == level and matches(event, message) for event in EVENTS)


def test_the_reading() -> None:
    """The reading of the source finds events of every kind, and no format that is neither a constant nor known."""
    assert len(EVENTS) > 40
    assert {event.level for event in EVENTS} == set(LEVELS.values())
    assert {event.format for event in EVENTS if " " not in event.format} <= {*MADE_ELSEWHERE, "stopped"}
