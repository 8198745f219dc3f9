"""The seam for whoever counts, times or traces what goes over the wire."""

from __future__ import annotations

import enum

from zope.interface import Interface, implementer


class Outcome(enum.Enum):
    """How a call ended, as the wire layer sees it."""

    REPLIED = "replied"
    """With the method's result, or with an exception that its IDL declares."""
    REFUSED = "refused"
    """With a TApplicationException: no such method, malformed arguments, a handler that failed."""
    ONEWAY = "oneway"
    """With no reply, as its method asks."""


class IWireObserver(Interface):
    """Told of every connection and call. Its methods run on the hot path: they return at once and do not raise."""

    def connection_opened(dialect: str) -> None:
        """A connection has shown what it speaks."""

    def connection_closed(dialect: str | None, reason: str) -> None:
        """A connection ended; its dialect is None when it never showed one. The reason is a constant phrase."""

    def call_ended(method: str, dialect: str, started: float, ended: float, outcome: Outcome) -> None:
        """A call ended. Times are those of the factory's clock; `ended` is when its reply was known, not written.

        `method` is what the client sent, so for a call that is REFUSED it may be anything.
        """


@implementer(IWireObserver)
class NullObserver:
    """Told of everything, does nothing. The base for an observer that wants some of it."""

    def connection_opened(self, dialect: str) -> None:
        """Do nothing."""

    def connection_closed(self, dialect: str | None, reason: str) -> None:
        """Do nothing."""

    def call_ended(self, method: str, dialect: str, started: float, ended: float, outcome: Outcome) -> None:
        """Do nothing."""
