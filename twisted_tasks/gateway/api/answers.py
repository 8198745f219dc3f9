"""What a handler answers with; how it travels is `dispatch`'s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

Fields = Sequence[tuple[bytes, bytes]]

JSON = b"application/json"


class Answer(NamedTuple):
    """An answer.

    @ivar etag: of the body as it is, without quotes.
    @ivar compressible: whether the body may be compressed: nothing secret is in it, and it is a long one.
    @ivar sync: of an event stream, the token of its account from before it began; empty when that is not known.
    """

    status: int
    body: bytes = b""
    fields: Fields = ()
    etag: str | None = None
    compressible: bool = False
    media_type: bytes = JSON
    sync: str = ""


NO_CONTENT = Answer(204)

_encoder = msgspec.json.Encoder()


def json_answer(content: Any, status: int = 200, fields: Fields = (), **more: Any) -> Answer:
    """Return an answer that says this in JSON."""
    return Answer(status, _encoder.encode(content), fields, **more)
