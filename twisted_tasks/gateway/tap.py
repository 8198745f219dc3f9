"""`twistd tasks-gateway`: options in, service out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from twisted_tasks.gateway import config
from twisted_tasks.gateway.assembly import PROGRAM
from twisted_tasks.mongo.options import MongoOptions
from twisted_tasks.ops.options import DaemonOptions
from twisted_tasks.ops.twistd import makeService

__all__ = ["Options", "makeService"]

S = TypeVar("S", bound=config.GatewaySettings)


class Options(DaemonOptions):
    """The command line of `twistd tasks-gateway`; see docs/gateway-settings.md."""

    program = PROGRAM
    settings: config.GatewaySettings

    def postOptions(self) -> None:
        """Check the options, alone and against each other."""
        super().postOptions()
        self.settings = from_run_directory(self.settings, self.run_directory())


def from_run_directory(settings: S, folder: str) -> S:
    """Return settings in which the files that are read before twistd goes to its run directory begin there, too."""
    store, breached = settings.store, settings.breached_passwords
    return replace(
        settings,
        store=store.in_folder(folder) if isinstance(store, MongoOptions) else store,
        breached_passwords=breached and str(Path(folder, breached)),
    )
