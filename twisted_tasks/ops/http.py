"""Health and metrics over HTTP, for whoever runs the daemon.

/health/live    200 while the reactor turns
/health/ready   200 when calls should come here, else 503; {"ready": false, "reason": "the service is stopping"}
/metrics        Prometheus' text format
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client.core import Metric
from prometheus_client.registry import Collector, CollectorRegistry
from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.pages import notFound
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

_log = Logger()

Gather = Callable[[], "Deferred[list[Metric]]"]
"""Collects the families, in the reactor's thread."""


def _json(request: Request, code: int, body: dict[str, Any]) -> bytes:
    request.setResponseCode(code)
    request.setHeader("content-type", "application/json")
    request.setHeader("cache-control", "no-store")
    return json.dumps(body).encode() + b"\n"


class _Folder(Resource):
    def render(self, request: Request) -> Any:
        return notFound().render(request)


class _Live(Resource):
    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        return _json(request, 200, {"live": True})


class _Ready(Resource):
    isLeaf = True

    def __init__(self, health: Callable[[], tuple[bool, str]]) -> None:
        super().__init__()
        self._health = health

    def render_GET(self, request: Request) -> bytes:
        ready, reason = self._health()
        return _json(request, 200 if ready else 503, {"ready": ready, "reason": reason})


class _Gathered(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


class _Metrics(Resource):
    """Collects in the reactor's thread, where everything that is counted belongs; formats in another one."""

    isLeaf = True

    def __init__(self, gather: Gather) -> None:
        super().__init__()
        self._gather = gather

    def render_GET(self, request: Request) -> int:
        maybeDeferred(self._gather).addCallbacks(
            self._answer, self._fail, callbackArgs=(request,), errbackArgs=(request,)
        ).addErrback(self._fail, request)
        return NOT_DONE_YET

    def _answer(self, families: list[Metric], request: Request) -> None:
        # Imports the reactor, which has to have been chosen by now.
        from prometheus_client.twisted import MetricsResource

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Gathered(families))
        MetricsResource(registry).render(request)

    def _fail(self, failure: Failure, request: Request) -> None:
        _log.failure("the metrics could not be collected", failure)
        request.setResponseCode(500)
        request.finish()


class _QuietSite(Site):
    """Does not log requests: they come every few seconds for ever."""

    noisy = False
    displayTracebacks = False

    def log(self, request: Any) -> None:
        """Do nothing."""


def site(health: Callable[[], tuple[bool, str]], gather: Gather) -> Site:
    """Return what answers the requests."""
    root, health_folder = _Folder(), _Folder()
    root.putChild(b"health", health_folder)
    health_folder.putChild(b"live", _Live())
    health_folder.putChild(b"ready", _Ready(health))
    root.putChild(b"metrics", _Metrics(gather))
    return _QuietSite(root, timeout=60)


class HttpService(Service):
    """Listens for them, before the daemon begins to start and until it has stopped.

    @param listen: binds a port for a factory, or raises what the start is to fail with.
    @param site: what answers.
    """

    def __init__(self, listen: Callable[[Site], IListeningPort], site: Site) -> None:
        self._listen = listen
        self._site = site
        self._port: IListeningPort | None = None

    def privilegedStartService(self) -> None:
        """Bind the port."""
        super().privilegedStartService()
        self._port = self._listen(self._site)

    def startService(self) -> None:
        """Bind the port if that has not been done."""
        if self._port is None:
            self.privilegedStartService()
        super().startService()

    def stopService(self) -> Deferred[Any]:
        """Close the port."""
        super().stopService()
        port, self._port = self._port, None
        return maybeDeferred(port.stopListening) if port is not None else succeed(None)
