"""`twistd tasks-app`: options in, service out."""

from __future__ import annotations

from dataclasses import replace

from twisted_tasks.app import config
from twisted_tasks.app.assembly import PROGRAM
from twisted_tasks.gateway.tap import from_run_directory
from twisted_tasks.ops.options import DaemonOptions
from twisted_tasks.ops.twistd import makeService
from twisted_tasks.service import tap as service_tap

__all__ = ["Options", "makeService"]


class Options(DaemonOptions):
    """The command line of `twistd tasks-app`."""

    program = PROGRAM
    settings: config.AppSettings

    def postOptions(self) -> None:
        """Check the options, alone and against each other."""
        super().postOptions()
        folder = self.run_directory()
        settings = from_run_directory(self.settings, folder)
        self.settings = replace(settings, service=service_tap.from_run_directory(settings.service, folder))
