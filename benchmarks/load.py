"""The load generator: a process of its own, that does as little as possible for each call.

It reads orders from its standard input, one JSON object a line, and answers each with one line. Every connection has
one call outstanding: the next leaves when the reply has come. Calls are bytes made beforehand, and a reply's bytes are
compared (see `frames`); one that is no success ends the measurement with an error.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from typing import Any

from benchmarks import frames
from benchmarks.data import USERS, calls
from benchmarks.frames import BadReply, Call
from benchmarks.processes import cpu_seconds

SILENCE = 20.0
"""Seconds without any reply after which a server counts as stuck."""
_READ = 256 * 1024


class Connection:
    """One connection, with what it calls."""

    __slots__ = ("buffer", "calls", "number", "sent", "sock", "success")

    def __init__(self, port: int, mine: list[Call]) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=SILENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.calls = mine
        self.number = -1
        self.success = b""
        self.buffer = b""
        self.sent = 0.0

    def send(self) -> None:
        self.number = (self.number + 1) % len(self.calls)
        frame, self.success = self.calls[self.number]
        self.sent = time.perf_counter()
        if self.sock.send(frame) != len(frame):
            raise BadReply("a call did not fit into the socket's buffer")

    def receive(self) -> bool:
        """Read, and return whether the reply is whole; raise BadReply when it is no success."""
        received = self.sock.recv(_READ)
        if not received:
            raise BadReply("the server closed the connection")
        data = self.buffer + received if self.buffer else received
        length = frames.reply_length(data)
        if length is None or len(data) < length:
            self.buffer = data
            return False
        if len(data) > length or not data.startswith(self.success, 4):
            raise BadReply(f"{data[:200]!r} where {self.success!r} was expected")
        self.buffer = b""
        return True


def connect(order: dict[str, Any]) -> Iterator[Connection]:
    """Yield the connections an order asks for, each as it is made."""
    for number in range(order["connections"]):
        yield Connection(order["port"], calls(order["kind"], number % USERS))


def measure(order: dict[str, Any]) -> dict[str, Any]:
    """Call for some seconds, and return what came of it.

    The order: kind, port, connections, warm_up and seconds, pids (of what CPU time is to be told, by name).
    The answer: calls, seconds, latencies (in seconds, sorted), cpu (seconds by name; `load` is this process).
    """
    return call_for(order, list(connect(order)))


def call_for(order: dict[str, Any], everybody: Sequence[Connection]) -> dict[str, Any]:
    """As `measure`, over these connections."""
    poll = select.epoll()
    by_number = {connection.sock.fileno(): connection for connection in everybody}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    pids = {**order["pids"], "load": "self"}
    latencies: list[float] = []
    outstanding = len(everybody)
    start = time.perf_counter() + order["warm_up"]
    end = inf
    counting, began, ended = False, 0.0, 0.0
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    for connection in everybody:
        connection.send()
    while outstanding:
        events = poll.poll(SILENCE)
        if not events:
            raise BadReply(f"no reply for {SILENCE} s")
        for number, _ in events:
            connection = by_number[number]
            if not connection.receive():
                continue
            now = time.perf_counter()
            if counting:
                latencies.append(now - connection.sent)
            if now < end:
                connection.send()
            else:
                outstanding -= 1
        now = time.perf_counter()
        if not counting and not after and now >= start:
            # A server that is stuck at `start` must not make the time that counts a moment of replies in a burst.
            counting, began, end = True, now, now + order["seconds"]
            before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        elif counting and now >= end:
            counting, ended = False, now
            after = {name: cpu_seconds(pid) for name, pid in pids.items()}
    for connection in everybody:
        connection.sock.close()
    return {
        "calls": len(latencies),
        "seconds": ended - began,
        "latencies": sorted(latencies),
        "cpu": {name: after[name] - before[name] for name in pids},
    }


def hold(order: dict[str, Any]) -> dict[str, Any]:
    """Open connections, make one call on each, and keep them, idle, until the next line comes."""
    everybody = []
    for connection in connect(order):
        everybody.append(connection)
        connection.send()
        while not connection.receive():
            pass
    answer({"holding": len(everybody)})
    sys.stdin.readline()
    for connection in everybody:
        connection.sock.close()
    return {"held": len(everybody)}


def answer(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def obey(orders: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]) -> None:
    """Read orders, and do each, until there are no more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer(orders[order["do"]](order))
        except (BadReply, OSError) as error:
            answer({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    obey({"measure": measure, "hold": hold})
