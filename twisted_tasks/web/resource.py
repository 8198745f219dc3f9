"""Serves the page over twisted.web: `/`, `/sw.js`, `/assets/NAME.HASH.EXT` and the few files beside them.

Whoever mounts it puts its own children (`api`, `.well-known`) on it and the security headers on every answer, `CSP`
among them. Any path that is not a file of the page is 404, never the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from twisted.web.pages import notFound
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request

from twisted_tasks.web.files import STATIC, File, PageMissing, Variant, read

TRUSTED_TYPES = "tasks"
"""The one Trusted Types policy the page makes, for the address of its service worker."""

CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",  # forms are sent by the page's own requests
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        f"trusted-types {TRUSTED_TYPES}",
    )
)
"""Content-Security-Policy of the page: no inline script or style, nothing from elsewhere."""


class WebPage(Resource):
    """The root: answers `/` itself, and knows the other files by their whole paths.

    @param folder: what Vite built.
    """

    def __init__(self, folder: Path = STATIC) -> None:
        super().__init__()
        self._files: Mapping[str, File] = {}
        self.missing = ""
        """Why there is no page to serve, and what to do; empty when there is one."""
        try:
            self._files = read(folder)
        except PageMissing as missing:
            self.missing = str(missing)
            self.putChild(b"", _Missing(self.missing))
        for path, file in self._files.items():
            self._put(path, _Leaf(file))

    @property
    def is_built(self) -> bool:
        """Return whether there is a page to serve; without one `/` says what to do."""
        return bool(self._files)

    def has(self, path: str) -> bool:
        """Return whether there is a file of this path."""
        return path in self._files

    def _put(self, path: str, leaf: Resource) -> None:
        *folders, name = path.encode().split(b"/")[1:]
        parent: Resource = self
        for folder in folders:
            if folder not in parent.children:
                parent.putChild(folder, _Folder())
            parent = parent.children[folder]
        parent.putChild(name, leaf)

    def getChild(self, path: bytes, request: Request) -> IResource:
        """Return 404 for whatever was not put here."""
        return notFound()

    def render(self, request: Request) -> bytes | int:
        """Answer 404: `/` is the child with the empty name."""
        return notFound().render(request)


class _Folder(Resource):
    def getChild(self, path: bytes, request: Request) -> IResource:
        return notFound()

    def render(self, request: Request) -> bytes | int:
        return notFound().render(request)


class _Leaf(Resource):
    """One file, in the encoding the client likes best."""

    isLeaf = False  # a path that goes on below a file is not found

    def __init__(self, file: File) -> None:
        super().__init__()
        self._file = file

    def getChild(self, path: bytes, request: Request) -> IResource:
        return notFound()

    def render_GET(self, request: Request) -> bytes:
        """Answer with the file, or 304. HEAD comes here too; twisted.web sends its head alone."""
        coding, variant = choose(self._file, _header(request, b"accept-encoding"))
        request.setHeader("cache-control", self._file.cache_control)
        request.setHeader("etag", variant.etag)
        request.setHeader("vary", "Accept-Encoding")
        if matches(_header(request, b"if-none-match"), variant.etag):
            request.setResponseCode(304)
            return b""
        request.setHeader("content-type", self._file.media_type)
        request.setHeader("content-length", str(len(variant.data)))
        if coding != "identity":
            request.setHeader("content-encoding", coding)
        return variant.data


class _Missing(Resource):
    """Says at `/` that there is no page, and what to do."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._body = f"{text}\n".encode()

    def render_GET(self, request: Request) -> bytes:
        request.setResponseCode(404)
        request.setHeader("content-type", "text/plain; charset=utf-8")
        request.setHeader("cache-control", "no-store")
        return self._body


def choose(file: File, accept_encoding: str) -> tuple[str, Variant]:
    """Return the coding and the variant for an Accept-Encoding, by RFC 9110, 12.5.3.

    Of codings liked equally the smallest is taken; identity when none of ours is accepted.
    """
    weights = _weights(accept_encoding)

    def weight(coding: str) -> float:
        return weights.get(coding, weights.get("*", 0.0))

    codings = [coding for coding in file.variants if coding != "identity" and weight(coding) > 0]
    # Where identity is named and liked better, it wins; not named, it is what is left.
    codings = [coding for coding in codings if weight(coding) >= weights.get("identity", 0.0)]
    best = min(codings, key=lambda coding: (-weight(coding), len(file.variants[coding].data)), default="identity")
    return best, file.variants[best]


def matches(if_none_match: str, etag: str) -> bool:
    """Return whether an If-None-Match names the entity tag, compared weakly, by RFC 9110, 13.1.2."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags


def _header(request: Request, name: bytes) -> str:
    """Return a header whose value may come in several lines, as one; "" when there is none."""
    values = request.requestHeaders.getRawHeaders(name, [])
    return ",".join(value.decode("latin-1") for value in values)


def _weights(accept_encoding: str) -> dict[str, float]:
    weights = {}
    for item in accept_encoding.lower().split(","):
        coding, _, parameter = item.strip().partition(";")
        quality = parameter.strip().removeprefix("q=") if parameter.strip() else "1"
        try:
            weights[coding.strip()] = float(quality)
        except ValueError:
            weights[coding.strip()] = 0.0  # a weight that is none: as good as not accepted
    return weights
