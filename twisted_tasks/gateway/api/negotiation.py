"""What a client takes and what it sends: Accept, Accept-Encoding, Content-Type (RFC 9110, sections 8 and 12)."""

from __future__ import annotations

import re

_QUALITY = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)


def _weights(value: bytes) -> dict[str, float]:
    weights = {}
    for item in value.decode("latin-1").lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        quality = next((match for one in parameters if (match := _QUALITY.fullmatch(one))), None)
        weights[name] = float(quality[1]) if quality else 1.0
    return weights


def accepts(accept: bytes | None, media_type: str) -> bool:
    """Return whether an answer of this type will do."""
    if accept is None or accept in (b"*/*", b""):
        return True
    weights = _weights(accept)
    for name in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if name in weights:
            return weights[name] > 0
    return False


def accepts_gzip(accept_encoding: bytes | None) -> bool:
    """Return whether the answer may be compressed."""
    if accept_encoding is None or b"gzip" not in accept_encoding.lower():
        return False
    return _weights(accept_encoding).get("gzip", 0.0) > 0


def is_media_type(content_type: bytes | None, allowed: tuple[str, ...]) -> bool:
    """Return whether a body is of one of these types, in UTF-8."""
    if content_type is None:
        return False
    name, *parameters = (part.strip().lower() for part in content_type.decode("latin-1").split(";"))
    if name not in allowed:
        return False
    return all(
        one.partition("=")[2].strip('"') == "utf-8" for one in parameters if one.partition("=")[0].strip() == "charset"
    )
