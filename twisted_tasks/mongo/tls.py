"""How to reach a MongoDB server: over TCP or a Unix socket, and with TLS or without.

With TLS the server has to show a certificate that is signed by an authority we trust and made out for the name we
called. There is no way around that: no option, and no falling back to plaintext.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import crypto
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS, platformTrust, trustRootFromCertificates

from twisted_tasks.hostname import host_endpoint, is_domain_name
from twisted_tasks.mongo.options import Address, TlsFiles
from twisted_tasks.mongo.reply import Misconfigured
from twisted_tasks.reactor import INetworkReactor


class EndpointMaker:
    """Makes the endpoint of an address. The files of TLS are read here, once.

    @param reactor: makes the connections.
    @param tls: the files to use, or None for plaintext.
    @param timeout: seconds that one attempt to connect may take.
    @raise ValueError: a file does not hold what it should, in one sentence.
    """

    def __init__(self, reactor: INetworkReactor, tls: TlsFiles | None, timeout: float) -> None:
        self._reactor = reactor
        self._timeout = timeout
        self._trust: Any = None
        self._own: dict[str, Any] = {}
        self._creators: dict[str, Any] | None = None
        if tls is not None:
            self._creators = {}
            self._trust = platformTrust() if tls.ca_file is None else _authorities(tls.ca_file)
            self._own = {} if tls.key_file is None else _own_certificate(tls.key_file, tls.key_password)

    def __call__(self, address: Address) -> IStreamClientEndpoint:
        """Return the endpoint by which to connect to an address; raise Misconfigured when there can be none."""
        if self._creators is None:
            return self._plain(address)
        if not (is_domain_name(address.host) or isIPAddress(address.host) or isIPv6Address(address.host)):
            raise Misconfigured(f"TLS cannot check the name {address.host}: no certificate can be made out for it")
        if address.host not in self._creators:
            self._creators[address.host] = optionsForClientTLS(
                address.host, trustRoot=self._trust, extraCertificateOptions=dict(self._own)
            )
        return wrapClientTLS(self._creators[address.host], self._plain(address))

    def _plain(self, address: Address) -> IStreamClientEndpoint:
        if address.port is None:
            return UNIXClientEndpoint(self._reactor, address.host, self._timeout)
        return host_endpoint(self._reactor, address.host, address.port, self._timeout)


def _authorities(path: str) -> Any:
    found = _certificates(path, "tlsCAFile")
    return trustRootFromCertificates([Certificate(crypto.X509.from_cryptography(one)) for one in found])


def _own_certificate(path: str, password: str | None) -> dict[str, Any]:
    first, *chain = _certificates(path, "tlsCertificateKeyFile")
    try:
        key = load_pem_private_key(Path(path).read_bytes(), None if password is None else password.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(
            f"the MongoDB URI's tlsCertificateKeyFile {path} holds no private key in PEM form that"
            " tlsCertificateKeyFilePassword, or the lack of it, opens"
        ) from None
    if key.public_key() != first.public_key():
        raise ValueError(f"the MongoDB URI's tlsCertificateKeyFile {path} holds the key of another certificate")
    return {"privateKey": key, "certificate": first, "extraCertChain": chain}


def _certificates(path: str, option: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(Path(path).read_bytes())
    except OSError as error:
        raise ValueError(f"cannot read the MongoDB URI's {option} {path}: {error.strerror}") from None
    except ValueError:
        raise ValueError(f"the MongoDB URI's {option} {path} holds no certificate in PEM form") from None
