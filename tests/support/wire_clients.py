"""The client's side of every dialect, in memory, out of Thrift's own transports and protocols."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import h11
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.protocol.THeaderProtocol import THeaderProtocol
from thrift.protocol.TJSONProtocol import TJSONProtocol
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.THeaderTransport import THeaderClientType, THeaderSubprotocolID, THeaderTransformID
from thrift.transport.TTransport import TFramedTransport, TTransportBase
from thrift.transport.TZlibTransport import TZlibTransport

from tests.interop.gen.twisted.everything import Base, Everything


class Pipe(TTransportBase):
    """What a socket is to a client: what it writes is in `sent`, and it reads what was put into `received`."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.received = bytearray()

    def write(self, data: bytes) -> None:
        self.sent += data

    def read(self, size: int) -> bytes:
        if not self.received:
            # TZlibTransport would ask again for ever.
            raise EOFError("the server has sent no more")
        data = bytes(self.received[:size])
        del self.received[:size]
        return data


class HttpPipe(TTransportBase):
    """A request for each flush, and the body of a response for what is read."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe
        self.body = b""
        self.content = b""
        self.connection = h11.Connection(h11.CLIENT)

    def write(self, data: bytes) -> None:
        self.body += data

    def flush(self) -> None:
        # A client of its own for each request: one must not send the next before it has read a response.
        client = h11.Connection(h11.CLIENT)
        headers = [("Host", "x"), ("Content-Type", "application/x-thrift"), ("Content-Length", str(len(self.body)))]
        for event in (
            h11.Request(method="POST", target="/", headers=headers),
            h11.Data(data=self.body),
            h11.EndOfMessage(),
        ):
            self.pipe.write(client.send(event))
        self.body = b""

    def read(self, size: int) -> bytes:
        while not self.content:
            self._read_response()
        data, self.content = self.content[:size], self.content[size:]
        return data

    def _read_response(self) -> None:
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
        client.send(h11.EndOfMessage())
        client.receive_data(bytes(self.pipe.received))
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            assert event is not h11.NEED_DATA, "no whole response"
            if isinstance(event, h11.Response):
                assert event.status_code == 200
            elif isinstance(event, h11.Data):
                self.content += event.data
        self.pipe.received[:] = client.trailing_data[0]


class Thriftpy2Json:
    """As much of thriftpy2's JSON as it takes to make a call and read its reply."""

    def __init__(self, trans: Any) -> None:
        self.trans = trans

    def write_call(self, name: str, seqid: int, kind: int, arguments: Any) -> None:
        fields = {field[2]: getattr(arguments, field[2]) for field in arguments.thrift_spec if field}
        metadata = {"version": 1, "name": name, "ttype": kind, "seqid": seqid}
        text = json.dumps({"metadata": metadata, "payload": fields}).encode()
        self.trans.write(struct.pack(">I", len(text)) + text)
        self.trans.flush()

    def read_reply(self) -> tuple[str, int, Any]:
        (length,) = struct.unpack(">I", self.trans.readAll(4))
        message = json.loads(self.trans.readAll(length))
        metadata, payload = message["metadata"], message["payload"]
        if metadata["ttype"] == TMessageType.EXCEPTION:
            return metadata["name"], metadata["seqid"], TApplicationException(payload["type"], payload["message"])
        return metadata["name"], metadata["seqid"], next(iter(payload.values()), None)


class Dialect(NamedTuple):
    """A transport and a protocol, as a client puts them together."""

    name: str
    transport: Callable[[Any], Any]
    protocol: Callable[[Any], Any]

    def __str__(self) -> str:
        return self.name


def _header(protocol: int, zlib: bool, around: str = "") -> Callable[[Any], Any]:
    def make(transport: Any) -> THeaderProtocol:
        within = _TRANSPORTS[around or "unframed"](transport)
        header = THeaderProtocol(within, (THeaderClientType.HEADERS,), protocol)
        if zlib:
            header.add_transform(THeaderTransformID.ZLIB)
        return header

    return make


