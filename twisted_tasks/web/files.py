"""The built page in memory: each file with its type, its validators and its compressed variants.

The whole page is some 200 KB, so it is read once, at start. Vite's manifest says which assets belong to it: a build
that was copied by half is found then, and not by the first person who opens the page.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static"
"""Where the build step of setup.py has Vite put the page."""

MANIFEST = "assets.json"
"""What Vite says it built."""

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""Content codings made at build time, the best first, and the ends of their files' names."""

YEAR = "public, max-age=31536000, immutable"
ASK = "no-cache"


class PageMissing(Exception):
    """The page was not built, or only half of it is there; the text says what to do."""


@dataclass(frozen=True)
class Variant:
    """One encoding of a file: its bytes and its strong entity tag, quotes included."""

    data: bytes
    etag: str


@dataclass(frozen=True)
class File:
    """A file of the page.

    @ivar variants: by content coding; "identity" is always there.
    """

    media_type: str
    cache_control: str
    variants: dict[str, Variant]


def read(folder: Path = STATIC) -> dict[str, File]:
    """Return the page's files by their paths (`/`, `/sw.js`, `/assets/...`).

    Raise PageMissing when something that belongs to it is not there.
    """
    try:
        return {path: _file(source, path) for path, source in _sources(folder)}
    except OSError as error:
        raise PageMissing(
            f"the web page is not built ({error.filename} is missing): install with npm within reach, without "
            "TASKS_BUILD_WEB=off, or run `python setup.py build_web`"
        ) from error


def _sources(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield each path of the page with the file it is read from."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    yield "/", folder / "index.html"
    for entry in manifest.values():
        for name in (entry["file"], *entry.get("css", ()), *entry.get("assets", ())):
            if name.startswith("assets/"):
                yield f"/{name}", folder / name
    for source in sorted(folder.iterdir()):  # sw.js, the web app's manifest, icons
        if source.is_file() and source.suffix in TYPES and source.name != "index.html":
            yield f"/{source.name}", source


def _file(source: Path, path: str) -> File:
    variants = {"identity": _variant(source, "")}
    for coding, end in ENCODINGS.items():
        compressed = source.with_name(source.name + end)
        if compressed.exists():
            variants[coding] = _variant(compressed, f"-{coding}")
    return File(
        media_type=TYPES[source.suffix],
        # Assets have hashes in their names. Everything else keeps its name and has to be asked for again.
        cache_control=YEAR if path.startswith("/assets/") else ASK,
        variants=variants,
    )


def _variant(source: Path, suffix: str) -> Variant:
    data = source.read_bytes()
    return Variant(data, f'"{hashlib.sha256(data).hexdigest()[:20]}{suffix}"')
