"""What the text of a setting may be: each function takes the text and gives the value, or raises ValueError.

The error says what is wrong with the text; whoever asked puts the setting's name before it.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable

AUTO = 0
"""As a number of workers: one for each processor this process may use."""


def integer(low: int, high: int) -> Callable[[str], int]:
    """Return what reads a whole number within these bounds."""

    def parse(given: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", given.strip()):
            raise ValueError(f"{given!r} is not a whole number")
        if not low <= int(given) <= high:
            raise ValueError(f"{given} is not within {low} to {high}")
        return int(given)

    return parse


def seconds(low: float, high: float) -> Callable[[str], float]:
    """Return what reads a number of seconds within these bounds."""

    def parse(given: str) -> float:
        try:
            value = float(given)
        except ValueError:
            raise ValueError(f"{given!r} is not a number of seconds") from None
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(f"{given} is not within {low:g} to {high:g} seconds")
        return value

    return parse


def seconds_or_off(given: str) -> float | None:
    """Return a number of seconds, or None for "off"."""
    return None if given == "off" else seconds(0.01, 1e6)(given)


def one_of(*words: str) -> Callable[[str], str]:
    """Return what reads one of these words."""

    def parse(given: str) -> str:
        if given not in words:
            raise ValueError(f"{given!r} is none of {', '.join(words)}")
        return given

    return parse


def text(given: str) -> str:
    """Return any text there is."""
    if not given or "\0" in given:
        raise ValueError("it is empty" if not given else "it holds a NUL character")
    return given


port = integer(0, 65535)
remote_port = integer(1, 65535)


def host(given: str) -> str:
    """Return a name, or an address of either family, without brackets."""
    name = given.strip()
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    if ":" in name:
        try:
            ipaddress.IPv6Address(name.partition("%")[0])
        except ValueError:
            raise ValueError(f"{given!r} is not a host; the port is a setting of its own") from None
    if not re.fullmatch(r"[^\s/@,]+", name):
        raise ValueError(f"{given!r} is not a host")
    return name


def sqlite(given: str) -> str:
    """Return the path of a file."""
    if given == ":memory:":
        raise ValueError("tasks in memory would be gone with each connection; give a file")
    return text(given)


def http(given: str) -> str:
    """Return an endpoint; a bare port is on the loopback address: what it tells is for this machine, by default."""
    if re.fullmatch(r"[+-]?[0-9]+", given.strip()):
        return f"tcp:{port(given)}:interface=127.0.0.1"
    return text(given)


def mongo_uri(given: str) -> str:
    """Return what has a MongoDB URI's scheme; the rest of it is for the store to judge."""
    if not given.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("it does not begin with mongodb:// or mongodb+srv://")  # not quoted: it may hold a password
    return given


def database(given: str) -> str:
    """Return a name MongoDB takes for a database on every platform."""
    if not re.fullmatch(r"[^/\\. \"$*<>:|?\0]{1,63}", given):
        raise ValueError(f"{given!r} is not a name of a MongoDB database")
    return given


def workers(given: str) -> int:
    """Return a number of processes, or AUTO."""
    return AUTO if given == "auto" else integer(1, 256)(given)
