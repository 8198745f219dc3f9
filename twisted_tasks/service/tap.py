"""`twistd tasks`: options in, service out.

Inside another Twisted application, `make_service(settings, reactor)` gives the same service, to be started with the
application's others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from twisted_tasks.ops.assembly import make_daemon
from twisted_tasks.ops.daemon import Daemon
from twisted_tasks.ops.notify import Notifier
from twisted_tasks.ops.options import DaemonOptions
from twisted_tasks.ops.twistd import makeService
from twisted_tasks.reactor import IDaemonReactor
from twisted_tasks.service import config
from twisted_tasks.service.assembly import PROGRAM

__all__ = ["Options", "makeService", "make_service"]

S = TypeVar("S", bound=config.ServiceSettings)


class Options(DaemonOptions):
    """The command line of `twistd tasks`. What it means is config's business; see docs/configuration.md."""

    program = PROGRAM
    settings: config.ServiceSettings

    def postOptions(self) -> None:
        """Check the options, alone and against each other."""
        super().postOptions()
        self.settings = from_run_directory(self.settings, self.run_directory())


def from_run_directory(settings: S, folder: str) -> S:
    """Return settings in which the one file that is read before twistd goes to its run directory begins there, too."""
    store = settings.store
    return replace(settings, store=store.in_folder(folder)) if isinstance(store, config.MongoOptions) else settings


def make_service(settings: config.ServiceSettings, reactor: IDaemonReactor, notifier: Notifier | None = None) -> Daemon:
    """Return the service for an application that is there already. Nothing is opened: that is for its `startService`.

    It takes no signals and leaves logging alone: that is for the application it runs in.

    @param notifier: told of the service's life.
    @raise ValueError: when a setting cannot be honoured, in one sentence.
    """
    return make_daemon(PROGRAM, settings, reactor, notifier)
