"""The whole check-up: each server, then the store."""

from __future__ import annotations

from typing import Any

from twisted.internet.threads import deferToThread

from twisted_tasks.cli.doctor import mongo as doctor_mongo
from twisted_tasks.cli.doctor import server as doctor_server
from twisted_tasks.cli.doctor import sqlite as doctor_sqlite
from twisted_tasks.cli.doctor.findings import Findings
from twisted_tasks.cli.options import CommandOptions
from twisted_tasks.cli.run import run
from twisted_tasks.cli.screen import Screen
from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.cli.stores import describe, open_store
from twisted_tasks.model import TaskError
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.reactor import ICommandReactor
from twisted_tasks.service import config
from twisted_tasks.service.storage.interface import StoreMisconfigured

_PATIENCE = 5.0
"""Seconds in which the store has to answer."""


def examine(options: CommandOptions, no_server: bool, store: config.StoreSettings | None) -> None:
    """Look at the servers, unless told not to, and at the store if there is one to look at. Ends the process."""
    screen = Screen(options.json)
    findings = Findings(screen, options.json)

    async def work(reactor: ICommandReactor) -> Status:
        if not no_server:
            for server in options.servers:
                await doctor_server.examine(options, server, reactor, findings)
        if store is not None:
            await _examine_store(store, reactor, findings)
        if findings.bad:
            return Status.TROUBLE
        screen.note("All is well.", "green")
        return Status.OK

    run(options, work)


async def _examine_store(settings: config.StoreSettings, reactor: ICommandReactor, findings: Findings) -> None:
    if isinstance(settings, config.SqliteSettings):
        await deferToThread(doctor_sqlite.examine, settings.path, findings)
        return
    await deferToThread(doctor_mongo.examine, settings, findings)
    await _as_the_daemon(settings, reactor, findings)


async def _as_the_daemon(settings: config.MongoOptions, reactor: ICommandReactor, findings: Findings) -> None:
    """Connect as the daemon does: its driver can do less than the one that looked before."""
    clock: Any = MonotonicClock(reactor)
    try:
        store = open_store(settings, reactor, clock)
    except Trouble as error:
        findings.wrong("daemon", f"the daemon would refuse these settings: {error}", "correct them")
        return
    try:
        await store.open()
        await store.ping(clock.seconds() + _PATIENCE)
        findings.ok("daemon", f"the daemon can work with {describe(settings)}")
    except (StoreMisconfigured, TaskError) as error:
        findings.wrong("daemon", f"the daemon cannot work with it: {error}", "see what is said above")
    finally:
        await store.close()
