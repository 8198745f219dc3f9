"""One stream of server-sent events.

retry: 2000                     how long a client waits before it comes back, in ms
id: TOKEN                       what it says then with Last-Event-ID
event: changed
data: {"sync":"TOKEN"}
:                               nothing, every 15 s, so that nobody in between takes the connection for dead
"""

from __future__ import annotations

import random

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from twisted_tasks.gateway.api.answers import Fields
from twisted_tasks.gateway.api.call import Caller
from twisted_tasks.ops.requests.request import Request

_SILENCE = 15.0
"""Seconds without an event after which a comment is sent. Proxies give up after 60, as a rule."""
_RETRY_MS = 2000


@implementer(IPushProducer)
class Stream:
    """An answer that goes on.

    While the client does not read, nothing is written: only the latest token is kept for it. A client that reads
    nothing for as long as the site allows is cut by the site.

    @ivar ended: fires when the stream has ended, by whichever side.
    """

    __slots__ = ("_last", "_over", "_paused", "_request", "_waiting", "caller", "ended")

    def __init__(self, request: Request, caller: Caller) -> None:
        self.caller = caller
        self.ended: Deferred[None] = Deferred()
        self._request = request
        self._paused = self._over = False
        self._waiting: str | None = None
        self._last = request.site.now()

    @property
    def account_id(self) -> str:
        """Whose stream it is."""
        return self.caller.account_id

    def start(self, fields: Fields) -> None:
        """Begin the answer."""
        request = self._request
        request.notifyFinish().addBoth(self._gone)
        request.begin(fields)
        request.registerProducer(self, True)
        self._write(b"retry: %d\n\n" % _RETRY_MS)

    def tell(self, token: str) -> None:
        """Say that something changed, now or when the client reads again."""
        if self._paused:
            self._waiting = token
            return
        data = msgspec.json.encode({"sync": token})
        self._write(b"id: %s\nevent: changed\ndata: %s\n\n" % (token.encode(), data))

    def keep_alive(self) -> None:
        """Say something if nothing was said for a while."""
        if not self._paused and self._request.site.now() - self._last >= _SILENCE:
            self._write(b":\n\n")

    def end(self, comes_back: bool = False) -> None:
        """End it.

        @param comes_back: whether the client is to come back: not all of them in the same moment.
        """
        if self._over:
            return
        if comes_back and not self._paused:
            self._write(b"retry: %d\n\n" % random.randint(500, 3000))
        self._over = True
        request = self._request
        request.unregisterProducer()
        request.finish()

    def _write(self, data: bytes) -> None:
        if not self._over:
            self._last = self._request.site.now()
            self._request.write(data)

    def _gone(self, result: object) -> None:
        self._over = True
        ended, self.ended = self.ended, Deferred()
        ended.callback(None)

    def pauseProducing(self) -> None:
        """See IPushProducer."""
        self._paused = True

    def resumeProducing(self) -> None:
        """See IPushProducer."""
        self._paused = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.tell(waiting)

    def stopProducing(self) -> None:
        """See IPushProducer."""
        self._paused = True
