"""thriftpy2's clients: its protocols and transports, over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import thriftpy2
from thriftpy2.http import make_client as make_http_client
from thriftpy2.protocol import (
    TApacheJSONProtocolFactory,
    TBinaryProtocolFactory,
    TCompactProtocolFactory,
    TCyBinaryProtocolFactory,
    TJSONProtocolFactory,
    TMultiplexedProtocolFactory,
)
from thriftpy2.rpc import make_client
from thriftpy2.thrift import TApplicationException
from thriftpy2.transport import (
    TBufferedTransportFactory,
    TCyBufferedTransportFactory,
    TCyFramedTransportFactory,
    TFramedTransportFactory,
)

from tests.interop.conversation import converse
from tests.interop.server import Served

IDL = thriftpy2.load(str(Path(__file__).with_name("everything.thrift")), module_name="everything_thrift")

PROTOCOLS: dict[str, Callable[[], Any]] = {
    "binary": TBinaryProtocolFactory,
    "binary in Cython": TCyBinaryProtocolFactory,
    "binary old": lambda: TBinaryProtocolFactory(strict_read=False, strict_write=False),
    "compact": TCompactProtocolFactory,
    "Apache's JSON": TApacheJSONProtocolFactory,
    "its own JSON": TJSONProtocolFactory,
}
TRANSPORTS: dict[str, Callable[[], Any]] = {
    "buffered": TBufferedTransportFactory,
    "buffered in Cython": TCyBufferedTransportFactory,
    "framed": TFramedTransportFactory,
    "framed in Cython": TCyFramedTransportFactory,
}
# thriftpy2's protocol in Cython takes only its transports in Cython.
PAIRS = [(t, p) for t in TRANSPORTS for p in PROTOCOLS if "Cython" in t or "Cython" not in p]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("served")) as served:
        yield served


class OneCallEach:
    """A client that makes a connection for each call: thriftpy2's TApacheJSONProtocol reads only one reply."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            with closing(self._connect()) as client:
                return getattr(client, name)(*args)

        return call


def talk(connect: Callable[[], Any], protocol: str = "") -> None:
    """Have the conversation."""
    if protocol == "Apache's JSON":
        # It cannot send containers of containers either, and reads a long reply a byte at a time.
        converse(OneCallEach(connect), IDL, TApplicationException, nested=False, long=False)
        return
    with closing(connect()) as client:
        converse(client, IDL, TApplicationException)


def test_defaults(served: Served) -> None:
    """With nothing set but where to connect."""
    talk(lambda: make_client(IDL.Everything, "127.0.0.1", served.port))


@pytest.mark.parametrize(("transport", "protocol"), PAIRS)
def test_transports_and_protocols(served: Served, transport: str, protocol: str) -> None:
    """Each protocol in each transport."""

    def connect() -> Any:
        factories = {"proto_factory": PROTOCOLS[protocol](), "trans_factory": TRANSPORTS[transport]()}
        return make_client(IDL.Everything, "127.0.0.1", served.port, timeout=30_000, **factories)

    talk(connect, protocol)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_http(served: Served, protocol: str) -> None:
    """HTTP, with each protocol."""

    def connect() -> Any:
        return make_http_client(IDL.Everything, "127.0.0.1", served.port, proto_factory=PROTOCOLS[protocol]())

    talk(connect, protocol)


@pytest.mark.parametrize("protocol", ["binary", "compact"])
def test_multiplexed(served: Served, protocol: str) -> None:
    """TMultiplexedProtocol with the service's name."""
    factory = TMultiplexedProtocolFactory(PROTOCOLS[protocol](), "Everything")
    talk(lambda: make_client(IDL.Everything, "127.0.0.1", served.port, proto_factory=factory, timeout=30_000))
