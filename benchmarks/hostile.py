"""`python -m benchmarks.hostile`: what a stranger's bytes cost everybody else.

Starts the daemon as it is by default, sends it one bomb after another, and prints for each the CPU time it took and
the longest that a neighbour's `check` waited meanwhile; then how much memory two things take that grow with what
clients send. Aims: a neighbour waits 0.25 s at most, and memory grows by 100 MiB at most.
"""

from __future__ import annotations

import socket
import struct
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import frames
from benchmarks.processes import cpu_seconds, forget_peak, memory
from tests.support.daemon import Daemon

MIB = 2**20
LARGEST = 4 * MIB - 1024
"""Bytes of a message within the limit of its size, with room for its head."""
AIM_SECONDS = 0.25
AIM_BYTES = 100 * MIB
BINARY = b"\x80\x01\0\x01\0\0\0\x03all\0\0\0\x01"
COMPACT = b"\x82\x21\x01\x03all"
JSON = b'[1,"all",1,1,{"1":'


def say(line: str) -> None:
    """Print a line of the results."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Bomb(NamedTuple):
    """Bytes that are meant to cost more than they look."""

    name: str
    data: bytes
    times: int = 1


def framed(message: bytes) -> bytes:
    """Return a frame with this message."""
    return struct.pack(">I", len(message)) + message


def header(payload: bytes, info: bytes = b"\0\0") -> bytes:
    """Return a THeader frame."""
    info += bytes(-len(info) % 4)
    return framed(struct.pack(">HHiH", 0x0FFF, 0, 1, len(info) // 4) + info + payload)


def flushed(data: bytes) -> bytes:
    """Return a zlib stream, flushed."""
    packed = zlib.compressobj(9)
    return packed.compress(data) + packed.flush(zlib.Z_SYNC_FLUSH)


def http(body: bytes, lines: bytes = b"") -> bytes:
    """Return a request."""
    return b"POST / HTTP/1.1\r\nHost: x\r\n" + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


def compact(unit: bytes) -> bytes:
    """Return a compact message as large as may be, filled with this."""
    return COMPACT + unit * (LARGEST // len(unit)) + b"\0"


def binary(unit: bytes) -> bytes:
    """Return a binary message as large as may be, filled with this."""
    return BINARY + unit * (LARGEST // len(unit)) + b"\0"


def json(start: bytes, unit: bytes, end: bytes) -> bytes:
    """Return a JSON message as large as may be, filled with this."""
    return JSON + start + unit * (LARGEST // len(unit)) + end + b"}]"


def compact_list(values: bytes, count: int, kind: int) -> bytes:
    """Return a compact message with a list of so many elements."""
    size = bytearray()
    while count > 0x7F:
        size.append(count & 0x7F | 0x80)
        count >>= 7
    return COMPACT + b"\x19" + bytes((0xF0 | kind,)) + bytes(size) + bytes((count,)) + values + b"\0"


FULL = 16_000
"""Values of a message that is within the limit of them."""


def bombs() -> Iterator[Bomb]:
    """Yield the bombs: what is refused, and what is as large as may be."""
    yield from _compressed()
    yield from _filled()
    yield from _full()
    yield from _http()


def _compressed() -> Iterator[Bomb]:
    empty_maps = compact(b"\x1b\0")
    inner = header(flushed(empty_maps), b"\x02\x01\x01")
    yield Bomb("zlib around THeader's zlib around empty maps", flushed(inner), 5)
    yield Bomb("zlib around empty maps", flushed(framed(empty_maps)))
    yield Bomb("THeader's zlib around empty maps", inner)
    yield Bomb("frames of zlib around empty maps", framed(flushed(framed(empty_maps))))
    yield Bomb("THeader that announces 0xCCFF7F pairs", header(bytes(LARGEST), b"\0\0\x01\xff\xfe\xb3\x06"))
    yield Bomb("THeader with a number that does not end", header(b"\xff" * LARGEST, b"\xff" * 1000))
    yield Bomb("THeader's zlib, pairs announced", header(flushed(empty_maps), b"\x02\x01\x01\x01\xff\xfe\xb3\x06"))
    packed = flushed(bytes(13_000_000))
    yield Bomb("frames of zlib, 13,000 of one byte", b"".join(framed(packed[at : at + 1]) for at in range(len(packed))))


def _filled() -> Iterator[Bomb]:
    for name, unit in (
        ("empty maps", b"\x1b\0"),
        ("empty sets", b"\x1a\0"),
        ("empty lists", b"\x19\0"),
        ("empty structs", b"\x1c\0"),
        ("bools", b"\x11"),
        ("empty strings", b"\x18\0"),
    ):
        yield Bomb(f"framed compact, {name}", framed(compact(unit)))
    yield Bomb("unframed compact, bools", compact(b"\x11"))
    for name, unit in (
        ("empty lists", b"\x0f\0\1\x08\0\0\0\0"),
        ("bools", b"\x02\0\1\1"),
        ("empty strings", b"\x0b\0\1\0\0\0\0"),
        ("empty structs", b"\x0c\0\1\0"),
    ):
        yield Bomb(f"framed binary, {name}", framed(binary(unit)))
    for name, message in (
        ("empty structs", json(b'{"rec":{', b'"1":{"rec":{}},', b'"2":{"tf":1}}}')),
        ("lists of structs", json(b'{"lst":["rec",9', b',{"1":{"tf":1}}', b"]}")),
        ("quotes", json(b'{"str":"', b'\\"', b'"}')),
        ("strings without commas", json(b'{"str":"', b'" "', b'"}')),
        ("commas", json(b'{"lst":["i32",9', b",1", b"]}")),
        ("brackets", json(b"", b"[", b"")),
    ):
        yield Bomb(f"framed JSON, {name}", framed(message))
        yield Bomb(f"HTTP JSON, {name}", http(message))


def _full() -> Iterator[Bomb]:
    yield Bomb("framed compact, as many integers as may be", framed(compact_list(b"\x01" * FULL, FULL, 5)), 50)
    yield Bomb("framed compact, as many strings as may be", framed(compact_list(b"\x01x" * FULL, FULL, 8)), 50)
    yield Bomb("framed compact, as many structs as may be", framed(compact_list(b"\0" * FULL, FULL, 12)), 50)
    damaged = COMPACT + b"\x18\x04caf\xe9" + b"\x11" * (FULL - 10) + b"\0"
    yield Bomb("framed compact, not UTF-8, as many bools as may be", framed(damaged), 50)
    text = struct.pack(">I", 4_000_000) + b"x" * 4_000_000
    yield Bomb("framed binary, one long string", framed(BINARY + b"\x0b\0\1" + text + b"\0"))
    yield Bomb("framed binary, 64 KiB of small calls", framed(BINARY + b"\0") * 3000)


def _http() -> Iterator[Bomb]:
    lines = b"".join(b"a%d: b\r\n" % number for number in range(1000))
    yield Bomb("HTTP, 1,000 lines in a head, pipelined", http(b"x", lines) * 5)
    yield Bomb("HTTP, a head of lines that does not end", b"POST / HTTP/1.1\r\nHost: x\r\n" + b"a:b\r\n" * 15_000)
    chunks = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 100_000
    yield Bomb("HTTP, 100,000 chunks of a byte", chunks)
    yield Bomb("HTTP, 2,000 requests without a body", http(b"") * 2000)


class Neighbour(threading.Thread):
    """Calls `check` all the time on a connection of its own.

    @ivar longest: the longest that a reply took, in seconds, since it was last set to 0.
    """

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._call = frames.check()
        self.longest = 0.0
        self.going = True
        self.ready = threading.Event()

    def run(self) -> None:
        while self.going:
            start = time.perf_counter()
            self._connection.sendall(self._call.frame)
            data = b""
            while (size := frames.reply_length(data)) is None or len(data) < size:
                data += self._connection.recv(65536)
            self.longest = max(self.longest, time.perf_counter() - start)
            self.ready.set()
            time.sleep(0.001)
        self._connection.close()


@contextmanager
def neighbour_of(port: int) -> Iterator[Neighbour]:
    neighbour = Neighbour(port)
    neighbour.start()
    neighbour.ready.wait(10)
    try:
        yield neighbour
    finally:
        neighbour.going = False
        neighbour.join(60)


def throw(port: int, bomb: Bomb) -> None:
    """Send a bomb, and read until the daemon has answered or cut, and then nothing for a while."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        sender = threading.Thread(target=_send, args=(connection, bomb.data * bomb.times), daemon=True)
        sender.start()
        connection.settimeout(0.5)
        quiet = 0
        while quiet < 2:
            try:
                if not connection.recv(65536):
                    break
                quiet = 0
            except TimeoutError:
                quiet += not sender.is_alive()
            except OSError:
                break


