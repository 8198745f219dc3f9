"""What the wire layer needs of each protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from twisted_tasks.wire.dialect import Protocol
from twisted_tasks.wire.protocols.exchange import Exchange
from twisted_tasks.wire.protocols.head import Data, MessageHead
from twisted_tasks.wire.protocols.walking import WalkState


class Codec(NamedTuple):
    """The functions of one protocol. They are pure."""

    protocol: Protocol
    head: Callable[[Data, int], MessageHead | None]
    """Return the head of the message that begins at this position, or None when bytes are missing. Raises Malformed."""
    walk: Callable[[Data, int, WalkState], int]
    """Walk through the arguments from this position, as far as the data and the turn go; return the position reached.

    It is first called with the position after the head and a fresh state. As long as the state has something on its
    stack it is called again with the position it returned (which may lie behind the end of the data), once there are
    more bytes or another turn has begun. When the stack is empty the message ends at the position returned. It raises
    Malformed when no further byte can make it a message within the limits. It never looks at a byte twice.
    """
    open: Callable[[bytes, MessageHead], Exchange]
    """Return Thrift's protocol over a whole message and its reply."""
    steps: int = 1
    """How many steps of a walk a value counts as."""
