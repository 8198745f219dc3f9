"""The head of an HTTP/1 request (RFC 9112), read strictly: what two programs could read differently is refused.

    head         = request-line CRLF *( name ":" OWS value OWS CRLF ) CRLF
    request-line = method SP target SP "HTTP/1." DIGIT
    target       = "/" ... | "http://" authority [ "/" ... ] | "*"

Lines end with CR LF and nothing else does. A line that begins with white space (obs-fold), white space before the
colon, two lengths, a length beside chunks, and two Hosts are errors. Knows no connection.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_HEAD = 16 * 1024
"""Bytes of a whole head. Twisted's own limit; browsers send some 1 to 4 KiB."""
MAX_LINE = 8000
"""Bytes of the request line. RFC 9112, section 3, asks for 8,000 at least."""
MAX_FIELDS = 100
"""Fields of a head. Browsers behind two proxies send some 30."""

_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/([0-9])\.([0-9])")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_HOST = re.compile(rb"(?:[0-9A-Za-z._~%!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
_BARE = re.compile(rb"(?<!\r)\n|\r[^\n]")
_START = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]")

_ONCE = frozenset(
    b"host content-length transfer-encoding content-type content-encoding authorization origin".split()
    + b"sec-fetch-site idempotency-key expect last-event-id".split()
)
"""Fields that decide something, where a second one would leave it open what."""


class Refused(Exception):
    """Why a request is refused before anybody is asked to answer it. The connection ends with it.

    @ivar status: of the answer.
    @ivar detail: a sentence for people.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class RequestHead(NamedTuple):
    """What a head says."""

    method: bytes
    target: bytes
    """As it was sent."""
    path: bytes
    """Percent-encoded still, without the query; `*` for OPTIONS of the whole server."""
    query: bytes
    version: bytes
    fields: dict[bytes, bytes]
    """By lower-case name; the values of a field that was sent several times, with commas between (RFC 9110, 5.3)."""
    host: bytes
    """Empty only where HTTP/1.0 sent none."""
    length: int | None
    """Bytes of the body; None when it comes in chunks."""
    persistent: bool
    expects: bool
    """Whether the client waits for "100 Continue" before it sends the body."""


def find_end(data: bytearray, start: int) -> int:
    """Return where the head ends, just behind its empty line, or -1 when more has to come.

    @param start: how much of `data` was looked at before.
    @raise Refused: when no more could make a head of it.
    """
    end = data.find(b"\r\n\r\n", max(0, start - 3))
    if 0 <= end <= MAX_HEAD - 4:
        return end + 4
    if start == 0 and data and not _START.match(data):
        raise Refused(400, "this is no HTTP request")
    if len(data) > MAX_LINE and data.find(b"\r\n", 0, MAX_LINE) < 0:
        raise Refused(414, f"the request line is longer than {MAX_LINE} bytes")
    if end >= 0 or len(data) > MAX_HEAD:
        raise Refused(431, f"the head is longer than {MAX_HEAD} bytes")
    if _BARE.search(data, max(0, start - 1)):
        raise Refused(400, "a line ends with CR and LF, and neither stands alone")
    return -1


def read_head(data: bytes) -> RequestHead:
    """Return what a head says.

    @param data: the whole head with its empty line.
    @raise Refused: when it is none, or others could read it differently.
    """
    line, *lines = data[:-4].split(b"\r\n")
    if len(line) > MAX_LINE:
        raise Refused(414, f"the request line is longer than {MAX_LINE} bytes")
    match = _LINE.fullmatch(line)
    if match is None:
        raise Refused(400, "the request line is not METHOD TARGET HTTP/1.1")
    method, target, major, minor = match.groups()
    if major != b"1":
        raise Refused(505, "this server speaks HTTP/1.1")
    version = b"HTTP/1.0" if minor == b"0" else b"HTTP/1.1"
    fields = _read_fields(lines)
    host, path, query = _read_target(method, target, _read_host(fields, version))
    expects = _expects(fields, version)
    return RequestHead(
        method,
        target,
        path,
        query,
        version,
        fields,
        host,
        _length(fields, version),
        _persistent(fields, version),
        expects,
    )


def _read_fields(lines: list[bytes]) -> dict[bytes, bytes]:
    if len(lines) > MAX_FIELDS:
        raise Refused(431, f"the head has more than {MAX_FIELDS} fields")
    fields: dict[bytes, bytes] = {}
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise Refused(400, "a field of the head is not NAME: VALUE")
        name, value = match.groups()
        name = name.lower()
        if name not in fields:
            fields[name] = value
        elif name in _ONCE:
            raise Refused(400, f"the head has the field {name.decode()} twice")
        else:
            fields[name] += (b"; " if name == b"cookie" else b", ") + value
    return fields


def _read_host(fields: dict[bytes, bytes], version: bytes) -> bytes:
    host = fields.get(b"host")
    if host is None:
        if version == b"HTTP/1.0":
            return b""
        raise Refused(400, "the head has no field host")
    if not _HOST.fullmatch(host):
        raise Refused(400, "the field host is not HOST or HOST:PORT")
    return host


def _read_target(method: bytes, target: bytes, host: bytes) -> tuple[bytes, bytes, bytes]:
    """Return host, path and query."""
    if target == b"*" and method == b"OPTIONS":
        return host, target, b""
    if not target.startswith(b"/"):
        # Clients send a whole URL to proxies, and servers have to take it: RFC 9112, section 3.2.2.
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None or not _HOST.fullmatch(absolute[1]):
            raise Refused(400, "the target of the request is not a path")
        host, target = absolute[1], absolute[2]
        if not target.startswith(b"/"):
            target = b"/" + target
    if b"#" in target:
        raise Refused(400, "the target of the request has a fragment")
    path, _, query = target.partition(b"?")
    return host, path, query


def _length(fields: dict[bytes, bytes], version: bytes) -> int | None:
    coding, length = fields.get(b"transfer-encoding"), fields.get(b"content-length")
    if coding is not None:
        if length is not None:
            raise Refused(400, "the head has both content-length and transfer-encoding")
        if version == b"HTTP/1.0":
            raise Refused(400, "HTTP/1.0 has no transfer-encoding")
        if coding.lower() != b"chunked":
            raise Refused(400, "the only transfer-encoding is chunked")
        return None
    if length is None:
        return 0
    # Nineteen digits are more than any disk holds; int() of thousands would take its time.
    if not (length.isdigit() and len(length) < 20):
        raise Refused(400, "the field content-length is not a number")
    return int(length)


def _persistent(fields: dict[bytes, bytes], version: bytes) -> bool:
    options = fields.get(b"connection")
    if options is None:
        return version == b"HTTP/1.1"
    tokens = [token.strip() for token in options.lower().split(b",")]
    if version == b"HTTP/1.0":
        return b"keep-alive" in tokens
    return b"close" not in tokens


def _expects(fields: dict[bytes, bytes], version: bytes) -> bool:
    expectation = fields.get(b"expect")
    if expectation is None or version == b"HTTP/1.0":
        return False
    if expectation.lower() != b"100-continue":
        raise Refused(417, "the only expectation is 100-continue")
    return True
