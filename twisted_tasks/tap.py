"""`twistd tasks`: options in, service out. The one module that knows every part.

Inside another Twisted application, `make_service(settings, reactor)` gives the same service, to be started with the
application's others.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from twisted.application.service import IService
from twisted.internet import endpoints
from twisted.python import usage

from twisted_tasks import config
from twisted_tasks.gen.tasks import Tasks
from twisted_tasks.handler import TasksHandler
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.ops.daemon import Daemon
from twisted_tasks.ops.probe import Probe
from twisted_tasks.storage.open import make_store
from twisted_tasks.wire.server import Limits, ThriftServerFactory


def _help(setting: config.Setting) -> str:
    return f"{setting.help} [default: {setting.default}; {', '.join(setting.variables)}]"


class Options(usage.Options):
    """The command line of `twistd tasks`. What it means is config's business; see docs/configuration.md."""

    synopsis = "[options]"
    longdesc = "Stores and manages to-do tasks for other services, over Apache Thrift."
    optParameters = [[row.option, None, None, _help(row)] for row in config.SETTINGS if not row.repeatable]
    settings: config.Settings

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
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            raise SystemExit(f"twistd tasks: {error}") from error

    def postOptions(self) -> None:
        """Check the options, alone and against each other."""
        try:
            self.settings = config.load(self, os.environ)
        except config.ConfigError as error:
            raise usage.UsageError(str(error)) from error


def _endpoint(reactor: Any, description: str) -> Any:
    try:
        return endpoints.serverFromString(reactor, description)
    except Exception as error:  # whatever a plugin's parser raises: a missing file, an unknown prefix, a missing part
        raise ValueError(f"cannot listen on {description}: {error}") from error


def make_service(settings: config.Settings, reactor: Any) -> Daemon:
    """Put the service together. Nothing is opened: that is for its `startService`.

    @raise ValueError: when a setting cannot be honoured, in one sentence.
    """
    clock = MonotonicClock(reactor)
    store = make_store(settings, reactor, clock)
    probe = Probe(store.ping, clock)
    handler = TasksHandler(store, clock, probe.health, timeout=settings.timeout, max_in_flight=settings.max_in_flight)
    factory = ThriftServerFactory(Tasks.Processor(handler), limits=Limits(**settings.limits), clock=reactor)
    return Daemon(
        [(description, _endpoint(reactor, description)) for description in settings.listen],
        factory,
        store,
        probe,
        clock,
        drain_timeout=settings.drain_timeout,
    )


def makeService(options: Options) -> IService:
    """Return the service for twistd, which has not yet become a daemon: nothing may be opened here."""
    from twisted.internet import reactor

    try:
        return make_service(options.settings, reactor)
    except ValueError as error:
        raise SystemExit(f"twistd tasks: {error}") from error
