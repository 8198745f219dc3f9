"""Replies of the service, byte by byte, for tests of the client."""

from __future__ import annotations

from struct import pack
from typing import Any

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TMessageType
from thrift.transport.TTransport import TMemoryBuffer

from twisted_tasks.gen.tasks import ttypes

TASK = ttypes.Task("0" * 24, "alice", "tea", "2026-11-23T10:15:30.123+00:00", False)


def reply(name: str, seqid: int, result: Any, kind: int = TMessageType.REPLY) -> bytes:
    """A reply as Thrift's own code writes it, framed."""
    buffer = TMemoryBuffer()
    protocol = TBinaryProtocol(buffer)
    protocol.writeMessageBegin(name, kind, seqid)
    result.write(protocol)
    protocol.writeMessageEnd()
    return pack(">I", len(buffer.getvalue())) + buffer.getvalue()
