"""How log events look."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
from twisted.logger import FileLogObserver, Logger, LogLevel, capturedLogs, formatEvent
from twisted.python import log as legacy
from twisted.python.failure import Failure

from twisted_tasks.ops.logs import _FromLogging, format_json, from_level, route_logging


def lines(emit: Any, level: str = "debug") -> list[dict[str, Any]]:
    """Return what is written, as JSON, of what `emit` does with a logger."""
    out = io.StringIO()
    observer = from_level(FileLogObserver(out, format_json), level)  # type: ignore[arg-type]
    emit(Logger(namespace="some.where", observer=observer))
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_fields() -> None:
    """An event is one object on one line: time, level, namespace, message, and its fields."""
    (line,) = lines(lambda log: log.warn("retrying in {delay} s\nor so", delay=1.5, peer=b"\xff", none=None))
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warn",
        "namespace": "some.where",
        "message": "retrying in 1.5 s\nor so",
        "delay": 1.5,
        "peer": "b'\\xff'",
        "none": None,
    }


def test_what_json_has_not() -> None:
    """What JSON cannot say, or nobody can, is text, and the line is JSON still."""

    class Unspeakable:
        def __str__(self) -> str:
            raise ValueError("no words")

    (line,) = lines(lambda log: log.info("{a} {b}", a=float("nan"), b=Unspeakable()))
    assert line["a"] == "nan"
    assert "no words" in line["b"]


def test_a_traceback() -> None:
    """A failure has its traceback."""

    def fail(log: Logger) -> None:
        try:
            raise KeyError("gone")
        except KeyError:
            log.failure("it broke")

    (line,) = lines(fail)
    assert (line["level"], line["message"]) == ("critical", "it broke")
    assert "KeyError: 'gone'" in line["traceback"]


@pytest.mark.parametrize(
    ("emit", "message"),
    [
        (lambda failure: legacy.err(failure), "Unhandled Error"),
        (lambda failure: legacy.err(failure, "while it worked"), "while it worked"),
        (lambda failure: Logger().critical("{log_failure}", log_failure=failure), "'gone'"),
        (lambda failure: Logger().failure("while it worked: {log_failure}", failure), "while it worked"),
    ],
)
def test_a_traceback_of_twisted(emit: Any, message: str) -> None:
    """Twisted's own errors, old and new, have their traceback in the field of that name and nowhere else."""
    try:
        raise KeyError("gone")
    except KeyError:
        failure = Failure()
    with capturedLogs() as events:
        emit(failure)
    line = json.loads(format_json(events[0]))
    assert message in line["message"]
    assert "\n" not in line["message"]
    assert line["traceback"].startswith("Traceback (most recent call last):")
    assert "Traceback" not in "".join(str(value) for name, value in line.items() if name != "traceback")


def test_levels() -> None:
    """What is below the level is left out."""

    def all_levels(log: Logger) -> None:
        for level in LogLevel.iterconstants():
            log.emit(level, "here")

    assert [line["level"] for line in lines(all_levels, "warn")] == ["warn", "error", "critical"]


@pytest.mark.parametrize(
    ("level", "name"), [(10, "debug"), (20, "info"), (30, "warn"), (40, "error"), (50, "critical")]
)
def test_stdlib(level: int, name: str) -> None:
    """What libraries log with Python's own logging arrives, under its name and at its level."""
    logger = logging.Logger("a.library")
    logger.addHandler(_FromLogging())
    with capturedLogs() as events:
        logger.log(level, "%s {of} %d", "two", 2)
    (event,) = events
    assert (event["log_namespace"], event["log_level"].name) == ("a.library", name)
    assert json.loads(format_json(event))["message"] == "two {of} 2"


def test_the_way_from_stdlib() -> None:
    """Whatever logger a library has, what is of the level or above arrives."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        route_logging("warn")
        with capturedLogs() as events:
            logging.getLogger("a.library").info("quiet")
            logging.getLogger("a.library").warning("loud")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert [(event["log_namespace"], formatEvent(event)) for event in events] == [("a.library", "loud")]


def test_a_traceback_of_stdlib() -> None:
    """An exception logged with Python's own logging has its traceback."""
    logger = logging.Logger("a.library")
    logger.addHandler(_FromLogging())
    with capturedLogs() as events:
        try:
            raise KeyError("gone")
        except KeyError:
            logger.exception("it broke")
    assert "KeyError: 'gone'" in json.loads(format_json(events[0]))["traceback"]
