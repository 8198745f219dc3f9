"""Addresses of gateways."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from twisted_tasks.cli.status import Status, Trouble


def read_address(servers: Sequence[str]) -> str:
    """Return the origin of the one gateway that is named: `https://tasks.example`.

    @raise Trouble: it makes no sense, or a token would travel in the clear.
    """
    if len(servers) != 1:
        raise Trouble("--server: give one https:// address, and no other", Status.USAGE)
    (given,) = servers
    parts = urlsplit(given)
    try:
        is_origin = parts.hostname and (parts.port or True) and parts.path in ("", "/") and not parts.query
    except ValueError:  # a port that is no number
        is_origin = False
    if parts.scheme not in ("http", "https") or not is_origin or parts.username is not None:
        raise Trouble(f"--server: {given!r} is not a gateway's address, such as https://tasks.example", Status.USAGE)
    if parts.scheme == "http" and not _is_here(parts.hostname or ""):
        raise Trouble(
            f"--server: over http anybody on the way could read the token: use https://{parts.netloc}", Status.USAGE
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _is_here(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
