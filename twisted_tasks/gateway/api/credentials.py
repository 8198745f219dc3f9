"""Who sends a request, and whether a page of another site made a browser send it."""

from __future__ import annotations

import re

from twisted_tasks.gateway.api.problems import CROSS_SITE, TWO_CREDENTIALS, UNAUTHENTICATED, Problem
from twisted_tasks.ops.requests.request import Request

COOKIE = "__Host-tasks"
"""The session's cookie. Browsers take one of this name from a secure page alone, for this host and the path / alone."""

_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"
_BEARER = re.compile(rb"Bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
_SAME = (b"same-origin", b"none")

CHALLENGE = (b"WWW-Authenticate", b"Bearer")
_INVALID = (b"WWW-Authenticate", b'Bearer error="invalid_token"')

SetCookie = tuple[bytes, bytes]


def set_cookie(secret: str, seconds: float) -> SetCookie:
    """Return the field that gives a browser a session, for at most so many seconds."""
    return b"Set-Cookie", f"{COOKIE}={secret}; Max-Age={int(seconds)}; {_ATTRIBUTES}".encode()


CLEAR_COOKIE: SetCookie = (b"Set-Cookie", f"{COOKIE}=; Max-Age=0; {_ATTRIBUTES}".encode())


def read_cookie(request: Request) -> str | None:
    """Return the session's secret, or None. Raises Problem when there are two different ones."""
    value = request.field(b"cookie")
    if value is None or COOKIE.encode() not in value:
        return None
    found = set()
    for pair in value.decode("latin-1").split(";"):
        name, _, secret = pair.strip().partition("=")
        if name == COOKIE:
            found.add(secret.strip('"'))
    if len(found) > 1:
        raise Problem(TWO_CREDENTIALS, "there are two sessions in this request")
    return found.pop() if found else None


def read_token(request: Request) -> str | None:
    """Return the bearer token, or None. Raises Problem for credentials of another kind."""
    value = request.field(b"authorization")
    if value is None:
        return None
    match = _BEARER.fullmatch(value)
    if match is None:
        raise Problem(UNAUTHENTICATED, "Authorization is Bearer and a token", fields=[_INVALID])
    return match[1].decode()


def unauthenticated(with_token: bool) -> Problem:
    """Return why nobody is known by what was shown."""
    if with_token:
        return Problem(UNAUTHENTICATED, "this token is not valid, or not any more", fields=[_INVALID])
    return Problem(UNAUTHENTICATED, fields=[CHALLENGE])


def check_origin(request: Request, has_cookie: bool, origin: bytes) -> None:
    """Raise Problem if a page of another site may have made a browser send this request, which changes something.

    Browsers say where a request comes from with Sec-Fetch-Site; one that is too old to, with Origin.

    @param origin: that of our own pages.
    """
    site = request.field(b"sec-fetch-site")
    if site is not None:
        if site.lower() not in _SAME:
            raise Problem(CROSS_SITE)
    elif has_cookie and (request.field(b"origin") or b"").lower() != origin.lower():
        raise Problem(CROSS_SITE, f"with a session's cookie, Origin has to be {origin.decode('latin-1')}")
