"""Values of Thrift's types as the JSON protocol has them, both ways, led by what generated code says of each struct.

A `thrift_spec` is a tuple with, at the place of each field's number, None or (number, type, name, types within,
default). "Types within" is for a list or set (type, types within, frozen), for a map the same for keys and for values,
for a struct [class, its thrift_spec], and for a string "UTF8" or "BINARY".
"""

from __future__ import annotations

import base64
import math
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from thrift.Thrift import TFrozenDict, TType

from twisted_tasks.wire.protocols.exchange import NotText
from twisted_tasks.wire.protocols.head import Malformed

_NAMES = {
    TType.BOOL: "tf",
    TType.BYTE: "i8",
    TType.I16: "i16",
    TType.I32: "i32",
    TType.I64: "i64",
    TType.DOUBLE: "dbl",
    TType.STRING: "str",
    TType.STRUCT: "rec",
    TType.LIST: "lst",
    TType.SET: "set",
    TType.MAP: "map",
    TType.UUID: "uid",
}
_BITS = {TType.BYTE: 8, TType.I16: 16, TType.I32: 32, TType.I64: 64}
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

Spec = tuple[Any, ...]


def read_fields(spec: Spec, fields: Any) -> dict[str, Any]:
    """Return the fields of a struct by name. Those that the spec does not have, or has with another type, are left out.

    Raise Malformed, or what Python raises of values that are not what they are said to be.
    """
    values = {}
    for number, entry in fields.items():
        index = int(number)
        field = spec[index] if 0 <= index < len(spec) else None
        ((kind, value),) = entry.items()
        if field is not None and _NAMES[field[1]] == kind:
            values[field[2]] = read_value(field[1], field[3], value)
    return values


def read_value(kind: int, types: Any, value: Any) -> Any:
    """Return a value of this type, or raise Malformed."""
    reader = _READERS.get(kind)
    if reader is None:
        raise Malformed(f"there is no type {kind} in the JSON protocol")
    return reader(kind, types, value)


def _read_bool(kind: int, types: Any, value: Any) -> bool:
    return bool(_read_integer(TType.BYTE, None, value))


def _read_integer(kind: int, types: Any, value: Any) -> int:
    number = int(value) if isinstance(value, (int, str)) else None
    limit = 1 << _BITS[kind] - 1
    if number is None or not -limit <= number < limit:
        raise Malformed(f"a number that is no {_NAMES[kind]}")
    return number


def _read_double(kind: int, types: Any, value: Any) -> float:
    if isinstance(value, str):
        return _NOT_FINITE[value] if value in _NOT_FINITE else float(value)
    if not isinstance(value, (int, float)):
        raise Malformed("a number that is no dbl")
    return float(value)


def _read_string(kind: int, types: Any, value: Any) -> str | bytes:
    if not isinstance(value, str):
        raise Malformed("a string without quotes")
    if types == "BINARY":
        # C++ leaves the padding out.
        return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    if not value.isascii():
        # Half of a surrogate pair is no character: refused here, not when somebody wants to write it.
        try:
            value.encode()
        except UnicodeEncodeError:
            raise NotText("a text with half of a surrogate pair") from None
    return value


def _read_struct(kind: int, types: Any, value: Any) -> Any:
    return types[0](**read_fields(types[1], value))


def _read_sequence(kind: int, types: Any, value: Any) -> Any:
    element, within, frozen = types
    name, count, *values = value
    if count != len(values):
        raise Malformed(f"a container of {len(values)} elements that says it has {count}")
    if count and name != _NAMES[element]:
        raise Malformed(f"a container of {name!r} where one of {_NAMES[element]} is expected")
    make: Callable[..., Any] = (tuple if frozen else list) if kind == TType.LIST else (frozenset if frozen else set)
    return make(read_value(element, within, value) for value in values)


def _read_map(kind: int, types: Any, value: Any) -> Any:
    key_type, key_within, value_type, value_within, frozen = types
    key_name, value_name, count, pairs = value
    if count != len(pairs):
        raise Malformed(f"a map of {len(pairs)} pairs that says it has {count}")
    if count and (key_name, value_name) != (_NAMES[key_type], _NAMES[value_type]):
        raise Malformed(f"a map from {key_name!r} to {value_name!r} where others are expected")
    make = TFrozenDict if frozen else dict
    return make(
        (read_value(key_type, key_within, key), read_value(value_type, value_within, value))
        for key, value in pairs.items()
    )


_READERS: Mapping[int, Callable[[int, Any, Any], Any]] = {
    TType.BOOL: _read_bool,
    TType.BYTE: _read_integer,
    TType.I16: _read_integer,
    TType.I32: _read_integer,
    TType.I64: _read_integer,
    TType.DOUBLE: _read_double,
    TType.STRING: _read_string,
    TType.STRUCT: _read_struct,
    TType.LIST: _read_sequence,
    TType.SET: _read_sequence,
    TType.MAP: _read_map,
    TType.UUID: lambda kind, types, value: uuid.UUID(value),
}


def list_name(field: Any) -> str:
    """Return the name of the type of the elements of a field that is a list."""
    return _NAMES[field[3][0]]


def struct_to_json(struct: Any, spec: Spec) -> dict[str, Any]:
    """Return a struct as a dict that Python's `json` writes as the protocol has it. Fields that are None are left out.

    Raise TypeError or ValueError when it holds what its types do not allow.
    """
    fields = {}
    for field in spec:
        if field is not None and (value := getattr(struct, field[2])) is not None:
            fields[str(field[0])] = {_NAMES[field[1]]: value_to_json(field[1], field[3], value)}
    return fields


def value_to_json(kind: int, types: Any, value: Any) -> Any:
    """Return a value as Python's `json` writes it. Raise TypeError or ValueError when it is not of this type."""
    if kind == TType.STRING:
        return _string_to_json(types, value)
    if kind == TType.STRUCT:
        return struct_to_json(value, types[1])
    if kind in (TType.LIST, TType.SET):
        return [_NAMES[types[0]], len(value), *(value_to_json(types[0], types[1], item) for item in value)]
    if kind == TType.MAP:
        pairs = {_key_to_json(types[0], types[1], k): value_to_json(types[2], types[3], v) for k, v in value.items()}
        return [_NAMES[types[0]], _NAMES[types[2]], len(value), pairs]
    if kind == TType.DOUBLE:
        number = float(value)
        return number if math.isfinite(number) else str(number).replace("inf", "Infinity").replace("nan", "NaN")
    if kind == TType.BOOL:
        return 1 if value else 0
    if kind == TType.UUID:
        return str(value)
    return _read_integer(kind, None, value.__index__())


def _key_to_json(kind: int, types: Any, value: Any) -> str:
    """Return the key of a map: JSON has only strings there."""
    if kind in (TType.STRUCT, TType.LIST, TType.SET, TType.MAP):
        raise TypeError("the JSON protocol has no maps with such keys")
    return str(value_to_json(kind, types, value))


def _string_to_json(types: Any, value: Any) -> str:
    if types == "BINARY":
        return base64.b64encode(value).decode()
    if not isinstance(value, str):
        raise TypeError(f"a string is expected, not {type(value).__name__}")
    return value
