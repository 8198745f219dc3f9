"""How much clients may ask of the wire layer. Numbers and their reasons; nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def _limit(default: float | None, reason: str) -> Any:
    return field(default=default, metadata={"reason": reason})


@dataclass(frozen=True)
class Limits:
    """The bounds of the wire layer. Each field's `metadata["reason"]` says why its default is what it is."""

    max_message_size: int = _limit(
        4 * 2**20,
        "bytes of one message, after decompression; a hundred times what the longest legal arguments of most calls "
        "take, and small enough that many clients sending their largest still fit into memory",
    )
    max_string_length: int = _limit(
        4 * 2**20,
        "bytes of one string or binary; by default only the message bounds it, since its bytes are counted there",
    )
    max_values: int = _limit(
        16_384,
        "values in one message: fields of structs, elements of lists and sets, keys and values of maps; a value may "
        "take one byte on the wire and a hundred once it is an object, and each costs time, so this bounds what "
        "decoding one message can take to some 2 MiB and 50 ms. A batch of 500 changes has 6,000",
    )
    max_depth: int = _limit(
        32,
        "structs and containers within one another, the arguments included; half of what Thrift's own decoders stop "
        "at, and more than an IDL written by people nests",
    )
    first_message_timeout: float | None = _limit(
        30.0,
        "seconds from the moment a connection is accepted until its first message is whole, a TLS handshake "
        "included; connections that never say anything would keep others out",
    )
    message_timeout: float = _limit(
        30.0,
        "seconds from the first byte of a message to its last, and for a client to take 64 KiB of what waits for it; "
        "4 MiB in 30 s is a line of 1 Mbit/s",
    )
    idle_timeout: float | None = _limit(
        None,
        "seconds without a call before a connection is closed; off, because Thrift clients keep connections in pools "
        "and meet a closed one as an error",
    )
    max_pending: int = _limit(
        128,
        "calls in flight on one connection before it is read no further, and replies that wait for one before them; "
        "twice a batch of the store",
    )
    max_connections: int = _limit(
        10_000,
        "connections at once; an idle one costs 4 KiB, this many 40 MiB. Where the limit of file descriptors leaves "
        "room for fewer, there are fewer",
    )
    max_unsent: int = _limit(
        16 * 2**20,
        "bytes of replies that may wait on one connection, for its client to read them or for a call before them to "
        "end; reading stops much earlier, so only replies to calls already in flight add to that",
    )
    max_buffered: int = _limit(
        64 * 2**20,
        "bytes of messages and replies that all connections together may make the process keep; beyond it the "
        "connection that has most is cut. Two lists of 200,000 tasks",
    )

    def __post_init__(self) -> None:
        """Refuse what cannot work: a bound below one."""
        for name, value in vars(self).items():
            if value is not None and value <= 0:
                raise ValueError(f"{name} has to be greater than zero")
