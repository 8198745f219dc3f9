"""The server's side of a TLS connection, in memory: OpenSSL is real, the transport is not."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from OpenSSL import SSL
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from tests.support.certificates import Authority
from twisted_tasks.ops.daemon_settings import TlsSettings
from twisted_tasks.ops.tls import Tls


class HalfClosed(StringTransport):
    """A transport that, like TCP's, is lost at once when it is closed and its writing side was closed before."""

    protocol: Protocol
    half_closed = False
    lost = False

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def loseConnection(self) -> None:
        if self.half_closed and not self.lost:
            self.lost = True
            self.protocol.connectionLost(Failure(ConnectionDone()))


class Once(Protocol):
    """Closes its writing side when the first bytes come."""

    reasons: list[Failure]

    def dataReceived(self, data: bytes) -> None:
        self.transport.loseWriteConnection()  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.reasons.append(reason)


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    certificate, key, _ = Authority(tmp_path).sign_apart("server")
    tls = Tls("twistd some", TlsSettings(str(certificate), str(key), None))
    tls.privilegedStartService()
    return tls


@pytest.mark.parametrize("more", [b"", b"more"], ids=["farewell", "more before the farewell"])
def test_a_client_that_says_farewell_last(tls: Tls, more: bytes) -> None:
    """When our side is closed and the client closes its own, the connection ends, once, and nothing is raised."""
    factory = ServerFactory.forProtocol(Once)
    reasons: list[Failure] = []
    Once.reasons = reasons
    connection = tls.wrap(factory).buildProtocol(None)
    transport = HalfClosed()
    transport.protocol = connection
    connection.makeConnection(transport)
    client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
    client.set_connect_state()

    def talk() -> None:
        """Carry bytes both ways until there are none."""
        while True:
            if transport.value():
                client.bio_write(transport.value())
                transport.clear()
            with contextlib.suppress(SSL.WantReadError):
                client.do_handshake()
            try:
                data = client.bio_read(1 << 16)
            except SSL.WantReadError:
                return
            connection.dataReceived(data)

    talk()
    client.send(b"hello")
    talk()
    assert transport.half_closed
    assert not reasons
    if more:
        client.send(more)
    client.shutdown()
    talk()
    assert transport.lost
    assert [reason.type for reason in reasons] == [ConnectionDone]
