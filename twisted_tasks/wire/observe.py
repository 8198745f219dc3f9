"""The seam for whoever counts, times or traces what goes over the wire."""

from __future__ import annotations

import enum

from zope.interface import Attribute, Interface, implementer

from twisted_tasks.wire.current import ICall


class CallOutcome(enum.Enum):
    """How a call ended, as the wire layer sees it."""

    RETURNED = "returned"
    """With the method's result."""
    RAISED = "raised"
    """With an exception that the method declares."""
    REFUSED = "refused"
    """With a TApplicationException: no such method, malformed arguments, a handler that failed. A oneway call that was
    refused ends so, too, though its client is not told."""
    ONEWAY = "oneway"
    """With no reply, as its method asks."""


class IConnection(Interface):
    """What an observer may know of a connection."""

    number = Attribute("Which connection of its factory it is, counted from one.")
    dialect = Attribute('What its client speaks, such as "framed binary"; None until that is known.')
    peer = Attribute("Its client's address, for people to read.")


class IWireObserver(Interface):
    """Told of every connection and call. Its methods run on the hot path: they return at once and do not raise."""

    def connection_opened(connection: IConnection) -> None:
        """Called when a client has shown what it speaks."""

    def connection_closed(connection: IConnection, reason: str) -> None:
        """Called when a connection has ended, for a reason that is one of a few phrases; opened or not."""

    def call_ended(connection: IConnection, call: ICall, ended: float, outcome: CallOutcome) -> None:
        """Called when a call has ended, with the time, by the factory's clock, when its reply was known, not sent.

        `call.method` is what the client sent: for a call that was REFUSED it may be anything.
        """


@implementer(IWireObserver)
class NullObserver:
    """Told of everything, does nothing: the base for an observer that wants some of it."""

    def connection_opened(self, connection: IConnection) -> None:
        """Do nothing."""

    def connection_closed(self, connection: IConnection, reason: str) -> None:
        """Do nothing."""

    def call_ended(self, connection: IConnection, call: ICall, ended: float, outcome: CallOutcome) -> None:
        """Do nothing."""
