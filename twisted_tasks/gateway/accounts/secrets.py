"""Secrets that sessions, tokens and links are known by.

A secret is 256 random bits. Only its SHA-256 is kept, so that whoever reads the database can use none of them. The id
of what a secret stands for comes from the secret, too: it finds the record by its primary key, and tells nothing of the
secret.
"""

from __future__ import annotations

import hashlib
import hmac
from secrets import token_urlsafe
from typing import Protocol

_BYTES = 32
_LONGEST = 128
"""Characters. Whatever is longer is no secret of ours, and not worth hashing."""


class HasDigest(Protocol):
    """A record that is known by a secret."""

    @property
    def digest(self) -> str: ...


def new_secret(prefix: str = "") -> str:
    """Return a secret: text that goes into a cookie, a header or a URL as it is."""
    return prefix + token_urlsafe(_BYTES)


def digest(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def id_of(secret: str) -> str:
    """Return the id, 24 hexadecimal digits, of what a secret stands for."""
    return hashlib.sha256(b"id\0" + secret.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def plausible(secret: str, prefix: str = "") -> bool:
    """Return whether a text can be a secret at all."""
    return secret.startswith(prefix) and len(secret) <= _LONGEST


def matches(record: HasDigest, secret: str) -> bool:
    """Return whether a record is the secret's, in a time that does not depend on how much of it is right."""
    return hmac.compare_digest(record.digest, digest(secret))
