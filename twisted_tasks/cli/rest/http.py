"""One request over HTTP, with Twisted's Agent: bytes out, bytes in, bounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionLost, DNSLookupError
from twisted.internet.protocol import Protocol as Reader
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer, HTTPConnectionPool, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from twisted_tasks.client.errors import BadReply, Disconnected, Unreachable
from twisted_tasks.reactor import INetworkReactor

_LONGEST_BODY = 16 << 20
"""Bytes. A page of a thousand tasks has four MiB at most, and JSON writes some characters in six bytes."""
_CONNECTIONS = 4


class HttpAnswer(NamedTuple):
    """What a server answered."""

    status: int
    headers: Headers
    body: bytes


class HttpTransport(Protocol):
    """Sends a request and returns the answer."""

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> HttpAnswer:
        """Raise Unreachable, Disconnected or BadReply."""

    async def close(self) -> None:
        """Let go of every connection."""


class AgentTransport:
    """A `HttpTransport` over connections that are kept for the next request.

    @param tls: makes TLS options for a host; None trusts the platform's authorities.
    """

    def __init__(
        self, reactor: INetworkReactor, connect_timeout: float, tls: Callable[[str], Any] | None = None
    ) -> None:
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = _CONNECTIONS
        self._pool.retryAutomatically = False  # the exchange repeats, within its deadline
        more = {} if tls is None else {"contextFactory": _Policy(tls)}
        self._agent = Agent(reactor, connectTimeout=connect_timeout, pool=self._pool, **more)

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> HttpAnswer:
        """See Transport."""
        producer = None if body is None else FileBodyProducer(BytesIO(body))
        raw = Headers({name: [value] for name, value in headers.items()})
        try:
            response = await self._agent.request(method.encode(), url.encode(), raw, producer)
            return HttpAnswer(response.code, response.headers, await _body(response))
        except (ConnectError, DNSLookupError) as error:
            raise Unreachable(_sentence(error)) from None
        except (ConnectionLost, ResponseFailed) as error:
            raise _lost(error) from None

    async def close(self) -> None:
        """See Transport."""
        await self._pool.closeCachedConnections()


def _lost(error: Exception) -> Exception:
    """Return why there is no answer: a TLS that fails does so every time, a lost connection may not."""
    from OpenSSL.SSL import Error as TlsError

    for reason in getattr(error, "reasons", ()):
        if reason.check(TlsError):
            details = reason.value.args[0] if reason.value.args else ()
            why = "; ".join(str(part[-1]) for part in details if part) or "the connection was closed"
            return Unreachable(f"TLS fails: {why}")
        if reason.check(BadReply):
            return BadReply(str(reason.value))
    return Disconnected("the connection ended before the answer came")


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or "nothing can be reached there"


def _body(response: Any) -> Deferred[bytes]:
    reader = _Body()
    response.deliverBody(reader)
    return reader.whole


class _Body(Reader):
    """Collects an answer's body, up to a limit."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self.whole: Deferred[bytes] = Deferred(lambda _: self._abort())

    def dataReceived(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > _LONGEST_BODY:
            self._abort()
            self._end(Failure(BadReply("the answer is too long")))

    def connectionLost(self, reason: Failure = Failure(ResponseDone())) -> None:  # noqa: B008  # as Twisted's own
        whole = reason.check(ResponseDone, PotentialDataLoss) is not None
        self._end(b"".join(self._parts) if whole else Failure(Disconnected("the answer was cut off")))

    def _abort(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    def _end(self, result: bytes | Failure) -> None:
        if not self.whole.called:
            self.whole.callback(result)


@implementer(IPolicyForHTTPS)
class _Policy:
    """Makes TLS options as the command line says."""

    def __init__(self, tls: Callable[[str], Any]) -> None:
        self._tls = tls

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        return self._tls(hostname.decode("ascii"))


__all__ = ["AgentTransport", "HttpAnswer", "HttpTransport"]
