"""The fields of every answer: what browsers may do with it."""

from __future__ import annotations

from twisted_tasks.gateway.api.answers import Fields

API_CSP = "; ".join(
    (
        "default-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
"""Content-Security-Policy of what is no page."""

_PERMISSIONS = ("camera", "display-capture", "geolocation", "microphone", "payment", "publickey-credentials-get", "usb")

_COMMON: Fields = (
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Referrer-Policy", b"no-referrer"),
    (b"Cross-Origin-Opener-Policy", b"same-origin"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
    (b"Permissions-Policy", ", ".join(f"{name}=()" for name in _PERMISSIONS).encode()),
)

_HSTS = (b"Strict-Transport-Security", b"max-age=31536000; includeSubDomains")


def security(csp: str, over_tls: bool) -> Fields:
    """Return the fields that keep browsers from doing with an answer what it is not for.

    @param over_tls: whether the client came over TLS, to us or to a proxy that is trusted.
    """
    fields = [(b"Content-Security-Policy", csp.encode()), *_COMMON]
    return (*fields, _HSTS) if over_tls else tuple(fields)
