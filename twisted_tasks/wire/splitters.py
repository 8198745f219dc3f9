"""The first bytes of a connection in, the splitter for it out. Pure."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from twisted_tasks.wire.binary import BINARY, OLD_BINARY
from twisted_tasks.wire.compact import COMPACT
from twisted_tasks.wire.deflate import Zlib
from twisted_tasks.wire.dialect import Dialect, Transport, UnknownDialect, detect
from twisted_tasks.wire.header import Headers
from twisted_tasks.wire.http1 import Http
from twisted_tasks.wire.jsons import JSON
from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.messages import Framed, Unframed
from twisted_tasks.wire.thriftpy2_json import THRIFTPY2_JSON

CODECS = {codec.protocol: codec for codec in (BINARY, OLD_BINARY, COMPACT, JSON, THRIFTPY2_JSON)}


class Recognised(NamedTuple):
    """What a connection speaks, and what takes it from there."""

    dialect: Dialect
    splitter: Any
    """An ISplitter; it has not been fed yet."""


def recognise(start: bytes, limits: Limits) -> Recognised | None:
    """Return what a connection that begins with these bytes speaks, or None when more of them are needed.

    Raise UnknownDialect when it is nothing of ours.
    """
    dialect = detect(start)
    return None if dialect is None else Recognised(dialect, _splitter_for(dialect, limits))


def _splitter_for(dialect: Dialect, limits: Limits) -> Any:
    transport, protocol = dialect
    if transport is Transport.HTTP:
        return Http(CODECS, limits)
    if transport in (Transport.ZLIB, Transport.FRAMED_ZLIB):
        return Zlib(partial(_recognise_inside, limits=limits), transport is Transport.FRAMED_ZLIB, limits)
    if transport is Transport.HEADER:
        return Headers(limits)
    assert protocol is not None, "the bytes that tell such a transport tell the protocol"
    make = Framed if transport is Transport.FRAMED else Unframed
    return make(CODECS[protocol], limits)


def _recognise_inside(start: bytes, limits: Limits) -> Any:
    """Return the splitter for what is inside a zlib stream, or None. One stream within another is not for us."""
    dialect = detect(start)
    if dialect is None:
        return None
    if dialect.transport not in (Transport.FRAMED, Transport.UNFRAMED, Transport.HEADER):
        raise UnknownDialect(f"{dialect} within zlib")
    return _splitter_for(dialect, limits)
