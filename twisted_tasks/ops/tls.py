"""TLS from PEM files, which can be read again while connections are open.

An open connection keeps the context it began with. A connection that is opened after a reload gets the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto
from twisted.application.service import Service
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.ssl import Certificate, CertificateOptions, TLSVersion, trustRootFromCertificates
from twisted.logger import Logger
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from twisted_tasks.ops.daemon_settings import TlsSettings
from twisted_tasks.ops.start import StartError


class TlsError(ValueError):
    """Why these files cannot be used for TLS, in one sentence."""


def _certificates(path: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise TlsError(f"{path} has no certificate in PEM form: {error}") from error


def _key(path: str) -> PrivateKeyTypes:
    try:
        # Raises TypeError for a key with a passphrase; OpenSSL would ask for it on the terminal.
        return load_pem_private_key(Path(path).read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise TlsError(f"{path} has no private key in PEM form that can be used: {error}") from error


def _trust(certificates: Sequence[x509.Certificate]) -> Any:
    return trustRootFromCertificates([Certificate(crypto.X509.from_cryptography(one)) for one in certificates])


def make_context(files: TlsSettings) -> SSL.Context:
    """Return a server's context, for TLS 1.2 and newer.

    @raise TlsError: a file is missing, unreadable, of another kind, or the key is another certificate's.
    """
    own, *chain = _certificates(files.certificate)
    # pyOpenSSL takes cryptography's objects, and its own are deprecated; Twisted's types do not know that yet.
    ours: dict[str, Any] = {"privateKey": _key(files.key), "certificate": own, "extraCertChain": chain}
    trust = None if files.client_ca is None else _trust(_certificates(files.client_ca))
    options = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2, trustRoot=trust, **ours)
    try:
        context: SSL.Context = options.getContext()
    except SSL.Error as error:
        raise TlsError(f"the key in {files.key} is not that of the certificate in {files.certificate}") from error
    return context


class _Connection(BufferingTLSTransport):
    """Sends close_notify when it closes, and does not wait for the client's.

    Twisted waits for it. A Thrift client that makes no call reads nothing, so it never answers, and a drain would last
    as long as it may. RFC 8446, section 6.1, and RFC 5246, section 7.2.1, allow closing without waiting.
    """

    def loseConnection(self) -> None:
        """Close when everything is sent, close_notify last."""
        transport: Any = self.transport
        self._close_tls(transport.loseConnection)

    def loseWriteConnection(self) -> None:
        """Close this side as `loseConnection` does, and go on reading until the client closes its own."""
        transport: Any = self.transport
        self._close_tls(transport.loseWriteConnection)

    def _flushSendBIO(self) -> None:
        """Send what TLS has to send, unless the connection has ended meanwhile.

        If our side is closed when the client's close_notify comes, the transport calls `connectionLost` while Twisted
        still handles the client's bytes. Twisted then goes on to send over a connection that is gone.
        """
        if self._tlsConnection is not None:
            super()._flushSendBIO()

    def _close_tls(self, close: Callable[[], None]) -> None:
        super().loseConnection()
        if not self._appSendBuffer:  # else OpenSSL waits for the client, and closes later
            close()


class _Factory(TLSMemoryBIOFactory):
    """Refuses the connections that the wrapped factory refuses. Twisted's would wrap None."""

    protocol = _Connection

    def buildProtocol(self, addr: Any) -> Any:
        """Return a connection, or None to close it."""
        within = self.wrappedFactory.buildProtocol(addr)
        return None if within is None else self.protocol(self, within)


@implementer(IOpenSSLServerConnectionCreator)
class Tls(Service):
    """Wraps factories in TLS, with contexts made from files that may change.

    @param command: the daemon's, as people type it, for errors.
    @param files: the PEM files.
    """

    _log = Logger()

    def __init__(self, command: str, files: TlsSettings) -> None:
        self._command = command
        self._files = files
        self._context: SSL.Context | None = None

    def privilegedStartService(self) -> None:
        """Read the files. Where twistd gives up root later, this still runs as root."""
        super().privilegedStartService()
        try:
            self._context = make_context(self._files)
        except TlsError as error:
            raise StartError(self._command, f"cannot speak TLS: {error}") from error

    def startService(self) -> None:
        """Read the files, unless `privilegedStartService` has."""
        if self._context is None:
            self.privilegedStartService()
        super().startService()

    def stopService(self) -> None:
        """Forget the context: a later start reads the files again."""
        super().stopService()
        self._context = None

    def reload(self) -> None:
        """Read the files again. If one cannot be used, log why and keep the old context."""
        try:
            self._context = make_context(self._files)
        except TlsError as error:
            self._log.error("TLS goes on with the files as they were: {reason}", reason=str(error))
        else:
            self._log.info("the files of TLS were read again")

    def wrap(self, factory: Any) -> TLSMemoryBIOFactory:
        """Return a factory whose connections speak TLS and pass the decrypted bytes to connections of `factory`."""
        wrapped = _Factory(self, isClient=False, wrappedFactory=factory)
        wrapped.noisy = False
        return wrapped

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Return OpenSSL's side of a new connection."""
        assert self._context is not None
        return SSL.Connection(self._context, None)
