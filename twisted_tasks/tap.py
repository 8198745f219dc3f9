"""`twistd tasks`: options in, service out.

Inside another Twisted application, `make_service(settings, reactor)` gives the same service, to be started with the
application's others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from twisted.application.service import IService
from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.python import usage

from twisted_tasks import config
from twisted_tasks.assembly import assemble, make_endpoints, make_tls
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.ops.daemon import Daemon, StartError
from twisted_tasks.ops.notify import Notifier, NullNotifier
from twisted_tasks.process import for_twistd
from twisted_tasks.storage.interface import IStoreCheck, StoreMisconfigured
from twisted_tasks.storage.open import make_plain_store


def _help(setting: config.Setting) -> str:
    return f"{setting.help} [default: {setting.default}; {', '.join(setting.variables)}]"


class Options(usage.Options):
    """The command line of `twistd tasks`. What it means is config's business; see docs/configuration.md."""

    synopsis = "[options]"
    longdesc = "Stores and manages to-do tasks for other services, over Apache Thrift."
    optParameters = [[row.option, None, None, _help(row)] for row in config.SETTINGS if not row.repeatable]
    optFlags = [
        ["check-config", None, "Check the settings, and whether the store works with them; end with status 0 or 1."],
    ]
    settings: config.Settings
    typed: Sequence[str] = ()
    """The options as they came: workers are given the same."""

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []

    def opt_listen(self, endpoint: str) -> None:
        self["listen"].append(endpoint)

    opt_listen.__doc__ = _help(next(row for row in config.SETTINGS if row.option == "listen"))

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
            raise SystemExit(f"twistd tasks: {error}") from error
        if self["check-config"]:
            check_config(self.settings, self._run_directory())

    def postOptions(self) -> None:
        """Check the options, alone and against each other."""
        try:
            settings = config.load(self, os.environ)
        except config.ConfigError as error:
            raise usage.UsageError(str(error)) from error
        store = settings.store
        if isinstance(store, config.MongoSettings) and store.password_file is not None:
            # Of all files it alone is read before twistd goes to its run directory, where relative paths begin.
            path = Path(self._run_directory(), store.password_file)
            settings = replace(settings, store=replace(store, password_file=str(path)))
        self.settings = settings

    def _run_directory(self) -> str:
        """Return where twistd goes once the service is made."""
        return "." if self.parent is None else self.parent["rundir"]


def check_config(settings: config.Settings, run_directory: str) -> NoReturn:
    """Try the settings out and end the process, without serving anybody and without changing anything.

    Says on standard output, in a few lines, what would run, and ends with status 0; or with one line on standard error
    that names the cause, and status 1.

    @param run_directory: where twistd would go once the service is made, and relative paths begin.
    """
    from twisted.internet import reactor

    async def check(reactor: Any) -> None:
        clock = MonotonicClock(reactor)
        try:
            make_service(replace(settings, workers=1), reactor)
            store = IStoreCheck(make_plain_store(settings.store, reactor, clock))
            os.chdir(run_directory)
            if (tls := make_tls(settings.tls)) is not None:
                tls.privilegedStartService()  # reads the files
            found = await store.check(clock.seconds() + settings.timeout)
        except StartError as error:
            raise SystemExit(str(error)) from error
        except (ValueError, OSError, StoreMisconfigured) as error:
            raise SystemExit(f"twistd tasks: {error}") from error
        sys.stdout.write("".join(f"{line}\n" for line in (*_what_would_run(settings), found)))

    task.react(lambda reactor: Deferred.fromCoroutine(check(reactor)), (), reactor)


def _what_would_run(settings: config.Settings) -> Iterator[str]:
    """Yield lines on what the settings come to; nothing that is secret."""
    tls = "" if settings.tls is None else f", with TLS (the certificate in {settings.tls.certificate})"
    yield f"calls on {', '.join(settings.listen)}{tls}"
    yield "no health and metrics over HTTP" if settings.http is None else f"health and metrics on {settings.http}"
    workers = "one for each processor" if settings.workers == config.AUTO else str(settings.workers)
    yield f"processes that serve: {workers}; seconds a call may take: {settings.timeout:g}"


def make_service(settings: config.Settings, reactor: Any, notifier: Notifier | None = None) -> Daemon:
    """Put the service together. Nothing is opened: that is for its `startService`.

    It takes no signals and leaves logging alone: that is for the application it runs in.

    @param notifier: told of the service's life.
    @raise ValueError: when a setting cannot be honoured, in one sentence.
    """
    if settings.workers != 1:
        raise ValueError("workers are processes of `twistd tasks`; an application of another kind has one")
    notifier = NullNotifier() if notifier is None else notifier
    listen = make_endpoints(reactor, settings)
    return assemble(settings, reactor, notifier, listen, metered=settings.http is not None).daemon


def makeService(options: Options) -> IService:
    """Return the service for twistd, which has not yet become a daemon: nothing may be opened here.

    Where the options are not those of `twistd tasks` (they have no parent), the process is somebody else's: then its
    signals and its log are left alone, as with `make_service`.
    """
    from twisted.internet import reactor

    try:
        if options.parent is None:
            return make_service(options.settings, reactor)
        return for_twistd(options.settings, options.typed, options.parent, reactor)
    except ValueError as error:
        raise SystemExit(f"twistd tasks: {error}") from error
