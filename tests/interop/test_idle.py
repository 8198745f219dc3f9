"""Ten thousand connections that do nothing."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from thriftpy2.rpc import make_client

from tests.interop.server import Served
from tests.interop.test_soak import CALL, framed
from tests.interop.test_thriftpy2 import IDL

COUNT = 10_000
NEEDED = COUNT + 200


@pytest.fixture
def descriptors() -> Iterator[None]:
    """There are descriptors enough, in this process and in those it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < NEEDED:
        pytest.skip(f"the hard limit of file descriptors is {hard}, below {NEEDED}")
    if soft != resource.RLIM_INFINITY and soft < NEEDED:
        resource.setrlimit(resource.RLIMIT_NOFILE, (NEEDED, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("descriptors")
def test_ten_thousand(tmp_path: Path) -> None:
    """They are held, cost little memory and no time, and the next client is served as if they were not there."""
    with Served(tmp_path, limits={"max_connections": NEEDED}) as served:
        call_once(served)
        begin = served.memory()
        crowd = [socket.create_connection(("127.0.0.1", served.port), timeout=60) for _ in range(COUNT)]
        call_once(served)
        silent = served.memory()
        for connection in crowd:
            connection.sendall(framed(CALL))
        for connection in crowd:
            assert connection.recv(4096)
        after_a_call = served.memory()
        before = served.cpu()
        time.sleep(1)
        assert served.cpu() - before < 0.5
        call_once(served)
        for connection in crowd:
            connection.close()
    print(f"memory of an idle connection: {(silent - begin) / COUNT:.0f} bytes,")  # noqa: T201
    print(f"after a call: {(after_a_call - begin) / COUNT:.0f} bytes")  # noqa: T201
    assert after_a_call - begin < COUNT * 32 * 1024


def call_once(served: Served) -> None:
    """Call from a connection of its own; those before it have been accepted when this returns."""
    with closing(make_client(IDL.Everything, "127.0.0.1", served.port, timeout=60_000)) as client:
        assert client.inherited("x") == "x"
