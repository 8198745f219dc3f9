"""Where the service is: texts -> endpoints, several addresses -> one endpoint, files -> TLS."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import clientFromString, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IReactorTime, IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from twisted_tasks.hostname import host_endpoint, is_domain_name
from twisted_tasks.reactor import INetworkReactor

Server: TypeAlias = str | IStreamClientEndpoint
"""One address: `host:port`, `[IPv6]:port`, a client endpoint string of Twisted (tcp:, tls:, unix:), or an endpoint.

The port may be left out: it is 6001 then."""

DEFAULT_PORT = 6001

_PLAIN = re.compile(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:\[\]/]+))(?::([0-9]{1,5}))?")


def parse(reactor: IReactorTime, server: Server, tls: Any = None) -> IStreamClientEndpoint:
    """Return the endpoint of an address.

    @param reactor: connects to it; an IReactorTime alone when `server` is an endpoint.
    @param tls: a function from a host's name to what `wrapClientTLS` takes first (see `tls_options`), to speak TLS to
        an address given as host and port, also one with "tcp:" before it; None is no TLS.
    @raise ValueError: when it makes no sense, in one sentence.
    """
    if not isinstance(server, str):
        return server
    plain = _PLAIN.fullmatch(server.removeprefix("tcp:"))
    if plain is not None:
        host, port = plain[1] or plain[2], DEFAULT_PORT if plain[3] is None else int(plain[3])
        if not 1 <= port <= 65535:
            raise ValueError(f"{server!r} has no port that can be")
        if tls is not None and not (isIPAddress(host) or isIPv6Address(host) or is_domain_name(host)):
            raise ValueError(
                f"no certificate can be for the host {host!r}: give the service a name without underscores"
            )
        endpoint: IStreamClientEndpoint = host_endpoint(cast(INetworkReactor, reactor), host, port)
        # Without a clock it would take the global reactor's.
        return endpoint if tls is None else wrapClientTLS(tls(host), endpoint, clock=reactor)
    if tls is not None:
        raise ValueError(f"{server!r} is not HOST:PORT, which TLS files go with; tls: strings carry their own")
    try:
        return clientFromString(reactor, server)
    except Exception as error:  # whatever a plugin's parser raises: a missing file, an unknown prefix, a missing part
        raise ValueError(f"{server!r} is no address: HOST:PORT, or a client endpoint of Twisted ({error})") from error


def tls_options(
    ca: str | Path | None = None, certificate: str | Path | None = None, key: str | Path | None = None
) -> Callable[[str], Any]:
    """Return what makes TLS options for a host, to be given to `parse` or `wrapClientTLS`.

    The service's certificate is always verified, and has to carry the host's name.

    @param ca: a PEM file of the authorities to trust, instead of the platform's.
    @param certificate: a PEM file with the client's own certificate, and those up to its authority.
    @param key: a PEM file with its key; None when it is in the same file.
    @raise ValueError: when a file cannot be used, naming it.
    """
    from OpenSSL.crypto import Error as OpenSSLError
    from twisted.internet import ssl

    if key is not None and certificate is None:
        raise ValueError("a key was given without its certificate")
    name = ca
    try:
        trust = None if ca is None else ssl.trustRootFromCertificates(_authorities(Path(ca).read_bytes()))
        own = None
        if certificate is not None:
            name = certificate
            pem = Path(certificate).read_bytes()
            if key is not None:
                name = key
                pem = Path(key).read_bytes() + b"\n" + pem
            own = ssl.PrivateCertificate.loadPEM(pem)
    except (OSError, ValueError, OpenSSLError) as error:
        raise ValueError(f"cannot use {name}: {error or 'it is no PEM file of that kind'}") from error

    def options(host: str) -> Any:
        extra = {} if trust is None else {"trustRoot": trust}
        return ssl.optionsForClientTLS(host, clientCertificate=own, **extra)

    return options


def _authorities(pem: bytes) -> list[Any]:
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificates
    from twisted.internet import ssl

    if b"BEGIN CERTIFICATE" not in pem:
        raise ValueError("it holds no certificate")
    return [ssl.Certificate.load(one.public_bytes(Encoding.DER)) for one in load_pem_x509_certificates(pem)]


@implementer(IStreamClientEndpoint)
class Failover:
    """Several addresses as one endpoint: it goes on with the one that worked last, and when that fails with the next.

    @param endpoints: at least one.
    @param clock: bounds each attempt.
    @param timeout: seconds for each attempt.
    @param first: which one to begin with.
    """

    def __init__(
        self, endpoints: Sequence[IStreamClientEndpoint], clock: IReactorTime, timeout: float, first: int = 0
    ) -> None:
        self._endpoints = endpoints
        self._clock = clock
        self._timeout = timeout
        self._current = first % len(endpoints)

    def leave(self) -> None:
        """Begin the next time with the next address: the current one connects, and is of no use."""
        self._current = (self._current + 1) % len(self._endpoints)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect to the first address that lets us; fail as the last one did when none does."""
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        for left in reversed(range(len(self._endpoints))):
            connecting = self._endpoints[self._current].connect(factory)
            connecting.addTimeout(self._timeout, self._clock, _too_late)
            try:
                return await connecting
            except (CancelledError, ConnectingCancelledError):
                raise
            except Exception:
                self.leave()
                if not left:
                    raise
        raise ConnectError(string="there is no address")


def _too_late(result: object, timeout: float) -> Failure:
    return Failure(ConnectTimeout(string=f"no connection within {timeout:g} s"))
