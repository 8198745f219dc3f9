"""What a verdict on reading, or writing, a file takes for working, and what it logs."""

from __future__ import annotations

import sqlite3

from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from twisted_tasks.ops.sqlite.verdict import Verdict


def error(code: int, text: str = "it is bad") -> sqlite3.Error:
    made = sqlite3.OperationalError(text)
    made.sqlite_errorcode = code
    return made


FULL = error(sqlite3.SQLITE_FULL, "database or disk is full")
LOCKED = error(sqlite3.SQLITE_BUSY, "database is locked")


class Desk:
    """A verdict, its clock, and what it logged."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.verdict = Verdict("tasks.sqlite3", "the task store", "written", self.clock)

    def logged(self, seconds: float, *each: Exception | None) -> list[str]:
        """Let transactions fail, or succeed (None), ten times a second; return the levels of what is logged."""
        with capturedLogs() as events:
            for _ in range(int(seconds * 10)):
                for what in each:
                    if what is None:
                        self.verdict.worked()
                    else:
                        self.verdict.failed(what)
                self.clock.advance(0.1)
        return [event["log_level"].name for event in events]


def test_one_line_for_many_failures() -> None:
    """A cause that lasts is one line, and so is its end."""
    desk = Desk()
    assert desk.logged(60, LOCKED) == ["error"]
    assert desk.logged(60, None) == ["info"]


def test_a_cause_that_comes_and_goes() -> None:
    """However often a cause comes and goes, it is a line in ten seconds, and its end another."""
    assert len(Desk().logged(30, LOCKED, None)) <= 2 * 3


def test_the_last_line_is_true() -> None:
    """What was left out of the log for a while is told when it still holds."""
    desk = Desk()
    desk.logged(0.1, LOCKED)
    desk.logged(0.1, None)
    assert desk.logged(5, LOCKED) == []
    assert desk.logged(10, LOCKED) == ["error"]


def test_a_full_disk() -> None:
    """A small write that succeeds does not show that the disk has room again; trying to use some does."""
    desk = Desk()
    assert desk.logged(60, FULL, None) == ["error"]
    assert desk.verdict.sentence() == "the task store cannot be written: its disk is full"
    desk.verdict.worked(proven=True)
    assert desk.verdict.trouble is None


def test_damage_stays() -> None:
    """A file that was found damaged is so until it is another one."""
    desk = Desk()
    desk.verdict.failed(error(sqlite3.SQLITE_CORRUPT))
    desk.verdict.worked(proven=True)
    assert "damaged" in desk.verdict.sentence()
