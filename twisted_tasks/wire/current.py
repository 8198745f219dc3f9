"""The call that is being begun: what its handler may want to know besides the arguments."""

from __future__ import annotations

from zope.interface import Attribute, Interface


class ICall(Interface):
    """What handlers and observers may know of a call."""

    method = Attribute("The method's name as the client sent it, less the service's. It may be anything.")
    arrived = Attribute("When its last byte came, by the factory's clock.")
    traceparent = Attribute("The W3C traceparent it came with, as text that was checked; None without one.")
    trace = Attribute("What names it in log lines: the trace-id of its traceparent, else an id of its own.")


class CurrentCall:
    """Says which call is being begun.

    One object for a process. The dispatcher sets `call` before it asks the processor, so a handler can read it while
    one of its methods is being called: until that returns, or first waits.
    """

    __slots__ = ("call",)

    def __init__(self) -> None:
        self.call: ICall | None = None

    @property
    def arrived(self) -> float:
        """When the call arrived, by the factory's clock. It may have waited since, for others of its connection."""
        assert self.call is not None, "no call has begun"
        arrived: float = self.call.arrived
        return arrived

    @property
    def traceparent(self) -> str | None:
        """The W3C traceparent of the call, to be handed on as it is; None without one."""
        return None if self.call is None else self.call.traceparent

    @property
    def trace(self) -> str:
        """What names the call in log lines."""
        return "" if self.call is None else self.call.trace
