"""`GET /events`: an answer that goes on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from twisted_tasks.gateway.api.answers import Answer
from twisted_tasks.gateway.api.problems import BAD_HEADER, Problem

if TYPE_CHECKING:
    from twisted_tasks.gateway.api.call import ApiCall
    from twisted_tasks.gateway.api.service import Api

MEDIA_TYPE = "text/event-stream"

_TOKEN = re.compile(rb"[!-~]{0,1000}")


async def listen(api: Api, call: ApiCall) -> Answer:
    """Answer with events from now on. The dispatcher makes a stream of it."""
    api.hub.check_room(call.account_id)
    last = call.request.field(b"last-event-id") or b""
    if not _TOKEN.fullmatch(last):
        raise Problem(BAD_HEADER, "Last-Event-ID is an id of an event of this stream")
    # Before the client hears that it listens: from then on it believes to have all that was written until then.
    sync = "" if last else await api.hub.sync_of(call.account_id)
    api.hub.check_room(call.account_id)  # others may have come meanwhile
    # Proxies that buffer answers would keep events back; this is how nginx is told not to.
    fields = [(b"X-Accel-Buffering", b"no"), (b"Cache-Control", b"no-store")]
    return Answer(200, fields=fields, media_type=MEDIA_TYPE.encode(), sync=sync)