def _send(connection: socket.socket, data: bytes) -> None:
    try:
        connection.settimeout(60)
        connection.sendall(data)
    except OSError:
        return  # the daemon has cut it off


def measure_bombs(daemon: Daemon) -> bool:
    """Print what each bomb costs, and return whether every neighbour was served in time."""
    assert daemon.process is not None
    pid, good = daemon.process.pid, True
    say(f"{'CPU s':>7} {'wait s':>7}  bomb")
    for bomb in bombs():
        with neighbour_of(daemon.port) as neighbour:
            neighbour.longest, before = 0.0, cpu_seconds(pid)
            throw(daemon.port, bomb)
            used, longest = cpu_seconds(pid) - before, neighbour.longest
        mark = "" if longest <= AIM_SECONDS else "  <- beyond the aim"
        good = good and not mark
        say(f"{used:7.2f} {longest:7.3f}  {bomb.name}, {len(bomb.data) * bomb.times:,} bytes{mark}")
    return good


def unfinished(port: int) -> list[socket.socket]:
    """Return 120 connections, each with a compressed message that has begun and shrinks a thousandfold."""
    message = BINARY + b"\x0b\0\1" + struct.pack(">I", LARGEST - 100) + bytes(LARGEST - 100)
    data = flushed(framed(message)[:-100])
    held = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(120)]
    for connection in held:
        connection.sendall(data)
    time.sleep(3)
    return held


