"""Puts the gateway together."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from twisted.internet.interfaces import IReactorTime

from twisted_tasks.client import TasksClient, tls_options
from twisted_tasks.client.endpoints import Server
from twisted_tasks.gateway import config
from twisted_tasks.gateway.accounts.breached import read_breached
from twisted_tasks.gateway.accounts.hashing import ThreadHasher
from twisted_tasks.gateway.accounts.model import AccountSettings
from twisted_tasks.gateway.accounts.policy import PasswordPolicy
from twisted_tasks.gateway.accounts.service import Accounts
from twisted_tasks.gateway.accounts.storage.interface import RecordsMisconfigured
from twisted_tasks.gateway.accounts.storage.open import make_store
from twisted_tasks.gateway.api.proxies import Proxies
from twisted_tasks.gateway.api.root import Root
from twisted_tasks.gateway.api.routes import TABLE
from twisted_tasks.gateway.api.service import Api, ApiSettings
from twisted_tasks.gateway.api.telemetry import Telemetry, collect_site
from twisted_tasks.gateway.backend import GatewayBackend
from twisted_tasks.gateway.janitor import Janitor
from twisted_tasks.gateway.site import GatewaySite
from twisted_tasks.ops.assembly import Assembly
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.ops.program import Context, Parts, Program
from twisted_tasks.ops.runtime import build_info
from twisted_tasks.ops.start import StartError, result_of
from twisted_tasks.reactor import INetworkReactor
from twisted_tasks.web.resource import WebPage

PACKAGES = ("twisted-tasks", "twisted", "msgspec", "argon2-cffi")


def assemble(settings: config.GatewaySettings, context: Context) -> Parts:
    """Put the gateway together. Nothing is opened: that is for its `startService`.

    @raise ValueError: when a setting cannot be honoured, in one sentence.
    """
    return assemble_with(Assembly(settings, context), settings, context, settings.tasks.addresses)


def assemble_with(
    assembly: Assembly, settings: config.GatewaySettings, context: Context, tasks_at: tuple[Server, ...]
) -> Parts:
    """Put the gateway together around parts that are there already.

    @param tasks_at: where the Tasks service is.
    """
    clock, reactor = context.clock, context.reactor
    accounts = make_accounts(settings, reactor, clock)
    tasks = make_tasks_client(settings, reactor, tasks_at)
    telemetry = Telemetry(clock)
    proxies = Proxies(settings.trusted_proxies, local=any(web.startswith("unix:") for web in settings.listen))
    api = Api(
        accounts, tasks, api_settings(settings), clock, time.time, proxies, lambda: backend.service_works, telemetry
    )
    backend = GatewayBackend(accounts, tasks, [api.hub, Janitor(accounts, tasks, clock)], clock)
    assembly.watch(backend, "the gateway")
    root = Root(TABLE, api, WebPage())
    site = GatewaySite(root, api.hub, clock, max_connections=settings.max_connections)
    if context.metered:
        assembly.collect(telemetry.collect)
        assembly.register(build_info("tasks_gateway_build_info", PACKAGES))
    assembly.collect(lambda: collect_site(site, api.hub))

    def describe() -> Iterator[str]:
        yield (f"{site.in_flight} requests in flight, {site.connections} connections, {api.hub.streams} event streams")

    return assembly.finish(site, describe)


def api_settings(settings: config.GatewaySettings) -> ApiSettings:
    """Return what concerns the API."""
    return ApiSettings(
        public_url=settings.public_url,
        session_lifetime=settings.session_lifetime,
        require_if_match=settings.require_if_match,
        rate_limit=settings.rate_limit,
        security_contact=settings.security_contact,
    )


def make_accounts(settings: config.GatewaySettings, reactor: INetworkReactor, clock: IReactorTime) -> Accounts:
    """Return the accounts. Raises ValueError with a sentence."""
    about = AccountSettings(
        signup_open=settings.signup_open,
        session_idle=settings.session_idle,
        session_lifetime=settings.session_lifetime,
        timeout=settings.timeout,
    )
    return Accounts(
        make_store(settings.store, reactor, clock),
        clock,
        time.time,
        ThreadHasher(reactor, hashing_threads(settings.workers, len(os.sched_getaffinity(0)))),
        make_policy(settings),
        about,
    )


def hashing_threads(workers: int, processors: int) -> int:
    """Return how many passwords one process hashes at once: those of all workers together fill the processors.

    @param workers: processes that serve; AUTO is one for each processor.
    """
    return max(1, processors // (workers or processors))


def make_policy(settings: config.GatewaySettings) -> PasswordPolicy:
    """Return which passwords are refused. Raises ValueError with a sentence."""
    path = settings.breached_passwords
    return PasswordPolicy(settings.min_password_length, None if path is None else read_breached(path))


def make_tasks_client(
    settings: config.GatewaySettings, reactor: INetworkReactor, servers: tuple[Server, ...]
) -> TasksClient:
    """Return the client of the Tasks service. Raises ValueError with a sentence."""
    about = settings.tasks
    tls = None if about.ca is None else tls_options(about.ca, about.certificate, about.key)
    # Many requests share one connection, and their own limits are the accounts': nothing waits here for a turn.
    return TasksClient(list(servers), reactor, timeout=settings.timeout, max_in_flight=4096, tls=tls)


def preflight(settings: config.GatewaySettings, reactor: INetworkReactor) -> None:
    """Open an SQLite file once: its schema is upgraded before there are several processes that would do it."""
    if not isinstance(settings.store, config.SqliteSettings):
        return
    store = make_store(settings.store, reactor, MonotonicClock(reactor))
    try:
        result_of(store.open())
    except Exception as error:
        raise StartError(PROGRAM.command, error) from error
    store.close()


async def check(settings: config.GatewaySettings, reactor: INetworkReactor, clock: IReactorTime) -> str:
    """Return what is in the store of accounts. Raises ValueError with the cause when it could not be used."""
    store = make_store(settings.store, reactor, clock)
    try:
        return await store.check(clock.seconds() + settings.timeout)
    except RecordsMisconfigured as error:
        raise ValueError(error) from error


PROGRAM = Program(
    name="tasks-gateway",
    summary="Accounts, a REST API and a web page for the Tasks service.",
    table=config.SETTINGS,
    load=config.load,
    assemble=assemble,
    check=check,
    preflight=preflight,
    packages=PACKAGES,
)
