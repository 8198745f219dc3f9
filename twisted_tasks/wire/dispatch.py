"""Calls to the processor, and what comes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thrift.Thrift import TApplicationException, TMessageType
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Attribute

from twisted_tasks.wire.messages import Call
from twisted_tasks.wire.observe import IConnection, IWireObserver, Outcome

_log = Logger()

_CALL, _ONEWAY = TMessageType.CALL, TMessageType.ONEWAY
_REPLY, _EXCEPTION = TMessageType.REPLY, TMessageType.EXCEPTION
# Of an Enum's members only those of a module are found as quickly as a call needs them.
_RETURNED, _RAISED = Outcome.RETURNED, Outcome.RAISED


_WHY_MAX = 500
"""Characters of why a call is refused: some errors repeat the whole value they are about."""


class ICaller(IConnection):
    """Where a call comes from."""

    arrived = Attribute("When the last bytes came, by the factory's clock: none of a call that is begun came later.")

    def ended(call: Call, pieces: list[bytes]) -> None:
        """A call has ended, with a reply that is made of these pieces, or none of them."""


class Dispatcher:
    """Hands calls to the processors of one factory, and sees to it that each of them ends.

    @param processor: for calls that name no service.
    @param services: for calls that do (TMultiplexedProtocol), by its name.
    @param clock: for the times an observer is told.
    @param observer: told of every call that has ended; None costs nothing.
    @ivar in_flight: how many calls have begun and not ended.
    @ivar arrived: when the call that was begun last arrived.
    """

    def __init__(
        self, processor: Any, services: Mapping[str, Any], clock: IReactorTime, observer: IWireObserver | None
    ) -> None:
        self._processor = processor
        self._services = services
        self._seconds = clock.seconds
        self._observe = None if observer is None else observer.call_ended
        self.in_flight = 0
        self.arrived = 0.0

    def begin(self, call: Call, caller: ICaller) -> None:
        """Begin a call. Its caller is told when it has ended, which may be before this returns."""
        self.in_flight += 1
        self.arrived = call.arrived = caller.arrived
        head = call.head
        processor = self._processor
        if ":" in head.name:
            service, _, name = head.name.partition(":")
            processor = self._services.get(service)
            call.head = head = head._replace(name=name)
        if call.error is not None:
            self._refuse(call, caller, *call.error)
        elif head.type != _CALL and head.type != _ONEWAY:
            why = f"message type {head.type} is no call"
            self._refuse(call, caller, TApplicationException.INVALID_MESSAGE_TYPE, why)
        elif processor is None:
            why = f"there is no service {service!r} here"
            self._refuse(call, caller, TApplicationException.UNKNOWN_METHOD, why)
        else:
            self._process(call, caller, processor)

    def _process(self, call: Call, caller: ICaller, processor: Any) -> None:
        call.protocol = protocol = call.codec.call(call.data, call.head)
        if call.context is not None:
            protocol.headers = call.context
        try:
            done = processor.process(protocol, protocol)
        except Exception as error:
            # The processor reads the arguments before it calls the handler, whose errors come in the Deferred.
            why = f"malformed arguments: {error or type(error).__name__}"
            self._refuse(call, caller, TApplicationException.PROTOCOL_ERROR, why)
        else:
            done.addCallbacks(self._succeed, self._fail, (call, caller), None, (call, caller))

    def _succeed(self, _: object, call: Call, caller: ICaller) -> None:
        """Know that the processor has written a reply, or has ended a oneway call."""
        self._end(call, caller, call.protocol)

    def _fail(self, failure: Failure, call: Call, caller: ICaller) -> None:
        """Know that it could not: what its handler raises, the processor answers by itself."""
        _log.failure("a reply to {method} could not be written", failure, method=call.head.name)
        self._refuse(call, caller, TApplicationException.INTERNAL_ERROR, "Internal error")

    def _refuse(self, call: Call, caller: ICaller, kind: int, why: str) -> None:
        """End a call with a TApplicationException."""
        protocol = call.codec.call(b"", call.head)
        protocol.writeMessageBegin(call.head.name, _EXCEPTION, call.head.seqid)
        TApplicationException(kind, why[:_WHY_MAX]).write(protocol)
        protocol.writeMessageEnd()
        self._end(call, caller, protocol)

    def _end(self, call: Call, caller: ICaller, protocol: Any) -> None:
        self.in_flight -= 1
        call.protocol = None
        call.data = b""
        if self._observe is not None:
            ended = self._seconds()
            if protocol.wrote == _REPLY:
                outcome = _RAISED if protocol.raised() else _RETURNED
            else:
                refused = protocol.wrote == _EXCEPTION and call.head.type != _ONEWAY
                outcome = Outcome.REFUSED if refused else Outcome.ONEWAY
            self._observe(caller, call.head.name, call.arrived, ended, outcome)
        caller.ended(call, protocol.trans.pieces)
