"""The command line of a daemon, made of its table of settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.python import usage

from twisted_tasks.ops.assembly import make_daemon
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.ops.daemon_settings import DaemonSettings
from twisted_tasks.ops.program import Program, S
from twisted_tasks.ops.runtime import versions_text
from twisted_tasks.ops.settings import ConfigError, Setting
from twisted_tasks.ops.start import StartError
from twisted_tasks.ops.tls import Tls
from twisted_tasks.ops.values import AUTO
from twisted_tasks.reactor import IDaemonReactor


class DaemonOptions(usage.Options):
    """The options of a daemon. A subclass names the `program`; everything else follows from it.

    @cvar program: the daemon.
    @ivar settings: what the options and the environment come to, checked.
    @ivar typed: the options as they came: workers are given the same.
    """

    program: Program[Any]
    settings: Any
    typed: Sequence[str] = ()
    synopsis = "[options]"
    longdesc: str
    optParameters: list[list[str | None]]
    optFlags = [
        [
            "check-config",
            None,
            "Check the settings, and whether what is behind the daemon works with them; end with status 0 or 1.",
        ],
    ]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.longdesc = cls.program.summary
        cls.optParameters = [[row.option, None, None, row.usage()] for row in cls.program.table if not row.repeatable]
        for row in cls.program.table:
            if row.repeatable:
                setattr(cls, f"opt_{row.option.replace('-', '_')}", _collector(row))

    def __init__(self) -> None:
        super().__init__()
        for row in self.program.table:
            if row.repeatable:
                self[row.option] = []

    def opt_version(self) -> NoReturn:
        """Print the versions of the daemon and of what it is built on, and exit."""
        sys.stdout.write(f"{versions_text(self.program.packages)}\n")
        raise SystemExit(0)

    def parseArgs(self, *rest: str) -> None:
        """Take no arguments besides the options."""
        if rest:
            raise usage.UsageError(f"{rest[0]!r} is not an option")

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse; a mistake ends the process with one line and status 1, where twistd would print its whole help."""
        self.typed = list(options or ())
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            raise SystemExit(f"{self.program.command}: {error}") from error
        if self["check-config"]:
            check_config(self.program, self.settings, self.run_directory())

    def postOptions(self) -> None:
        """Check the options, alone and against each other."""
        try:
            self.settings = self.program.load(self, os.environ)
        except ConfigError as error:
            raise usage.UsageError(str(error)) from error

    def run_directory(self) -> str:
        """Return where twistd goes once the service is made, and relative paths begin."""
        return "." if self.parent is None else self.parent["rundir"]


def _collector(row: Setting) -> Callable[[DaemonOptions, str], None]:
    """Return the method by which usage.Options takes an option that may be repeated."""

    def opt(self: DaemonOptions, value: str) -> None:
        self[row.option].append(value)

    opt.__doc__ = row.usage()
    return opt


def check_config(program: Program[S], settings: S, run_directory: str) -> NoReturn:
    """Try the settings out and end the process, without serving anybody and without changing anything.

    Say on standard output, in a few lines, what would run, and end with status 0; or with one line on standard error
    that names the cause, and status 1.

    @param run_directory: where twistd would go once the service is made, and relative paths begin.
    """
    from twisted.internet import reactor

    async def check(reactor: IDaemonReactor) -> None:
        try:
            make_daemon(program, replace(settings, workers=1), reactor)
            os.chdir(run_directory)
            if settings.tls is not None:
                Tls(program.command, settings.tls).privilegedStartService()  # reads the files
            found = await program.check(settings, reactor, MonotonicClock(reactor))
        except StartError as error:
            raise SystemExit(str(error)) from error
        except (ValueError, OSError) as error:
            raise SystemExit(f"{program.command}: {error}") from error
        sys.stdout.write("".join(f"{line}\n" for line in (*_what_would_run(settings), found)))

    task.react(lambda reactor: Deferred.fromCoroutine(check(reactor)), (), reactor)


def _what_would_run(settings: DaemonSettings) -> Iterator[str]:
    """Yield lines on what the settings come to; nothing that is secret."""
    tls = "" if settings.tls is None else f", with TLS (the certificate in {settings.tls.certificate})"
    yield f"calls on {', '.join(settings.listen)}{tls}"
    yield "no health and metrics over HTTP" if settings.http is None else f"health and metrics on {settings.http}"
    workers = "one for each processor" if settings.workers == AUTO else str(settings.workers)
    yield f"processes that serve: {workers}; seconds a call may take: {settings.timeout:g}"
