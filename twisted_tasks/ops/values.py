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


def http(given: str) -> str | None:
    """Return a port, or an endpoint that is given as one or as HOST:PORT; None for "off"."""
    if given == "off":
        return None
    return str(port(given)) if is_number(given) else endpoint(given)


def endpoint(given: str) -> str:
    """Return a Twisted server endpoint, which is given as one or as HOST:PORT.

    The host is an address or localhost: of other names nobody could tell `tcp:8080` from a host called tcp.
    """
    name, _, number = text(given).strip().rpartition(":")
    if name == "localhost" or (is_number(number) and _is_address(name)):
        return tcp_endpoint(port(number), "127.0.0.1" if name == "localhost" else name.strip("[]"))
    if _is_address(given) or _is_address(f"[{given}]") or not re.match(r"[A-Za-z][\w-]*:(?!//).", given):
        raise ValueError(
            f"{given!r} is no port, no address with a port (127.0.0.1:8080, [::1]:8080), "
            "and no Twisted server endpoint (tcp:8080, unix:/run/tasks.sock)"
        )
    return given


def _is_address(given: str) -> bool:
    """Return whether this is an address as it stands before a port: one of IPv6 is in brackets."""
    bracketed = re.fullmatch(r"\[(.*)\]", given)
    try:
        address = ipaddress.ip_address(bracketed[1] if bracketed else given)
    except ValueError:
        return False
    return (address.version == 6) == bool(bracketed)


def tcp_endpoint(number: int | str, address: str) -> str:
    """Return the endpoint of a port of an address."""
    # In an endpoint a colon parts the arguments, so those of an IPv6 address are escaped.
    escaped = address.replace(":", r"\:")
    return f"tcp:{number}:interface={escaped}"


def is_number(given: str) -> bool:
    """Return whether this is meant to be a number, such as a bare port."""
    return re.fullmatch(r"[+-]?[0-9]+", given.strip()) is not None


def workers(given: str) -> int:
    """Return a number of processes, or AUTO."""
    return AUTO if given == "auto" else integer(1, 256)(given)
