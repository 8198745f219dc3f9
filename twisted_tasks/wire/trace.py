"""W3C Trace Context: the header that says to which trace a call belongs.

    traceparent        <2 hex: version>-<32 hex: trace-id>-<16 hex: parent-id>-<2 hex: flags>

Source: https://www.w3.org/TR/trace-context/, section 3.2. A later version may add to the end of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

NAME = b"traceparent"

_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_LENGTH = 55
"""Characters of the header in version 00; in later versions these come first."""


def traceparent_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the traceparent among these headers; None when there is none, or one that is not well-formed."""
    for name, value in headers:
        if name.lower() == NAME:
            return read(value)
    return None


def read(value: bytes) -> str | None:
    """Return a traceparent as text, or None when it is not well-formed."""
    if _TRACEPARENT.fullmatch(value) is None or (value.startswith(b"00") and len(value) != _LENGTH):
        return None
    return value[:_LENGTH].decode()


def trace_id(traceparent: str) -> str:
    """Return the trace-id of a traceparent."""
    return traceparent[3:35]
