"""Puts the service and the gateway together, the one inside the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prometheus_client.core import Metric
from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from twisted_tasks.app import config
from twisted_tasks.app.inside import InsideEndpoint
from twisted_tasks.gateway import assembly as gateway
from twisted_tasks.ops.assembly import Assembly
from twisted_tasks.ops.daemon import Daemon
from twisted_tasks.ops.listening import make_endpoints
from twisted_tasks.ops.notify import NullNotifier
from twisted_tasks.ops.program import Context, Parts, Program
from twisted_tasks.reactor import IDaemonReactor
from twisted_tasks.service import assembly as service

_log = Logger()

_OWN = ("process_", "python_", "reactor_")
"""How the names of metrics begin that the gateway's assembly has of the same process."""


def assemble(settings: config.AppSettings, context: Context) -> Parts:
    """Put both together. Nothing is opened: that is for the daemon's `startService`.

    The service starts before the gateway and stops after it.

    @raise ValueError: when a setting cannot be honoured, in one sentence.
    """
    inner = _assemble_service(settings, context)
    assembly = Assembly(settings, context)
    assembly.accompany(inner.daemon)
    assembly.collect(lambda: _of_the_service(inner))
    announcer = _Announcer(settings.public_url, "http" if settings.tls is None else "https")
    assembly.accompany(announcer)
    inside = InsideEndpoint(context.reactor, lambda: inner.daemon.factory)
    parts = gateway.assemble_with(assembly, settings, context, (inside,))
    announcer.daemon = parts.daemon
    return replace(parts, describe=lambda: (*parts.describe(), *inner.describe()).__iter__())


def _assemble_service(settings: config.AppSettings, context: Context) -> Parts:
    # TLS, health and metrics are of the process, and the gateway has them.
    about = replace(settings.service, tls=None, http=None)
    listen = make_endpoints(context.reactor, about.listen)
    return service.assemble(about, replace(context, prefix="tasks", listen=listen, notifier=NullNotifier()))


def _of_the_service(parts: Parts) -> list[Metric]:
    return [family for family in parts.gather() if not family.name.startswith(_OWN)]


class _Announcer(Service):
    """Says where the page is.

    @ivar daemon: the gateway's; its ports are bound when this starts.
    """

    daemon: Daemon

    def __init__(self, public_url: str | None, scheme: str) -> None:
        self._url = public_url
        self._scheme = scheme

    def startService(self) -> None:
        """Say it."""
        super().startService()
        url = self._url or _url_of(self._scheme, self.daemon.ports)
        if url is not None:
            _log.info("open {url}/ in a browser", url=url)


def _url_of(scheme: str, ports: Any) -> str | None:
    """Return the URL of the first port that a browser can reach."""
    for port in ports:
        address = port.getHost()
        if isinstance(address, IPv4Address | IPv6Address):
            host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(address.host, address.host)
            host = f"[{host}]" if ":" in host and not host.startswith("[") else host
            return f"{scheme}://{host}:{address.port}"
    return None


async def _check(settings: config.AppSettings, reactor: IDaemonReactor, clock: IReactorTime) -> str:
    """Return what is in both stores, in a sentence. Raises ValueError with the cause when one could not be used."""
    tasks = await service.PROGRAM.check(settings.service, reactor, clock)
    accounts = await gateway.check(settings, reactor, clock)
    return f"{tasks}; {accounts}"


PROGRAM = Program(
    name="tasks-app",
    summary="A to-do list with accounts, a web page and an API, all in one process.",
    table=config.SETTINGS,
    load=config.load,
    assemble=assemble,
    check=_check,
    packages=gateway.PACKAGES,
)