def _old_binary(transport: Any) -> TBinaryProtocol:
    return TBinaryProtocol(transport, strictRead=False, strictWrite=False)


_PROTOCOLS: dict[str, Callable[[Any], Any]] = {
    "binary": TBinaryProtocol,
    "old binary": _old_binary,
    "compact": TCompactProtocol,
    "json": TJSONProtocol,
    "thriftpy2 json": Thriftpy2Json,
}

_TRANSPORTS: dict[str, Callable[[Any], Any]] = {
    "unframed": lambda pipe: pipe,
    "framed": TFramedTransport,
    "http": HttpPipe,
    "zlib": TZlibTransport,
    "zlib framed": lambda pipe: TFramedTransport(TZlibTransport(pipe)),
    "framed zlib": lambda pipe: TZlibTransport(TFramedTransport(pipe)),
}

DIALECTS = [
    *(Dialect(f"{t} {p}", _TRANSPORTS[t], _PROTOCOLS[p]) for t in _TRANSPORTS for p in _PROTOCOLS),
    *(
        Dialect(f"{around} header {name}{' zlib' if zlib else ''}".strip(), lambda pipe: pipe, _header(p, zlib, around))
        for name, p in (("binary", THeaderSubprotocolID.BINARY), ("compact", THeaderSubprotocolID.COMPACT))
        for around in ("", "framed", "http")
        for zlib in (False, True)
    ),
]


class Client:
    """A client of everything.thrift that speaks one dialect, with the state it keeps for its connection."""

    def __init__(self, dialect: Dialect, service: str | None = None) -> None:
        self.pipe = Pipe()
        self.transport = dialect.transport(self.pipe)
        self.protocol = dialect.protocol(self.transport)
        self.out = self.protocol if service is None else TMultiplexedProtocol(self.protocol, service)

    def call(self, name: str, seqid: int = 1, kind: int = TMessageType.CALL, **args: Any) -> bytes:
        """Return the bytes of a call."""
        arguments = struct_of(name.rpartition(":")[2] + "_args")(**args)
        if isinstance(self.protocol, Thriftpy2Json):
            self.protocol.write_call(name, seqid, kind, arguments)
        else:
            self.out.writeMessageBegin(name, kind, seqid)
            arguments.write(self.out)
            self.out.writeMessageEnd()
            self.protocol.trans.flush()
        data = bytes(self.pipe.sent)
        self.pipe.sent.clear()
        return data

    def replies(self, data: bytes, count: int) -> list[tuple[str, int, Any]]:
        """Return name, sequence id and result of so many replies: a value, or the exception. There must be no more."""
        self.pipe.received += data
        found = [self._reply() for _ in range(count)]
        # A flush of zlib ends with an empty block of five bytes or six, which the client may leave for later.
        rest = self.pipe.received
        assert not rest or (b"\0\0\xff\xff".endswith(rest[-4:]) and len(rest) < 7)
        return found

    def _reply(self) -> tuple[str, int, Any]:
        if isinstance(self.protocol, Thriftpy2Json):
            return self.protocol.read_reply()
        name, kind, seqid = self.protocol.readMessageBegin()
        result = TApplicationException() if kind == TMessageType.EXCEPTION else struct_of(name + "_result")()
        result.read(self.protocol)
        self.protocol.readMessageEnd()
        if kind == TMessageType.REPLY:
            values = [getattr(result, field[2]) for field in result.thrift_spec if field]
            result = next((value for value in values if value is not None), None)
        return name, seqid, result


def struct_of(name: str) -> Any:
    """Return the class the compiler made for a method's arguments or result; an empty one for a method nobody has."""
    for module in (Everything, Base):
        if hasattr(module, name):
            return getattr(module, name)
    return Everything.nothing_args
