"""Calls to the processor, and what comes of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from thrift.Thrift import TApplicationException, TMessageType, TType
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Attribute

from twisted_tasks.wire.current import CurrentCall
from twisted_tasks.wire.observe import CallOutcome, IConnection, IWireObserver
from twisted_tasks.wire.protocols.exchange import Exchange, NotText
from twisted_tasks.wire.transports.messages import Call

_log = Logger()

_CALL, _ONEWAY = TMessageType.CALL, TMessageType.ONEWAY
_REPLY, _EXCEPTION = TMessageType.REPLY, TMessageType.EXCEPTION
# Of an Enum's members only those of a module are found as quickly as a call needs them.
_RETURNED, _RAISED = CallOutcome.RETURNED, CallOutcome.RAISED


_WHY_MAX = 500
"""Characters of why a call is refused: some errors repeat the whole value they are about."""


class ICaller(IConnection):
    """Where a call comes from."""

    arrived = Attribute("When the last bytes came, by the factory's clock: none of a call that is begun came later.")
    gone = Attribute("Whether a reply would reach nobody.")

    def grew(call: Call, size: int) -> None:
        """Called when so many bytes more were written of a reply that is written in parts."""

    def ended(call: Call, pieces: list[bytes]) -> None:
        """Called when a call has ended, with a reply that is made of these pieces, or none of them."""


class Dispatcher:
    """Hands calls to the processors of one factory, and sees to it that each of them ends.

    @param processor: for calls that name no service.
    @param services: for calls that do (TMultiplexedProtocol), by its name.
    @param clock: for the times an observer is told, and for the turns of long replies.
    @param observer: told of every call that has ended; None costs nothing.
    @param current: told which call is being begun.
    @param not_text: see `ThriftServerFactory`.

    @ivar in_flight: how many calls have begun and not ended.
    """

    def __init__(
        self,
        processor: Any,
        services: Mapping[str, Any],
        clock: IReactorTime,
        observer: IWireObserver | None,
        current: CurrentCall,
        not_text: Callable[[str], Exception] | None = None,
    ) -> None:
        self._processor = processor
        self._services = services
        self._clock = clock
        self._observe = None if observer is None else observer.call_ended
        self._current = current
        self._not_text = not_text
        self._begun = 0
        self.in_flight = 0

    def begin(self, call: Call, caller: ICaller) -> None:
        """Begin a call. Its caller is told when it has ended, which may be before this returns."""
        self.in_flight += 1
        self._begun += 1
        call.number = self._begun
        call.caller = caller
        call.arrived = caller.arrived
        self._current.call = call
        head = call.head
        processor = self._processor
        if ":" in head.name:
            service, _, name = head.name.partition(":")
            processor = self._services.get(service)
            call.head = head = head._replace(name=name)
        if call.error is not None:
            self._refuse(call, *call.error)
        elif head.type != _CALL and head.type != _ONEWAY:
            why = f"message type {head.type} is no call"
            self._refuse(call, TApplicationException.INVALID_MESSAGE_TYPE, why)
        elif processor is None:
            why = f"there is no service {service!r} here"
            self._refuse(call, TApplicationException.UNKNOWN_METHOD, why)
        else:
            self._process(call, processor)

    def _process(self, call: Call, processor: Any) -> None:
        call.exchange = exchange = call.codec.open(call.data, call.head)
        if call.headers is not None:
            exchange.headers = call.headers
        try:
            done = processor.process(exchange, exchange)
        except NotText as error:
            # The processor reads the arguments before it calls the handler, whose errors come in the Deferred.
            self._tell_not_text(call, processor, str(error))
        except Exception as error:
            why = f"malformed arguments: {error or type(error).__name__}"
            self._refuse(call, TApplicationException.PROTOCOL_ERROR, why)
        else:
            done.addCallbacks(self._succeed, self._fail, (call,), None, (call,))

    def _succeed(self, _: object, call: Call) -> None:
        """Called when the processor has written a reply, or the first part of one, or has ended a oneway call."""
        exchange = call.exchange
        assert exchange is not None
        if exchange.rest is None:
            self._end(call, exchange)
        else:
            self._write_on(call)

    def _write_on(self, call: Call) -> None:
        """Write another part of a long reply, and go on after others had their turn."""
        exchange = call.exchange
        assert exchange is not None
        assert exchange.rest is not None
        try:
            part = None if call.caller.gone else next(exchange.rest, None)
        except Exception:
            self._fail(Failure(), call)
            return
        if part is None:
            self._end(call, exchange)
            return
        exchange.trans.write(part)
        call.caller.grew(call, len(part))
        self._clock.callLater(0, self._write_on, call)

    def _fail(self, failure: Failure, call: Call) -> None:
        """Called when a reply could not be written: what its handler raises, the processor answers by itself."""
        _log.failure(
            "a reply to {method} could not be written, trace {trace}", failure, method=call.method, trace=call.trace
        )
        self._refuse(call, TApplicationException.INTERNAL_ERROR, "Internal error")

    def _tell_not_text(self, call: Call, processor: Any, why: str) -> None:
        """End a call that has a string which is not Unicode."""
        error = None if self._not_text is None else self._not_text(why)
        result = None if error is None else result_with(processor, call.head.name, error)
        if result is None:
            self._refuse(call, TApplicationException.PROTOCOL_ERROR, why)
            return
        exchange = call.codec.open(b"", call.head)
        exchange.writeMessageBegin(call.head.name, _REPLY, call.head.seqid)
        result.write(exchange)
        exchange.writeMessageEnd()
        self._end(call, exchange)

    def _refuse(self, call: Call, kind: int, why: str) -> None:
        """End a call with a TApplicationException."""
        exchange = call.codec.open(b"", call.head)
        exchange.writeMessageBegin(call.head.name, _EXCEPTION, call.head.seqid)
        TApplicationException(kind, why[:_WHY_MAX]).write(exchange)
        exchange.writeMessageEnd()
        self._end(call, exchange)

    def _end(self, call: Call, exchange: Exchange) -> None:
        self.in_flight -= 1
        call.exchange = None
        call.data = b""
        if self._observe is not None:
            self._observe(call.caller, call, self._clock.seconds(), _outcome(exchange))
        call.caller.ended(call, exchange.trans.pieces)


def _outcome(exchange: Exchange) -> CallOutcome:
    if exchange.wrote == _REPLY:
        return _RAISED if exchange.raised() else _RETURNED
    return CallOutcome.REFUSED if exchange.wrote == _EXCEPTION else CallOutcome.ONEWAY


def result_with(processor: Any, method: str, error: Exception) -> Any:
    """Return the result of a method that carries an exception, as generated code has it; None if it declares none."""
    for kind in type(processor).__mro__:
        result: Any = getattr(sys.modules[kind.__module__], f"{method}_result", None)
        for field in getattr(result, "thrift_spec", None) or ():
            if field and field[0] and field[1] == TType.STRUCT and field[3][0] is type(error):
                return result(**{field[2]: error})
    return None
