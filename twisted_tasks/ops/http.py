"""Health and metrics over HTTP, for whoever runs the daemon.

/health/live    200 while the reactor turns
/health/ready   200 when calls should come here, else 503; {"ready": false, "reason": "the service is stopping"}
/metrics        Prometheus' text format

Requests have no bodies, and connections are few: one stranger here must not cost the clients of the daemon anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry
from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IListeningPort, IReactorThreads, IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from twisted_tasks.ops.listening import bind, make_endpoint
from twisted_tasks.ops.requests.request import Request
from twisted_tasks.ops.requests.site import Site, plain_text

_log = Logger()

Gather = Callable[[], Deferred[list[Metric]]]
"""Collects the families, in the reactor's thread."""

MAX_CONNECTIONS = 32
"""Connections at once. A load balancer, an orchestrator and Prometheus need one each."""


class _Gathered(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


class _Health:
    """Answers the requests."""

    def __init__(self, health: Callable[[], tuple[bool, str]], gather: Gather, reactor: IReactorThreads) -> None:
        self._health = health
        self._gather = gather
        self._reactor = reactor
        self._paths = {b"/health/live": self._live, b"/health/ready": self._ready, b"/metrics": self._metrics}

    def handle(self, request: Request) -> None:
        """Answer one."""
        path = self._paths.get(request.path)
        if path is None:
            _refuse(request, 404, "there are /health/live, /health/ready and /metrics")
        elif request.method not in (b"GET", b"HEAD"):
            _refuse(request, 405, "this can be read only", (b"Allow", b"GET, HEAD"))
        else:
            path(request)

    def _live(self, request: Request) -> None:
        _answer(request, 200, {"live": True})

    def _ready(self, request: Request) -> None:
        ready, reason = self._health()
        _answer(request, 200 if ready else 503, {"ready": ready, "reason": reason})

    def _metrics(self, request: Request) -> None:
        # Collected in the reactor's thread, where everything that is counted belongs; formatted in another one.
        gathered = maybeDeferred(self._gather)
        gathered.addCallback(self._format, request)
        gathered.addErrback(self._failed, request)

    def _format(self, families: list[Metric], request: Request) -> Deferred[None]:
        encode, content_type = choose_encoder((request.field(b"accept") or b"").decode("latin-1"))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Gathered(families))
        text = deferToThreadPool(self._reactor, self._reactor.getThreadPool(), encode, registry)
        fields = [(b"Content-Type", content_type.encode())]
        return text.addCallback(lambda body: request.answer(200, fields, body))

    def _failed(self, failure: Failure, request: Request) -> None:
        _log.failure("the metrics could not be collected", failure)
        _refuse(request, 500, "the metrics could not be collected")


def _answer(request: Request, status: int, content: dict[str, Any]) -> None:
    fields = [(b"Content-Type", b"application/json"), (b"Cache-Control", b"no-store")]
    request.answer(status, fields, json.dumps(content).encode() + b"\n")


def _refuse(request: Request, status: int, detail: str, *more: tuple[bytes, bytes]) -> None:
    fields, body = plain_text(status, detail, request.head)
    request.answer(status, [*fields, *more], body)


def site(health: Callable[[], tuple[bool, str]], gather: Gather, clock: IReactorTime, reactor: IReactorThreads) -> Site:
    """Return what answers the requests.

    @param clock: monotonic; times the connections.
    @param reactor: has the threads in which metrics are formatted.
    """
    return Site(_Health(health, gather, reactor).handle, clock, max_connections=MAX_CONNECTIONS)


class HttpService(Service):
    """Listens for them, before the daemon begins to start and until it has stopped.

    @param command: the daemon's, as people type it, for errors.
    @param description: names the endpoint.
    @param site: what answers.
    @raise ValueError: when there is no such endpoint, in a sentence.
    """

    def __init__(self, command: str, reactor: object, description: str, site: Site) -> None:
        self._command = command
        self._description = description
        self._endpoint = make_endpoint(reactor, description)
        self._site = site
        self._port: IListeningPort | None = None

    def privilegedStartService(self) -> None:
        """Bind the port."""
        super().privilegedStartService()
        self._port = bind(self._command, self._description, self._endpoint, self._site, "health and metrics on")

    def startService(self) -> None:
        """Bind the port if that has not been done."""
        if self._port is None:
            self.privilegedStartService()
        super().startService()

    def stopService(self) -> Deferred[Any]:
        """Close the port, and the connections when their answers are written."""
        super().stopService()
        port, self._port = self._port, None
        self._site.drain().addErrback(lambda _: None)  # nobody waits for it
        return maybeDeferred(port.stopListening) if port is not None else succeed(None)
