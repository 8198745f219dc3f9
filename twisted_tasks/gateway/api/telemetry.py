"""What is counted, timed and logged of requests: by the route's template, never by the path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import Metric
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from twisted_tasks.gateway.api.hub import Hub
from twisted_tasks.gateway.api.problems import Problem
from twisted_tasks.ops.metrics import Histogram, counter, gauge, histogram
from twisted_tasks.ops.requests.request import Request
from twisted_tasks.ops.requests.site import Site

_log = Logger()

_QUIET = 60.0
"""Seconds between two lines about failures of one kind."""
_METHODS = frozenset(("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"))


class Telemetry:
    """An `Observer` that counts, times and logs."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._told: dict[str, tuple[float, int]] = {}
        """By kind of problem: when it was logged last, and how many there were since."""
        self._answers: Counter[tuple[str, ...]] = Counter()
        self._seconds: dict[str, Histogram] = {}

    def answered(self, template: str, request: Request, status: int, number: str) -> None:
        """See `Observer`."""
        route = template or "none"
        method = request.method.decode("ascii")
        self._answers[route, method if method in _METHODS else "other", str(status)] += 1
        seconds = request.site.now() - request.arrived
        timed = self._seconds.get(route)
        if timed is None:
            timed = self._seconds[route] = Histogram()
        timed.observe(seconds)
        _log.debug(
            "{method} {route} {status} in {milliseconds:.3f} ms, request {request}",
            method=method if method in _METHODS else "other",
            route=route,
            status=status,
            milliseconds=seconds * 1000,
            request=number,
        )

    def failed(self, problem: Problem, error: Exception, number: str) -> None:
        """Log why a request failed, at most once a minute for each kind. See `Observer`."""
        now = self._clock.seconds()
        last, more = self._told.get(problem.kind.name, (now - _QUIET, 0))
        if now - last < _QUIET:
            self._told[problem.kind.name] = (last, more + 1)
            return
        self._told[problem.kind.name] = (now, 0)
        _log.warn(
            "request {request} failed, {status}: {reason}; {more} more since the last such line",
            request=number,
            status=problem.kind.status,
            reason=str(error),
            more=more,
        )

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        labels = ["route", "method", "status"]
        yield counter("tasks_gateway_requests", "Requests that were answered.", labels, self._answers)
        yield histogram(
            "tasks_gateway_request_seconds", "Seconds from a request to its answer.", "route", self._seconds
        )


def collect_site(site: Site, hub: Hub) -> Iterator[Metric]:
    """Yield what the HTTP layer and the event streams have under way."""
    refused: dict[tuple[str, ...], float] = {(str(status),): count for status, count in site.refused.items()}
    ended: dict[tuple[str, ...], float] = {(why,): count for why, count in site.ended.items()}
    yield gauge("tasks_gateway_connections", "Open connections.", [], {(): site.connections})
    yield gauge("tasks_gateway_requests_active", "Requests that are being answered.", [], {(): site.in_flight})
    yield gauge("tasks_gateway_streams", "Open event streams.", [], {(): hub.streams})
    yield counter("tasks_gateway_refused", "Requests that were no HTTP or beyond a limit.", ["status"], refused)
    yield counter("tasks_gateway_connections_cut", "Connections that we ended, by why.", ["reason"], ended)
