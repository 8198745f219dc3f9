"""`python -m twisted_tasks.healthcheck [HOST:PORT]`: is the service well, as an exit status and one line.

For a container's health check, and for scripts. It calls `check`, once:

    0   the service answered, and is ready
    1   it answered that it is not ready, it did not answer in time, what answered was no Tasks service, or the
        argument makes no sense. (Docker reserves 2, which is what a usage error is elsewhere.)

Without an argument it asks 127.0.0.1, at the port in TASKS_PORT, which the daemon reads too, else at 6001.

Something starts this every few seconds, so it blocks and leaves Twisted out: it runs in a fifth of the time. Nor does
it use Thrift's own socket, whose time-out begins anew with each byte, which logs what it also raises, and which reads
as much as a frame claims to hold.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import sys
import time
from collections.abc import Mapping, Sequence

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TApplicationException, TMessageType, TType
from thrift.transport.TTransport import TMemoryBuffer

from twisted_tasks.gen.tasks.ttypes import Healthcheck

TIMEOUT = 3.0
"""Seconds that connecting, asking and being answered may take together. `check` waits for nothing, so an answer this
late says that the process is stuck; and it is over before the 5 s at which the image's HEALTHCHECK ends it."""

_MAX_REPLY = 16 * 1024
"""Bytes of a reply. Four paths of the greatest length fit into its one sentence."""

_FRAME = struct.Struct("!I")
_SEQID = 1


class NoAnswer(Exception):
    """The service did not say how it is. The text says what happened instead."""


def parse_address(text: str) -> tuple[str, int]:
    """Return the host and the port of "HOST:PORT"; an IPv6 address is in brackets. Raise ValueError for anything else.

    @raise ValueError: with a sentence.
    """
    match = re.fullmatch(r"(?:\[([^\s\[\]]+)\]|([^\s:\[\]]+)):([0-9]{1,5})", text)
    if match is None or not 1 <= int(match[3]) <= 65535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return match[1] or match[2], int(match[3])


def ask(host: str, port: int, timeout: float = TIMEOUT) -> Healthcheck:
    """Ask a service how it is, and return what it says.

    @param timeout: seconds until NoAnswer, all in all. Looking a name up is not counted, nor are the first addresses
        of a host that has several.
    @raise NoAnswer: when there is none, or none that can be read.
    """
    deadline = time.monotonic() + timeout
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.sendall(_request())
            (size,) = _FRAME.unpack(_receive(connection, _FRAME.size, deadline))
            if size > _MAX_REPLY:
                raise NoAnswer("the answer is not one of a Tasks service")
            return read_reply(_receive(connection, size, deadline))
    except TimeoutError:
        raise NoAnswer(f"no answer within {timeout:g} s") from None
    except (OSError, UnicodeError) as error:  # a name that no encoding of host names can hold is a UnicodeError
        raise NoAnswer(getattr(error, "strerror", None) or str(error)) from error


def read_reply(reply: bytes) -> Healthcheck:
    """Return what one message says that answers `check`.

    @raise NoAnswer: when it is none.
    """
    protocol = TBinaryProtocol(
        TMemoryBuffer(reply), strictRead=True, string_length_limit=_MAX_REPLY, container_length_limit=100
    )
    try:
        name, kind, seqid = protocol.readMessageBegin()
        if kind == TMessageType.EXCEPTION:
            error = TApplicationException()
            error.read(protocol)
            raise NoAnswer(f"it answers with an error: {error}")
        if (name, kind, seqid) != ("check", TMessageType.REPLY, _SEQID):
            raise NoAnswer("it answers another call")
        return _read_result(protocol)
    except NoAnswer:
        raise
    except Exception as error:  # which of a dozen kinds depends on where in somebody else's bytes the decoder stood
        raise NoAnswer("the answer is not one of a Tasks service") from error


def _read_result(protocol: TBinaryProtocol) -> Healthcheck:
    """Read what the generated `check_result` would. That one is in a module which imports Twisted."""
    protocol.readStructBegin()
    _, kind, number = protocol.readFieldBegin()
    if (kind, number) != (TType.STRUCT, 0):
        raise NoAnswer("the answer holds no result")
    health = Healthcheck()
    health.read(protocol)
    if health.ok is None or protocol.readFieldBegin()[1] != TType.STOP:
        raise NoAnswer("the answer does not say whether it is ready")
    return health


def _request() -> bytes:
    """Return a framed call of `check`."""
    buffer = TMemoryBuffer()
    protocol = TBinaryProtocol(buffer)
    protocol.writeMessageBegin("check", TMessageType.CALL, _SEQID)
    protocol.writeFieldStop()  # the arguments: a struct without fields
    protocol.writeMessageEnd()
    message = buffer.getvalue()
    return _FRAME.pack(len(message)) + message


def _receive(connection: socket.socket, size: int, deadline: float) -> bytes:
    """Return exactly so many bytes. The deadline is on time.monotonic; passing it is a TimeoutError."""
    data = b""
    while len(data) < size:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        connection.settimeout(remaining)
        piece = connection.recv(size - len(data))
        if not piece:
            raise NoAnswer("it closed the connection without an answer")
        data += piece
    return data


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Return the exit status and the line to print.

    @param arguments: the command line's, without the program's name.
    """
    if len(arguments) > 1:
        return 1, "usage: python -m twisted_tasks.healthcheck [HOST:PORT]"
    port = environment.get("TASKS_PORT", "")
    if not port or port.startswith("tcp://"):  # what Kubernetes sets for a service called tasks
        port = "6001"
    address = arguments[0] if arguments else f"127.0.0.1:{port}"
    try:
        health = ask(*parse_address(address))
    except ValueError as error:
        return 1, str(error)
    except NoAnswer as error:
        return 1, f"{address}: {error}"
    return (0, f"ready: {health.message}") if health.ok else (1, f"not ready: {health.message}")


if __name__ == "__main__":
    status, line = main(sys.argv[1:], os.environ)
    # One line and plain ASCII, whoever answered and whatever the locale.
    sys.stdout.write(" ".join(line.split()).encode("ascii", "backslashreplace").decode() + "\n")
    sys.exit(status)
