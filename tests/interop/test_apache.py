"""Apache Thrift's clients for Python: each protocol and each transport it has, over real sockets."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from thrift.protocol.TBinaryProtocol import TBinaryProtocol, TBinaryProtocolAccelerated
from thrift.protocol.TCompactProtocol import TCompactProtocol, TCompactProtocolAccelerated
from thrift.protocol.THeaderProtocol import THeaderProtocol
from thrift.protocol.TJSONProtocol import TJSONProtocol
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol
from thrift.Thrift import TApplicationException
from thrift.transport.THeaderTransport import THeaderClientType, THeaderSubprotocolID, THeaderTransformID
from thrift.transport.THttpClient import THttpClient
from thrift.transport.TSocket import TSocket
from thrift.transport.TSSLSocket import TSSLSocket
from thrift.transport.TTransport import TBufferedTransport, TFramedTransport
from thrift.transport.TZlibTransport import TZlibTransport

from tests.interop.conversation import converse
from tests.interop.gen.plain.everything import Everything, ttypes
from tests.interop.server import Served
from tests.support.certificates import Authority

Make = Callable[[Any], Any]


def old_binary(transport: Any) -> Any:
    return TBinaryProtocol(transport, strictRead=False, strictWrite=False)


def header(protocol: int, zlib: bool) -> Make:
    def make(transport: Any) -> Any:
        made = THeaderProtocol(transport, (THeaderClientType.HEADERS,), protocol)
        if zlib:
            made.add_transform(THeaderTransformID.ZLIB)
        return made

    return make


PROTOCOLS: dict[str, Make] = {
    "binary": TBinaryProtocol,
    "binary accelerated": lambda transport: TBinaryProtocolAccelerated(transport, fallback=False),
    "binary old": old_binary,
    "compact": TCompactProtocol,
    "compact accelerated": lambda transport: TCompactProtocolAccelerated(transport, fallback=False),
    "json": TJSONProtocol,
}
HEADERS: dict[str, Make] = {
    "header binary": header(THeaderSubprotocolID.BINARY, False),
    "header binary zlib": header(THeaderSubprotocolID.BINARY, True),
    "header compact": header(THeaderSubprotocolID.COMPACT, False),
    "header compact zlib": header(THeaderSubprotocolID.COMPACT, True),
}
TRANSPORTS: dict[str, Make] = {
    "socket": lambda socket: socket,
    "buffered": TBufferedTransport,
    "framed": TFramedTransport,
    "zlib around buffered": lambda socket: TZlibTransport(TBufferedTransport(socket)),
    "zlib around framed": lambda socket: TZlibTransport(TFramedTransport(socket)),
    "framed around zlib": lambda socket: TFramedTransport(TZlibTransport(socket)),
}
PAIRS = [(t, p) for t in TRANSPORTS for p in PROTOCOLS]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("served")) as served:
        yield served


def socket_to(served: Served) -> TSocket:
    socket = TSocket("127.0.0.1", served.port)
    socket.setTimeout(30_000)
    return socket


@contextmanager
def opened(transport: Any) -> Iterator[Any]:
    transport.open()
    try:
        yield transport
    finally:
        transport.close()


@pytest.mark.parametrize(("transport", "protocol"), PAIRS)
def test_transports_and_protocols(served: Served, transport: str, protocol: str) -> None:
    """Each protocol in each transport."""
    with opened(TRANSPORTS[transport](socket_to(served))) as connection:
        converse(
            Everything.Client(PROTOCOLS[protocol](connection)),
            ttypes,
            TApplicationException,
            infinite=protocol != "json",
            # TZlibTransport.cstringio_refill drops what it has decompressed beyond what it was asked for.
            long=not (transport.startswith("zlib") and "accelerated" in protocol),
        )


@pytest.mark.parametrize("protocol", HEADERS)
@pytest.mark.parametrize("transport", ["socket", "buffered"])
def test_header(served: Served, transport: str, protocol: str) -> None:
    """THeader, with each of its protocols, with and without zlib."""
    with opened(TRANSPORTS[transport](socket_to(served))) as connection:
        converse(Everything.Client(HEADERS[protocol](connection)), ttypes, TApplicationException)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_http(served: Served, protocol: str) -> None:
    """HTTP, with each protocol."""
    with opened(THttpClient(f"http://127.0.0.1:{served.port}/any/path")) as connection:
        converse(
            Everything.Client(PROTOCOLS[protocol](connection)),
            ttypes,
            TApplicationException,
            infinite=protocol != "json",
        )


@pytest.mark.parametrize("protocol", ["binary", "compact accelerated", "json"])
@pytest.mark.parametrize("transport", ["buffered", "framed"])
def test_multiplexed(served: Served, transport: str, protocol: str) -> None:
    """TMultiplexedProtocol with the service's name."""
    with opened(TRANSPORTS[transport](socket_to(served))) as connection:
        client = Everything.Client(TMultiplexedProtocol(PROTOCOLS[protocol](connection), "Everything"))
        converse(client, ttypes, TApplicationException, infinite=protocol != "json")
        stranger = Everything.Client(TMultiplexedProtocol(PROTOCOLS[protocol](connection), "Nothing"))
        with pytest.raises(TApplicationException, match="no service"):
            stranger.nothing()


def test_unix_socket(tmp_path: Path) -> None:
    """A unix: endpoint."""
    path = str(tmp_path / "socket")
    with Served(tmp_path, f"unix:{path}"), opened(TFramedTransport(TSocket(unix_socket=path))) as connection:
        converse(Everything.Client(TBinaryProtocolAccelerated(connection)), ttypes, TApplicationException)


def test_ssl(tmp_path: Path) -> None:
    """An ssl: endpoint."""
    authority = Authority(tmp_path, "authority")
    pem = authority.sign("localhost", "services", ("localhost",))
    with Served(tmp_path, f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}") as served:
        context = ssl.create_default_context(cafile=str(authority.file))
        for transport in (TBufferedTransport, TFramedTransport):
            socket = TSSLSocket("localhost", served.ports[1], ssl_context=context)
            with opened(transport(socket)) as connection:
                converse(Everything.Client(TBinaryProtocol(connection)), ttypes, TApplicationException)
