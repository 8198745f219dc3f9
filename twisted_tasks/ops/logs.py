"""Where log events go and how they look: text or JSON, from some level up, stdlib logging among them."""

from __future__ import annotations

import json
import logging
import math
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

# What Twisted's older logging puts beside the fields somebody gave.
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

    It has time (ISO 8601, UTC), level, namespace and message, each field of the event under its own name, and
    traceback where there is one.
    """
    record: dict[str, Any] = {
        "time": datetime.fromtimestamp(event["log_time"], UTC).isoformat(timespec="milliseconds"),
        "level": event["log_level"].name if event.get("log_level") else "info",
        "namespace": event.get("log_namespace") or "-",
        "message": formatEvent(event),
    }
    for name, value in event.items():
        if not name.startswith("log_") and name not in _LEGACY:
            record[name] = value if _is_plain(value) else safe_str(value)
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        record["traceback"] = failure.getTraceback()
    return json.dumps(record, ensure_ascii=False) + "\n"


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def format_text(event: LogEvent) -> str | None:
    """Return an event as twistd writes it."""
    return formatEventAsClassicLogText(event)


FORMATS = {"text": format_text, "json": format_json}


def from_level(observer: ILogObserver, level: str) -> ILogObserver:
    """Return an observer that passes on what is of this level or above."""
    predicate = LogLevelFilterPredicate(LogLevel.lookupByName(level))
    return cast(ILogObserver, FilteringLogObserver(observer, [predicate]))


class _FromLogging(logging.Handler):
    """Gives what libraries log with Python's own logging to twisted.logger."""

    def emit(self, record: logging.LogRecord) -> None:
        level = next(level for number, level in _STDLIB if record.levelno >= number)
        fields: dict[str, Any] = {"text": record.getMessage()}
        if record.exc_info and record.exc_info[1] is not None:
            fields["log_failure"] = Failure(record.exc_info[1], record.exc_info[0], record.exc_info[2])
        Logger(namespace=record.name).emit(level, "{text}", **fields)


def route_logging(level: str) -> None:
    """Let Python's own logging end in twisted.logger, from this level up."""
    root = logging.getLogger()
    root.addHandler(_FromLogging())
    root.setLevel({"warn": "WARNING"}.get(level, level.upper()))


class Output:
    """Where twistd was told to log to.

    @param options: twistd's own: logfile, nodaemon, syslog, prefix.
    @param format: a key of FORMATS.
    @param level: the name of the least level that is logged.
    """

    def __init__(self, options: Mapping[str, Any], format: str, level: str) -> None:
        self._options = options
        self._format = format
        self._level = level
        self._file: LogFile | None = None

    def open(self) -> ILogObserver:
        """Open it, and return the observer."""
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
                raise SystemExit("twistd tasks: a daemon in the background has no standard output to log to")
            stream = sys.stdout
        else:
            self._file = LogFile.fromFullPath(name)
            stream = cast(IO[str], self._file)
        return cast(ILogObserver, FileLogObserver(stream, FORMATS[self._format]))

    def open_for_supervisor(self) -> ILogObserver:
        """Return an observer that writes events to standard output, for another process to log."""
        route_logging(self._level)
        observer = FileLogObserver(sys.stdout, lambda event: eventAsJSON(event) + "\n")
        return from_level(cast(ILogObserver, observer), self._level)

    def reopen(self) -> None:
        """Open the file again by its name: somebody may have moved it away."""
        if self._file is not None:
            self._file.reopen()
