"""The first bytes of a connection in, the splitter for it out. Pure."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from twisted_tasks.wire.dialect import Dialect, Transport, UnknownDialect, detect
from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.protocols.binary import BINARY, OLD_BINARY
from twisted_tasks.wire.protocols.compact import COMPACT
from twisted_tasks.wire.protocols.json import JSON
from twisted_tasks.wire.protocols.thriftpy2 import THRIFTPY2_JSON
from twisted_tasks.wire.transports.around import AroundFrames
from twisted_tasks.wire.transports.header import InHeaderFrames
from twisted_tasks.wire.transports.http import Http
from twisted_tasks.wire.transports.messages import ISplitter
from twisted_tasks.wire.transports.plain import Framed, Unframed
from twisted_tasks.wire.transports.zlib import Zlib

CODECS = {codec.protocol: codec for codec in (BINARY, OLD_BINARY, COMPACT, JSON, THRIFTPY2_JSON)}


class Recognised(NamedTuple):
    """What a connection speaks, and what takes it from there."""

    dialect: Dialect
    splitter: ISplitter
    """It has not been fed yet."""


def recognise(start: bytes, limits: Limits) -> Recognised | None:
    """Return what a connection that begins with these bytes speaks, or None when more of them are needed.

    Raise UnknownDialect when it is nothing of ours.
    """
    dialect = detect(start)
    return None if dialect is None else Recognised(dialect, _splitter_for(dialect, limits))


def _splitter_for(dialect: Dialect, limits: Limits) -> ISplitter:
    transport, protocol = dialect
    if transport is Transport.HTTP:
        return Http(CODECS, limits)
    if transport is Transport.ZLIB:
        return Zlib(partial(_recognise_inside, limits=limits))
    if transport is Transport.FRAMED_ZLIB:
        return AroundFrames(Zlib(partial(_recognise_inside, limits=limits)), limits)
    if transport is Transport.HEADER:
        return InHeaderFrames(limits)
    if transport is Transport.FRAMED_HEADER:
        return AroundFrames(InHeaderFrames(limits), limits)
    assert protocol is not None, "the bytes that tell such a transport tell the protocol"
    make = Framed if transport is Transport.FRAMED else Unframed
    return make(CODECS[protocol], limits)


def _recognise_inside(start: bytes, limits: Limits) -> ISplitter | None:
    """Return the splitter for what is inside a zlib stream, or None. One compression within another is not for us."""
    dialect = detect(start)
    if dialect is None:
        return None
    if dialect.transport is Transport.HEADER:
        return InHeaderFrames(limits, compressed=True)
    if dialect.transport is Transport.FRAMED_HEADER:
        return AroundFrames(InHeaderFrames(limits, compressed=True), limits)
    if dialect.transport in (Transport.FRAMED, Transport.UNFRAMED):
        return _splitter_for(dialect, limits)
    raise UnknownDialect(f"{dialect} within zlib")
