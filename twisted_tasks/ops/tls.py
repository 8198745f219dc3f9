"""TLS from PEM files that can be read again while connections are open.

A connection keeps the context it began with; those that come after a reload get the new one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto
from twisted.application.service import Service
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.ssl import Certificate, CertificateOptions, TLSVersion, trustRootFromCertificates
from twisted.logger import Logger
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer


class TlsError(ValueError):
    """Why TLS cannot be had from these files, in one sentence."""


def _certificates(path: str) -> list[crypto.X509]:
    try:
        return [crypto.X509.from_cryptography(one) for one in x509.load_pem_x509_certificates(Path(path).read_bytes())]
    except (OSError, ValueError) as error:
        raise TlsError(f"{path} has no certificate in PEM form: {error}") from error


def _key(path: str) -> crypto.PKey:
    try:
        # Raises TypeError for a key with a passphrase; OpenSSL would ask for it on the terminal.
        key: Any = load_pem_private_key(Path(path).read_bytes(), password=None)
        return crypto.PKey.from_cryptography_key(key)
    except (OSError, ValueError, TypeError) as error:
        raise TlsError(f"{path} has no private key in PEM form that can be used: {error}") from error


def make_context(certificate: str, key: str, client_ca: str | None) -> SSL.Context:
    """Return a server's context, for TLS 1.2 and newer.

    @param certificate: the PEM file with the certificate and the authorities between it and a root.
    @param key: the PEM file with its private key.
    @param client_ca: a PEM file of authorities: then only clients with a certificate of one of them get through.
    @raise TlsError: a file is missing, unreadable, of another kind, or the key is another certificate's.
    """
    own, *chain = _certificates(certificate)
    authorities = None if client_ca is None else [Certificate(one) for one in _certificates(client_ca)]
    options = CertificateOptions(
        privateKey=_key(key),
        certificate=own,
        extraCertChain=chain,
        raiseMinimumTo=TLSVersion.TLSv1_2,
        trustRoot=None if authorities is None else trustRootFromCertificates(authorities),
    )
    try:
        context: SSL.Context = options.getContext()
    except SSL.Error as error:
        raise TlsError(f"the key in {key} is not that of the certificate in {certificate}") from error
    return context


class _Connection(BufferingTLSTransport):
    """Says farewell when it closes, and does not wait for the client's.

    Twisted waits for it. A client of Thrift that makes no call reads nothing, and so never sends one: a drain would
    take all its time for it. That nobody need wait is in RFC 8446, section 6.1, and RFC 5246, section 7.2.1.
    """

    def loseConnection(self) -> None:
        """Close when everything is sent, the farewell last."""
        transport: Any = self.transport
        self._bid_farewell(transport.loseConnection)

    def loseWriteConnection(self) -> None:
        """Do so, but go on reading until the client closes its side, too."""
        transport: Any = self.transport
        self._bid_farewell(transport.loseWriteConnection)

    def _bid_farewell(self, close: Callable[[], None]) -> None:
        super().loseConnection()
        if not self._appSendBuffer:  # else OpenSSL waits for the client, and closes later
            close()


class _Factory(TLSMemoryBIOFactory):
    """Takes no connection that the factory within does not take. Twisted's would make one around nothing."""

    protocol = _Connection

    def buildProtocol(self, addr: Any) -> Any:
        """Return a connection, or None, which closes it."""
        within = self.wrappedFactory.buildProtocol(addr)
        return None if within is None else self.protocol(self, within)


@implementer(IOpenSSLServerConnectionCreator)
class Tls(Service):
    """Wraps factories in TLS, with contexts from files that may change.

    @param certificate: see `make_context`, like the other two.
    @param failed: makes the exception with which the start is to fail of a sentence.
    """

    _log = Logger()

    def __init__(self, certificate: str, key: str, client_ca: str | None, failed: Any) -> None:
        self._files = (certificate, key, client_ca)
        self._failed = failed
        self._context: SSL.Context | None = None

    def privilegedStartService(self) -> None:
        """Read the files, as root where twistd is to give root up."""
        super().privilegedStartService()
        try:
            self._context = make_context(*self._files)
        except TlsError as error:
            raise self._failed(f"cannot speak TLS: {error}") from error

    def startService(self) -> None:
        """Read the files if that has not been done."""
        if self._context is None:
            self.privilegedStartService()
        super().startService()

    def stopService(self) -> None:
        """Forget what was read: a later start reads the files again."""
        super().stopService()
        self._context = None

    def reload(self) -> None:
        """Read the files again. If that fails the old context stays, and the reason is logged."""
        try:
            self._context = make_context(*self._files)
        except TlsError as error:
            self._log.error("TLS goes on with the files as they were: {reason}", reason=str(error))
        else:
            self._log.info("the files of TLS were read again")

    def wrap(self, factory: Any) -> TLSMemoryBIOFactory:
        """Return a factory whose connections speak TLS, and hand what it carries to those of `factory`."""
        wrapped = _Factory(self, isClient=False, wrappedFactory=factory)
        wrapped.noisy = False
        return wrapped

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return OpenSSL's side of a new connection."""
        assert self._context is not None
        return SSL.Connection(self._context, None)
