"""What counting and timing costs: CPU time of the daemon for each call, with metrics and without.

    python -m benchmarks.metrics_cost [rounds]

Starts two daemons, one with --http and one without, and sends each the same pipelined calls in turn. CPU time comes
from the kernel, so what else runs on the machine matters little; the figure is the median of the ratios of neighbours.
`check` is the cheapest call there is, and so the worst case; `get` is a short one that asks the store.
"""

from __future__ import annotations

import socket
import statistics
import struct
import sys
import tempfile
from pathlib import Path

from tests.support.clients import thriftpy2_client
from tests.support.daemon import Daemon

CALLS, PIPELINE = 10000, 100


def call(method: bytes, arguments: bytes = b"") -> bytes:
    """Return the bytes of a framed, strict binary call."""
    message = b"\x80\x01\x00\x01" + struct.pack(">I", len(method)) + method + struct.pack(">I", 7) + arguments + b"\0"
    return struct.pack(">I", len(message)) + message


def text(number: int, value: str) -> bytes:
    """Return the bytes of a string field."""
    return struct.pack(">bhI", 11, number, len(value)) + value.encode()


def take(connection: socket.socket, size: int) -> bytes:
    """Return exactly so many bytes."""
    data = bytearray()
    while len(data) < size:
        data += connection.recv(size - len(data)) or sys.exit("the daemon closed the connection")
    return bytes(data)


def cpu(daemon: Daemon) -> float:
    """Return the CPU seconds the daemon has used."""
    assert daemon.process is not None
    tasks = Path(f"/proc/{daemon.process.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def seconds(daemon: Daemon, frame: bytes) -> float:
    """Return the CPU seconds a call took the daemon."""
    with socket.create_connection(("127.0.0.1", daemon.port)) as connection:
        connection.sendall(frame)
        size = struct.unpack(">I", take(connection, 4))[0]
        take(connection, size)
        begin = cpu(daemon)
        for _ in range(CALLS // PIPELINE):
            connection.sendall(frame * PIPELINE)
            take(connection, PIPELINE * (4 + size))
        return (cpu(daemon) - begin) / CALLS


def main() -> None:
    """Measure, and print one line for each kind of call."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as other,
        Daemon(Path(one)) as plain,
        Daemon(Path(other), "--http", "0") as metered,
    ):
        frames = []
        for daemon in (plain, metered):
            with thriftpy2_client(daemon.port) as client:
                task = client.add("me", "tea", None)
            frames.append(call(b"get", text(1, task.id) + text(2, "me")))
        for name, pair in (("check", [call(b"check")] * 2), ("get", frames)):
            compare(name, [(seconds(plain, pair[0]), seconds(metered, pair[1])) for _ in range(rounds)])


def compare(name: str, pairs: list[tuple[float, float]]) -> None:
    """Print what pairs of (seconds without, seconds with metrics) say."""
    without, with_ = (statistics.median(values) * 1e6 for values in zip(*pairs, strict=True))
    change = statistics.median(one / other for one, other in pairs) - 1
    print(  # noqa: T201
        f"{name:6} {without:6.1f} us of CPU without metrics, {with_:6.1f} us with: {change:+.1%} calls a second"
    )


if __name__ == "__main__":
    main()
