"""How much compressed bytes may become.

Deflate makes a thousand bytes of one. Text, and Thrift's messages, shrink to a twentieth, rarely to a fiftieth; what
shrinks more is a bomb, or a message so small that it does not matter.
"""

from __future__ import annotations

RATIO = 64
"""Bytes that may come of each compressed one."""

FREE = 128 * 1024
"""Bytes that may come besides: a short message may be one character, many times."""


def most_of(compressed: int) -> int:
    """Return how many bytes may come of so many compressed ones."""
    return FREE + RATIO * compressed
