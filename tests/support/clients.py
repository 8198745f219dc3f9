"""Clients nobody here wrote: thriftpy2's and Apache Thrift's, as their own documentation makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import thriftpy2
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport, TFramedTransport
from thriftpy2.rpc import make_client

from tests.integration.gen.tutorial import Tasks as ApacheTasks
from tests.integration.gen.tutorial import ttypes as apache_types
from tests.support.paths import ROOT

TUTORIAL = thriftpy2.load(str(ROOT / "tests/integration/tutorial.thrift"), module_name="tutorial_thrift")
OURS = thriftpy2.load(str(ROOT / "tasks.thrift"), module_name="tasks_thrift")


@contextmanager
def thriftpy2_client(port: int, idl: Any = OURS, timeout: int = 60_000) -> Iterator[Any]:
    """thriftpy2's client with nothing set but where to connect, and more patience (ms): 3 s can be short here."""
    client = make_client(idl.Tasks, "127.0.0.1", port, timeout=timeout)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def apache_client(port: int, transport_class: Callable[[Any], Any]) -> Iterator[Any]:
    """Apache Thrift's client, generated from the tutorial's IDL."""
    transport = transport_class(TSocket("127.0.0.1", port))
    transport.open()
    try:
        yield ApacheTasks.Client(TBinaryProtocol(transport))
    finally:
        transport.close()


@contextmanager
def tutorial_client(kind: str, port: int) -> Iterator[tuple[Any, Any]]:
    """A client made of the tutorial's IDL alone, and the module with its structs."""
    if kind == "thriftpy2":
        with thriftpy2_client(port, TUTORIAL) as client:
            yield client, TUTORIAL
    else:
        transport = {"apache framed": TFramedTransport, "apache buffered": TBufferedTransport}[kind]
        with apache_client(port, transport) as client:
            yield client, apache_types


TUTORIAL_CLIENTS = ("thriftpy2", "apache framed", "apache buffered")
