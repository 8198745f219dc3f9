"""The reactor, for as long as one command takes: coroutine in, exit status out."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, cast

import click
from twisted.internet.defer import Deferred
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python.failure import Failure

from twisted_tasks.cli.explain import explain
from twisted_tasks.cli.options import CommandOptions
from twisted_tasks.cli.status import Status, complain
from twisted_tasks.client import TasksClient
from twisted_tasks.client.errors import Unreachable
from twisted_tasks.reactor import ICommandReactor

_LAST_WORDS = 10.0
"""Seconds that work has to end after Ctrl-C: calls in flight, what a load test leaves behind."""

Work = Callable[[ICommandReactor], Awaitable[Status | None]]
"""Takes the reactor; returns the exit status, None being OK."""


def run(options: CommandOptions, work: Work) -> None:
    """Run a command's work in the reactor, and end the process with its status. To be called once."""
    from twisted.internet import reactor as installed

    reactor = cast(ICommandReactor, installed)
    _log(options)
    one = _One(reactor)
    reactor.callWhenRunning(one.begin, work)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the reactor takes no signal that somebody else has taken
    reactor.run()
    sys.exit(_interrupted() if one.interrupted else _status(one.outcome, options))


class _One:
    """One piece of work, which Ctrl-C ends: it is cancelled, and has a while to put things in order.

    @ivar outcome: what it returned, or how it failed.
    @ivar interrupted: whether it was ended so.
    """

    def __init__(self, reactor: ICommandReactor) -> None:
        self.outcome: Status | Failure | None = None
        self.interrupted = False
        self._reactor = reactor
        self._working: Deferred[Any] = Deferred()
        self._over = False

    def begin(self, work: Work) -> None:
        """Start it, and stop the reactor at its end."""
        self._reactor.addSystemEventTrigger("before", "shutdown", self._interrupt)
        self._working = Deferred.fromCoroutine(_coroutine(work(self._reactor)))
        self._working.addBoth(self._ended)

    def _ended(self, outcome: Status | Failure | None) -> None:
        self._over = True
        self.outcome = outcome
        if not self.interrupted:
            self._reactor.stop()

    def _interrupt(self) -> Deferred[Any] | None:
        if self._over:
            return None
        self.interrupted = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # another Ctrl-C ends the process at once
        self._working.cancel()
        return self._working.addTimeout(_LAST_WORDS, self._reactor).addErrback(lambda _: None)


async def _coroutine(work: Awaitable[Any]) -> Any:
    return await work


def _interrupted() -> Status:
    click.echo("tasks: interrupted", err=True)
    return Status.INTERRUPTED


def _status(outcome: Status | Failure | None, options: CommandOptions) -> Status:
    if not isinstance(outcome, Failure):
        return outcome or Status.OK
    if options.debug:
        outcome.printTraceback(sys.stderr)
    error = outcome.value
    if isinstance(error, click.ClickException):
        return Status(complain(error))
    explained = explain(error) if isinstance(error, Exception) else None
    if explained is None:
        text = traceback.format_exception_only(type(error), error)[-1].strip()
        explained = Status.BROKEN, f"this is a bug in tasks: {text} (--debug shows where)"
    status, text = explained
    if isinstance(error, Unreachable):
        text = f"{', '.join(options.servers)}: {text}"
    click.echo(f"tasks: {' '.join(text.split())}", err=True)
    return status


def _log(options: CommandOptions) -> None:
    """Let the log be silent but for bugs; with --debug print all of it."""
    level = LogLevel.debug if options.debug else LogLevel.critical
    observer = FilteringLogObserver(textFileLogObserver(sys.stderr), [LogLevelFilterPredicate(level)])
    globalLogBeginner.beginLoggingTo([observer], discardBuffer=True, redirectStandardIO=False)


def with_client(
    options: CommandOptions, work: Callable[[TasksClient], Awaitable[Status | None]], **settings: Any
) -> None:
    """Run work that needs a client, which is started before and closed after it."""

    async def whole(reactor: ICommandReactor) -> Status | None:
        client = options.client(reactor, **settings)
        client.startService()
        try:
            return await work(client)
        finally:
            await client.close()

    run(options, whole)
