"""The client over TLS, with certificates on both sides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import reactor, ssl

from twisted_tasks.client import TasksClient, tls_options
from twisted_tasks.client.errors import DeadlineExceeded, Unreachable
from twisted_tasks.testing import TasksDouble


class Authority:
    """Signs certificates, and writes each with its key to a PEM file."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = self._write(name, self._sign(self._name, self._key.public_key(), True), None)

    def issue(self, name: str) -> Path:
        """Return the file of a new certificate and its key, of a host if it is one's name."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return self._write(name, self._sign(subject, key.public_key(), False), key)

    def _sign(self, subject: x509.Name, public_key: Any, authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _write(self, name: str, certificate: x509.Certificate, key: Any) -> Path:
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        if key is not None:
            pem += key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        path = self._folder / f"{name}.pem"
        path.write_bytes(pem)
        return path


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest_twisted.async_yield_fixture
async def port(authority: Authority) -> Any:
    """The port of a service that asks every client for a certificate."""
    certificate = ssl.PrivateCertificate.loadPEM(authority.issue("localhost").read_bytes())
    trusted = ssl.Certificate.loadPEM(authority.file.read_bytes())
    options = certificate.options(trusted)
    listening = reactor.listenSSL(0, TasksDouble(reactor).factory, options, interface="127.0.0.1")
    yield listening.getHost().port
    await listening.stopListening()


@pytest_twisted.ensureDeferred
async def test_both_sides_show_certificates(authority: Authority, port: int) -> None:
    """A client with the authority and a certificate of its own gets through."""
    tls = tls_options(authority.file, authority.issue("gateway"))
    client = TasksClient(f"localhost:{port}", reactor, tls=tls)
    client.startService()
    task = await client.add("alice", "tea")
    assert await client.all("alice") == [task]
    await client.close()


@pytest_twisted.ensureDeferred
async def test_the_wrong_certificates(authority: Authority, port: int, tmp_path: Path) -> None:
    """Who trusts another authority, shows no certificate, or meets another host's, does not, and is told of TLS."""
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "another")
    gateway = authority.issue("gateway")
    for host, tls, kind, why in (
        ("localhost", tls_options(other.file, gateway), Unreachable, "certificate verify failed"),
        # A service tells of a client's certificate only after the client has begun to call.
        ("localhost", tls_options(authority.file), DeadlineExceeded, "TLS"),
        ("localhost", tls_options(authority.file, other.issue("gateway")), DeadlineExceeded, "TLS"),
        ("127.0.0.1", tls_options(authority.file, gateway), Unreachable, "TLS"),
        ("localhost", None, DeadlineExceeded, "connection was"),
    ):
        client = TasksClient(f"{host}:{port}", reactor, tls=tls)
        client.startService()
        with pytest.raises(kind, match=why):
            await client.add("alice", "tea", timeout=1)
        await client.close()


def test_files_that_are_none(authority: Authority, tmp_path: Path) -> None:
    """A file that cannot be used is named."""
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    for arguments in ((text,), (authority.file, text), (tmp_path / "missing.pem",), (authority.file, authority.file)):
        with pytest.raises(ValueError, match=str(arguments[-1])):
            tls_options(*arguments)
    with pytest.raises(ValueError, match="without its certificate"):
        tls_options(key=text)
