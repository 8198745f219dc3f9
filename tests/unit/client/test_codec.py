"""Bytes of the client: frames however they arrive, and calls as they leave."""

from __future__ import annotations

from struct import pack

import pytest
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TMessageType
from thrift.transport.TTransport import TMemoryBuffer

from twisted_tasks.client.codec import METHODS, ClientCodec, Frames
from twisted_tasks.client.errors import BadReply
from twisted_tasks.gen.tasks import Tasks


def test_frames_in_any_pieces() -> None:
    """A stream gives the same frames whole, byte by byte, and with more behind it."""
    stream = b"".join(pack(">I", len(data)) + data for data in (b"", b"a", b"bc" * 5000))
    for size in (len(stream), 1, 3, 4099):
        frames = Frames()
        found = [frame for at in range(0, len(stream), size) for frame in frames.feed(stream[at : at + size])]
        assert found == [b"", b"a", b"bc" * 5000]


def test_no_frame() -> None:
    """What cannot be a frame's length is refused, and shown."""
    with pytest.raises(BadReply, match="HTTP"):
        list(Frames().feed(b"HTTP/1.1 400 Bad Request"))


def test_what_is_written_is_thrift() -> None:
    """A call is read by Thrift's own code, None left out."""
    frame = ClientCodec().write(METHODS["update"], 7, ("0" * 24, None, True, "ålice"))
    protocol = TBinaryProtocol(TMemoryBuffer(frame[4:]))
    assert protocol.readMessageBegin() == ("update", TMessageType.CALL, 7)
    arguments = Tasks.update_args()
    arguments.read(protocol)
    assert arguments == Tasks.update_args("0" * 24, None, True, "ålice")
    assert pack(">I", len(frame) - 4) == frame[:4]
