"""Services that accompany a daemon: they start before it and stop after it."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.application.service import Service
from twisted.internet.defer import maybeDeferred


class Companions:
    """Start and stop services in order.

    @param services: in the order in which they start; they stop in the reverse one.
    """

    def __init__(self, services: Iterable[Service] = ()) -> None:
        self._services = list(services)

    def add(self, service: Service) -> None:
        """Add one, to start after the others."""
        self._services.append(service)

    def bind(self) -> None:
        """Call the `privilegedStartService` of each."""
        for service in self._services:
            service.privilegedStartService()

    def start(self) -> None:
        """Start them."""
        for service in self._services:
            service.startService()

    async def stop(self) -> None:
        """Stop one after the other; each has stopped before the next one begins to."""
        for service in reversed(self._services):
            await maybeDeferred(service.stopService)
