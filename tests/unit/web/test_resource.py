"""What serves the page: paths, types, encodings, validators."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from twisted.internet.testing import StringTransport
from twisted.web.server import Site

from twisted_tasks.web.files import PageMissing, read
from twisted_tasks.web.resource import CSP, WebPage

SCRIPT = "console.log(1);\n" * 40


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Return a folder as Vite leaves it, with a small page in it."""
    manifest = {
        "index.html": {"file": "assets/page.AbC-_123.js", "css": ["assets/page.9.css"], "isEntry": True},
        "src/sw.ts": {"file": "sw.js", "isEntry": True},
    }
    files = {
        "assets.json": json.dumps(manifest),
        "index.html": "<!doctype html><title>Tasks</title>",
        "sw.js": "self.addEventListener('fetch', () => {});",
        "manifest.webmanifest": "{}",
        "icon.svg": "<svg/>",
        "sources.sha256": "0",
        "assets/page.AbC-_123.js": SCRIPT,
        "assets/page.AbC-_123.js.br": "brotli",
        "assets/page.AbC-_123.js.gz": "gzip, longer",
        "assets/page.9.css": "body{}",
        "assets/stray.js": "not of this build",
    }
    (tmp_path / "assets").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def ask(page: WebPage, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of what twisted.web answers on the wire."""
    site = Site(page)
    channel, transport = site.buildProtocol(None), StringTransport()
    channel.makeConnection(transport)
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *lines])
    channel.dataReceived(f"{head}\r\n\r\n".encode())
    answer, _, body = transport.value().partition(b"\r\n\r\n")
    status, *fields = answer.decode().split("\r\n")
    return int(status.split()[1]), {k.lower(): v for k, v in (field.split(": ", 1) for field in fields)}, body


@pytest.mark.parametrize(
    ("path", "media_type", "cache"),
    [
        ("/", "text/html; charset=utf-8", "no-cache"),
        ("/sw.js", "text/javascript; charset=utf-8", "no-cache"),
        ("/manifest.webmanifest", "application/manifest+json", "no-cache"),
        ("/icon.svg", "image/svg+xml", "no-cache"),
        ("/assets/page.AbC-_123.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/assets/page.9.css", "text/css; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/?lang=en", "text/html; charset=utf-8", "no-cache"),
    ],
)
def test_files_of_the_page(built: Path, path: str, media_type: str, cache: str) -> None:
    """Assets with hashes in their names are immutable for a year; what keeps its name is asked for again."""
    status, headers, body = ask(WebPage(built), path)
    assert (status, headers["content-type"], headers["cache-control"]) == (200, media_type, cache)
    assert int(headers["content-length"]) == len(body) > 0


@pytest.mark.parametrize(
    "path",
    [
        *("/index.html", "/assets.json", "/sources.sha256", "/assets", "/assets/", "/assets/stray.js"),
        *("/assets/page.AbC-_123.js.br", "/assets/page.AbC-_123.js/", "/assets/nothing.js", "/tasks", "/sw.js/x"),
        *("//", "/../setup.py", "/%2e%2e/setup.py", "/assets/..%2findex.html", "/ASSETS/page.9.css", "/%00"),
    ],
)
def test_anything_else_is_not_found(built: Path, path: str) -> None:
    """A path that is not a file of the page is 404, and never the page."""
    status, _, body = ask(WebPage(built), path)
    assert status == 404
    assert b"Tasks" not in body


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0.5, gzip;q=0.8", "gzip"),
        ("*", "br"),
        ("*;q=0.1, br;q=0", "gzip"),
        ("GZIP;Q=1", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("br;q=nonsense", None),
        ("deflate", None),
        ("", None),
    ],
)
def test_encodings(built: Path, accept: str, coding: str | None) -> None:
    """The coding a client likes best is chosen, of several the smallest; Vary says what it depends on."""
    status, headers, body = ask(WebPage(built), "/assets/page.AbC-_123.js", accept_encoding=accept)
    assert (status, headers.get("content-encoding"), headers["vary"]) == (200, coding, "Accept-Encoding")
    assert body == {"br": b"brotli", "gzip": b"gzip, longer", None: SCRIPT.encode()}[coding]


def test_each_encoding_has_its_own_tag(built: Path) -> None:
    """A strong entity tag names bytes, so each encoding has its own."""
    page = WebPage(built)
    tags = {ask(page, "/assets/page.AbC-_123.js", accept_encoding=c)[1]["etag"] for c in ("br", "gzip", "identity")}
    assert len(tags) == 3
    assert all(tag.startswith('"') for tag in tags)


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"other",W/{} ', "*"])
def test_what_a_client_has_is_not_sent_again(built: Path, form: str) -> None:
    """If-None-Match is compared weakly, and may be a list; the answer has the headers of a 200."""
    page = WebPage(built)
    _, headers, _ = ask(page, "/", accept_encoding="br")
    status, again, body = ask(page, "/", accept_encoding="br", if_none_match=form.format(headers["etag"]))
    assert (status, body) == (304, b"")
    assert {name: again.get(name) for name in ("etag", "vary", "cache-control")} == {
        name: headers[name] for name in ("etag", "vary", "cache-control")
    }
    assert ask(page, "/", if_none_match='"other"')[0] == 200


def test_head_has_the_head_alone(built: Path) -> None:
    """HEAD answers what GET does, without the body."""
    page = WebPage(built)
    _, headers, _ = ask(page, "/", "GET")
    status, again, body = ask(page, "/", "HEAD")
    assert (status, body) == (200, b"")
    assert again["content-length"] == headers["content-length"]
    assert again["etag"] == headers["etag"]


@pytest.mark.filterwarnings("ignore:twisted.web.resource._UnsafeErrorPage")  # twisted.web's own use of it
def test_other_methods_are_not_allowed(built: Path) -> None:
    """The page is for reading: any other method is 405, with those that are allowed."""
    status, headers, _ = ask(WebPage(built), "/", "POST")
    assert status == 405
    assert {method.strip() for method in headers["allow"].split(",")} == {"GET", "HEAD"}


def test_half_a_page_is_noticed(built: Path) -> None:
    """A file that Vite's manifest names and that is not there is found when the page is read, and named."""
    (built / "assets/page.9.css").unlink()
    with pytest.raises(PageMissing, match=r"page\.9\.css is missing"):
        read(built)


def test_without_a_page(tmp_path: Path) -> None:
    """Where the page was not built, `/` says so and what to do, and everything else is not found."""
    page = WebPage(tmp_path)
    status, headers, body = ask(page, "/")
    assert (page.is_built, status, headers["content-type"]) == (False, 404, "text/plain; charset=utf-8")
    assert b"build_web" in body
    assert ask(page, "/sw.js")[0] == 404


def test_policy() -> None:
    """The page's policy allows nothing by default, nothing inline, and one Trusted Types policy."""
    directives = dict(directive.split(" ", 1) for directive in CSP.split("; "))
    assert directives.pop("default-src") == "'none'"
    assert directives.pop("require-trusted-types-for") == "'script'"
    assert directives.pop("trusted-types") == "tasks"
    assert set(directives.values()) == {"'self'", "'none'"}
