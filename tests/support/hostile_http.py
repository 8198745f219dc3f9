"""Requests that no server should take, for every HTTP server of ours: name -> (bytes, status of the answer).

Each is a whole conversation: the server answers, and closes.
"""

from __future__ import annotations

_HOST = b"Host: tasks.example\r\n"


def _get(fields: bytes, line: bytes = b"GET / HTTP/1.1") -> bytes:
    return line + b"\r\n" + fields + b"\r\n"


def _post(fields: bytes, body: bytes = b"") -> bytes:
    return _get(_HOST + fields, b"POST / HTTP/1.1") + body


_CHUNKED = b"Transfer-Encoding: chunked\r\n"

REFUSED: dict[str, tuple[bytes, int]] = {
    # Two programs could see two different requests in these.
    "two lengths": (_post(b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abcd"), 400),
    "two equal lengths": (_post(b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc"), 400),
    "a list of lengths": (_post(b"Content-Length: 3, 3\r\n", b"abc"), 400),
    "length and chunks": (_post(b"Content-Length: 3\r\n" + _CHUNKED, b"0\r\n\r\n"), 400),
    "chunks and length": (_post(_CHUNKED + b"Content-Length: 3\r\n", b"0\r\n\r\n"), 400),
    "chunks in HTTP/1.0": (b"POST / HTTP/1.0\r\n" + _HOST + _CHUNKED + b"\r\n0\r\n\r\n", 400),
    "two codings": (_post(_CHUNKED + _CHUNKED, b"0\r\n\r\n"), 400),
    "a list of codings": (_post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), 400),
    "identity": (_post(b"Transfer-Encoding: identity\r\n"), 400),
    "another coding": (_post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), 400),
    "a vertical tab before the coding": (_post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"), 400),
    "white space before the colon": (_post(b"Content-Length : 3\r\n", b"abc"), 400),
    "bare LF": (b"GET / HTTP/1.1\nHost: tasks.example\n\n", 400),
    "bare LF in one line": (b"GET / HTTP/1.1\r\nHost: tasks.example\nX: y\r\n\r\n", 400),
    "bare LF at the end": (b"GET / HTTP/1.1\r\nHost: tasks.example\r\n\n", 400),
    "bare CR": (_get(_HOST + b"X: a\rb\r\n"), 400),
    "bare CR in the request line": (b"GET / HTTP/1.1\rX: y\r\n" + _HOST + b"\r\n", 400),
    "folded line": (_get(_HOST + b"X: a\r\n b\r\n"), 400),
    "folded first line": (_get(b" X: a\r\n" + _HOST), 400),
    "two hosts": (_get(_HOST + b"Host: other.example\r\n"), 400),
    "two equal hosts": (_get(_HOST + _HOST), 400),
    "NUL in a value": (_get(_HOST + b"X: a\0b\r\n"), 400),
    "NUL in a name": (_get(_HOST + b"X\0: a\r\n"), 400),
    # No HTTP, or not as it has to be.
    "no host": (_get(b""), 400),
    "a host with a path": (_get(b"Host: tasks.example/x\r\n"), 400),
    "an empty host": (_get(b"Host:\r\n"), 400),
    "two authorizations": (_get(_HOST + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400),
    "no colon": (_get(_HOST + b"X\r\n"), 400),
    "no name": (_get(_HOST + b": x\r\n"), 400),
    "a negative length": (_post(b"Content-Length: -1\r\n"), 400),
    "a length with a sign": (_post(b"Content-Length: +1\r\n", b"a"), 400),
    "a hexadecimal length": (_post(b"Content-Length: 0x1\r\n", b"a"), 400),
    "a length without digits": (_post(b"Content-Length:\r\n"), 400),
    "a length of thousands of digits": (_post(b"Content-Length: " + b"9" * 5000 + b"\r\n"), 400),
    "a length in other digits": (_post("Content-Length: \u0661\r\n".encode(), b"a"), 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/2.0": (_get(_HOST, b"GET / HTTP/2.0"), 505),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "two spaces": (_get(_HOST, b"GET  / HTTP/1.1"), 400),
    "a tab for a space": (_get(_HOST, b"GET\t/ HTTP/1.1"), 400),
    "a space in the target": (_get(_HOST, b"GET /a b HTTP/1.1"), 400),
    "bytes beyond ASCII in the target": (_get(_HOST, "GET /ä HTTP/1.1".encode()), 400),
    "a fragment": (_get(_HOST, b"GET /a#b HTTP/1.1"), 400),
    "no path": (_get(_HOST, b"GET tasks HTTP/1.1"), 400),
    "an authority": (_get(_HOST, b"CONNECT tasks.example:443 HTTP/1.1"), 400),
    "another scheme": (_get(_HOST, b"GET ftp://tasks.example/ HTTP/1.1"), 400),
    "lower-case version": (_get(_HOST, b"GET / http/1.1"), 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "Thrift": (b"\x00\x00\x00\x11\x80\x01\x00\x01\x00\x00\x00\x05check\x00\x00\x00\x00\x00", 400),
    "another expectation": (_post(b"Expect: 200-ok\r\nContent-Length: 1\r\n"), 417),
    # Too much of it.
    "a URL of a MiB": (_get(_HOST, b"GET /" + b"a" * 2**20 + b" HTTP/1.1"), 414),
    "10,000 fields": (_get(_HOST + b"X: y\r\n" * 10_000), 431),
    "101 fields": (_get(_HOST + b"X: y\r\n" * 100), 431),
    "a field of a MiB": (_get(_HOST + b"X: " + b"a" * 2**20 + b"\r\n"), 431),
}

BAD_CHUNKS: dict[str, tuple[bytes, int]] = {
    "no size": (_post(_CHUNKED, b"\r\nabc\r\n0\r\n\r\n"), 400),
    "nonsense for a size": (_post(_CHUNKED, b"zz\r\nabc\r\n"), 400),
    "a negative size": (_post(_CHUNKED, b"-1\r\nabc\r\n"), 400),
    "a size with a sign": (_post(_CHUNKED, b"+3\r\nabc\r\n0\r\n\r\n"), 400),
    "0x": (_post(_CHUNKED, b"0x3\r\nabc\r\n0\r\n\r\n"), 400),
    "an underscore": (_post(_CHUNKED, b"0_3\r\nabc\r\n0\r\n\r\n"), 400),
    "a size of 16 digits": (_post(_CHUNKED, b"ffffffffffffffff\r\nabc"), 400),
    "a size that lies": (_post(_CHUNKED, b"3\r\nabcd\r\n0\r\n\r\n"), 400),
    "bare LF after the size": (_post(_CHUNKED, b"3\nabc\r\n0\r\n\r\n"), 400),
    "bare LF after the data": (_post(_CHUNKED, b"3\r\nabc\n0\r\n\r\n"), 400),
    "bare LF after a trailer": (_post(_CHUNKED, b"0\r\nX: y\n\r\n"), 400),
    "bare CR in an extension": (_post(_CHUNKED, b"3;a=\rb\r\nabc\r\n0\r\n\r\n"), 400),
    "an extension without end": (_post(_CHUNKED, b"3;" + b"a" * 5000), 400),
    "trailers without end": (_post(_CHUNKED, b"0\r\n" + b"X: y\r\n" * 10_000), 400),
    "chunks of one byte": (_post(_CHUNKED, b"1\r\na\r\n" * 20_000), 400),
}
"""Of a server that takes bodies."""
