"""The load generator of `benchmarks.load`, for HTTP: requests made beforehand, and responses looked at as bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.frames import BadReply, Call
from benchmarks.load import Connection, call_for, obey
from benchmarks.rest.data import FEW, LIST, POST, POSTERS, READERS

_READ = 256 * 1024
_LENGTH = b"content-length:"


class HttpConnection(Connection):
    """A connection that is kept alive, and one request outstanding on it.

    @param count: tasks that each response has.
    """

    __slots__ = ("count",)

    def __init__(self, port: int, mine: list[Call], count: int) -> None:
        super().__init__(port, mine)
        self.count = count

    def receive(self) -> bool:
        """Read, and return whether the response is whole; raise BadReply when it is no success."""
        received = self.sock.recv(_READ)
        if not received:
            raise BadReply("the server closed the connection")
        data = self.buffer + received if self.buffer else received
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self.buffer = data
            return False
        head = data[:end].lower()
        at = head.find(_LENGTH)
        if at < 0:
            raise BadReply(f"no length in {data[:500]!r}")
        length = end + 4 + int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
        if len(data) < length:
            self.buffer = data
            return False
        if len(data) > length or not data.startswith(self.success) or data.count(b'"id":') != self.count:
            raise BadReply(f"{data[:500]!r} where {self.success!r} with {self.count} tasks was expected")
        self.buffer = b""
        return True


@cache
def _people(path: str) -> Any:
    return json.loads(Path(path).read_text())


def requests(kind: str, cookie: str, tasks: list[str]) -> list[Call]:
    """Return what one connection asks for, over and over."""

    def made(method: str, path: str, status: int, body: str = "") -> Call:
        fields = f"Host: localhost\r\nCookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\nAccept: application/json\r\n"
        if body:
            fields += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        head = f"{method} /api/v1/tasks{path} HTTP/1.1\r\n{fields}\r\n"
        return Call((head + body).encode(), b"HTTP/1.1 %d " % status)

    if kind == LIST:
        return [made("GET", "", 200)]
    if kind == POST:
        return [made("POST", "", 201, '{"name":"Buy oat milk and bread"}')]
    return [made("PATCH", f"/{task_id}", 200, f'{{"done":{done}}}') for done in ("true", "false") for task_id in tasks]


def connect(order: dict[str, Any]) -> Iterator[HttpConnection]:
    """Yield the connections an order asks for; `people` in it is a file, and `who` whose cookies of it to take."""
    people, kind = _people(order["people"]), order["kind"]
    for number in range(order["connections"]):
        person = READERS + number % POSTERS if kind == POST else number
        mine = requests(kind, people["cookies"][order["who"]][person], people["tasks"][person])
        yield HttpConnection(order["port"], mine, FEW if kind == LIST else 1)


def measure(order: dict[str, Any]) -> dict[str, Any]:
    """See `benchmarks.load.measure`."""
    return call_for(order, list(connect(order)))


if __name__ == "__main__":
    obey({"measure": measure})
