"""Whether the strings of decoded arguments are what the client sent.

Thrift's decoder in C puts U+FFFD in the place of bytes that are not UTF-8, and says nothing. A string that has this
character may be a client's own, or may be damaged: then the decoder in Python, which is strict, has to tell.
"""

from __future__ import annotations

from typing import Any

from thrift.Thrift import TType

_REPLACED = "\ufffd"


def may_be_damaged(struct: Any, spec: Any) -> bool:
    """Return whether a string within a struct may stand for bytes that were not UTF-8."""
    for field in spec:
        if field is not None:
            value = getattr(struct, field[2])
            if value is not None and _damaged(field[1], field[3], value):
                return True
    return False


def _damaged(kind: int, types: Any, value: Any) -> bool:
    if kind == TType.STRING:
        return isinstance(value, str) and _REPLACED in value
    if kind == TType.STRUCT:
        return may_be_damaged(value, types[1])
    if kind in (TType.LIST, TType.SET):
        return any(_damaged(types[0], types[1], item) for item in value)
    if kind == TType.MAP:
        return any(
            _damaged(types[0], types[1], key) or _damaged(types[2], types[3], item) for key, item in value.items()
        )
    return False