def largest_frames(port: int) -> list[socket.socket]:
    """Return 120 connections, each with a frame of 4 MiB that lacks its last bytes, as far as the daemon takes them."""
    data = framed(BINARY + bytes(LARGEST))[:-100]
    held = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(120)]
    for connection in held:
        _send(connection, data)
    time.sleep(1)
    return held


def replies_that_wait(port: int) -> list[socket.socket]:
    """Return a connection that calls for long lists, thousands of times, and reads nothing."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for _ in range(40):
            connection.sendall(frames.add("hoarder", "x" * 4000).frame * 50)
            read = 0
            while read < 50 * 4000:
                read += len(connection.recv(65536))
    hoarder = socket.create_connection(("127.0.0.1", port), timeout=60)
    calls = frames.all_of("hoarder", 2000).frame * 4000
    threading.Thread(target=_send, args=(hoarder, calls), daemon=True).start()
    time.sleep(15)
    return [hoarder]


def measure_memory(daemon: Daemon, name: str, attack: Callable[[int], list[socket.socket]]) -> bool:
    """Print how the daemon's memory grows, and return whether that is within the aim."""
    assert daemon.process is not None
    pid = daemon.process.pid
    before = memory(pid)
    forget_peak(pid)
    held = attack(daemon.port)
    grown = memory(pid, "VmHWM") - before
    for connection in held:
        connection.close()
    mark = "" if grown <= AIM_BYTES else "  <- beyond the aim"
    say(f"{before / MIB:6.0f} MiB, {grown / MIB:+5.0f} MiB  {name}{mark}")
    return not mark


MEMORY = {
    "120 connections with a compressed message that has begun": unfinished,
    "120 connections with a frame of 4 MiB that has begun": largest_frames,
    "4,000 calls for a list of 8 MiB, of which none is read": replies_that_wait,
}


def main() -> int:
    """Measure, and return 1 when something is beyond the aims."""
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("bombs", *MEMORY):
            place = Path(folder) / kind.replace(" ", "-")
            place.mkdir()
            with Daemon(place) as daemon:
                good &= measure_bombs(daemon) if kind == "bombs" else measure_memory(daemon, kind, MEMORY[kind])
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
