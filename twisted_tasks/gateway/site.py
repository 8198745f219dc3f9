"""The public port: a `Site` whose event streams end when it drains."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from twisted_tasks.gateway.api.hub import Hub
from twisted_tasks.gateway.api.root import Root
from twisted_tasks.ops.requests.site import Site


class GatewaySite(Site):
    """Serves the gateway. See `Site` for the options."""

    def __init__(self, root: Root, hub: Hub, clock: IReactorTime, **options: Any) -> None:
        super().__init__(root.handle, clock, limit=root.limit, refusal=root.refusal, **options)
        self._hub = hub

    def drain(self) -> Deferred[None]:
        """Answer the requests that have begun, end the streams, and close every connection."""
        drained = super().drain()
        self._hub.end_all()
        return drained
