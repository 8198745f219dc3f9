"""Where log events go and how they look: text or JSON, from a level up. Python's own logging is among them."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, Any, cast

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    LegacyLogObserverWrapper,
    LogEvent,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsJSON,
    formatEvent,
    formatEventAsClassicLogText,
)
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile
from twisted.python.reflect import safe_str

from twisted_tasks.ops.start import StartError

# Fields that Twisted's older logging adds to those somebody gave.
_LEGACY = frozenset({"message", "time", "system", "format", "isError", "failure", "why", "level", "namespace"})

_STDLIB = (
    (logging.CRITICAL, LogLevel.critical),
    (logging.ERROR, LogLevel.error),
    (logging.WARNING, LogLevel.warn),
    (logging.INFO, LogLevel.info),
    (logging.NOTSET, LogLevel.debug),
)


def format_json(event: LogEvent) -> str:
    """Return an event as one line that holds one JSON object.

    The object has time (ISO 8601, UTC), level, namespace and message, each field of the event under its own name, and
    traceback if there is one.
    """
    record: dict[str, Any] = {
        "time": datetime.fromtimestamp(event["log_time"], UTC).isoformat(timespec="milliseconds"),
        "level": event["log_level"].name if event.get("log_level") else "info",
        "namespace": event.get("log_namespace") or "-",
        "message": _message(event),
    }
    for name, value in event.items():
        if not name.startswith("log_") and name not in _LEGACY:
            record[name] = value if _is_plain(value) else safe_str(value)
    if (failure := _failure(event)) is not None:
        record["traceback"] = failure.getTraceback()
    return json.dumps(record, ensure_ascii=False) + "\n"


def _failure(event: LogEvent) -> Failure | None:
    """Return the failure an event tells of, by Twisted's newer logging or its older one."""
    failure = event.get("log_failure") or event.get("failure")
    return failure if isinstance(failure, Failure) else None


def _message(event: LogEvent) -> str:
    """Return what an event says, without the traceback, which has a field of its own.

    Twisted's older logging puts both into one text: "Unhandled Error" and the traceback below it.
    """
    failure = _failure(event)
    if failure is None:
        return formatEvent(event)
    error = failure.getErrorMessage()
    text = formatEvent({**event, "log_failure": error})
    return text.partition("Traceback (most recent call last):")[0].strip() or error


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def format_text(event: LogEvent) -> str | None:
    """Return an event as twistd writes it."""
    return formatEventAsClassicLogText(event)


FORMATS = {"text": format_text, "json": format_json}


def from_level(observer: ILogObserver, level: str) -> ILogObserver:
    """Return an observer that passes on events of this level and above."""
    predicate = LogLevelFilterPredicate(LogLevel.lookupByName(level))
    return cast(ILogObserver, FilteringLogObserver(observer, [predicate]))


class _FromLogging(logging.Handler):
    """Passes to twisted.logger what libraries log with Python's own logging."""

    def emit(self, record: logging.LogRecord) -> None:
        level = next(level for number, level in _STDLIB if record.levelno >= number)
        fields: dict[str, Any] = {"text": record.getMessage()}
        if record.exc_info and record.exc_info[1] is not None:
            fields["log_failure"] = Failure(record.exc_info[1], record.exc_info[0], record.exc_info[2])
        Logger(namespace=record.name).emit(level, "{text}", **fields)


def route_logging(level: str) -> None:
    """Route Python's own logging to twisted.logger, from this level up."""
    root = logging.getLogger()
    root.addHandler(_FromLogging())
    root.setLevel({"warn": "WARNING"}.get(level, level.upper()))


class Output:
    """The place where twistd was told to log.

    @param command: the daemon's, as people type it, for errors.
    @param options: twistd's own: logfile, nodaemon, syslog, prefix.
    @param format: a key of FORMATS.
    @param level: the name of the lowest level that is logged.
    """

    def __init__(self, command: str, options: Mapping[str, Any], format: str, level: str) -> None:
        self._command = command
        self._options = options
        self._format = format
        self._level = level
        self._file: LogFile | None = None

    def open(self) -> ILogObserver:
        """Open the place, and return the observer that writes there."""
        route_logging(self._level)
        return from_level(self._observer(), self._level)

    def _observer(self) -> ILogObserver:
        if self._options.get("syslog"):
            from twisted.python import syslog  # opens a connection to syslogd

            legacy: Any = syslog.SyslogObserver(self._options["prefix"]).emit
            return LegacyLogObserverWrapper(legacy)
        name = self._options.get("logfile") or ("-" if self._options.get("nodaemon") else "twistd.log")
        stream: IO[str]
        if name == "-":
            if not self._options.get("nodaemon"):
                raise StartError(self._command, "a daemon in the background has no standard output to log to")
            stream = sys.stdout
        else:
            self._file = self._open_file(name)
            stream = cast(IO[str], self._file)
        return cast(ILogObserver, FileLogObserver(stream, FORMATS[self._format]))

    def _open_file(self, name: str) -> LogFile:
        try:
            return LogFile.fromFullPath(name)
        except OSError as error:
            path = os.path.abspath(name)
            why = f"cannot write the log file {path}: {error.strerror} (user {os.getuid()} needs to write to it)"
            raise StartError(self._command, why) from error

    def open_for_supervisor(self) -> ILogObserver:
        """Return an observer that writes events to standard output, for the supervisor to log."""
        route_logging(self._level)
        observer = FileLogObserver(sys.stdout, lambda event: eventAsJSON(event) + "\n")
        return from_level(cast(ILogObserver, observer), self._level)

    def reopen(self) -> None:
        """Open the log file again by its name, since somebody may have moved it away."""
        if self._file is not None:
            self._file.reopen()
