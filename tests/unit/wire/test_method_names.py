"""Names of methods that clients make up, and the log."""

from __future__ import annotations

import pytest
from twisted.logger import capturedLogs, formatEvent

from tests.interop.gen.twisted.everything import Everything
from tests.support.wire_clients import DIALECTS, Client
from tests.support.wire_memory import Server
from twisted_tasks.service.telemetry import AccessLog, describe
from twisted_tasks.wire.current import ICall
from twisted_tasks.wire.observe import CallOutcome, IConnection, NullObserver

METHODS = tuple(Everything.Iface.names(all=True))

NAMES = ["\x1b]0;mine\x07", "first\nsecond", "first\r", "\x9b31m", "\u202eevil", "{log_source}", "nul\0", "m" * 300]
"""What steers a terminal, makes up a line, or is read as a format; and what is only long."""


class Methods(NullObserver):
    """Keeps the name of each call that ended."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def call_ended(self, connection: IConnection, call: ICall, ended: float, outcome: CallOutcome) -> None:
        self.names.append(call.method)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_no_line_repeats_a_name_that_a_client_made_up(name: str) -> None:
    """A name that is no method's reaches observers as it is, and no line of any level, in any dialect."""
    told = Methods()
    server = Server(observer=AccessLog(told, METHODS))
    server.handler.held = []
    with capturedLogs() as events:
        for dialect in DIALECTS:
            client = Client(dialect)
            server.connect().send(client.call("nothing") + client.call(name) + client.call("later", milliseconds=1))
        lines = [*map(formatEvent, events), *describe(server.factory, 0.0, {})]
    assert told.names.count(name) >= len(DIALECTS) / 2  # some protocols cannot write all of them
    assert any("unknown method" in line for line in lines)
    assert any("later 0 ms" in line for line in lines)
    for line in lines:
        assert line.isprintable(), ascii(line)
        assert name not in line
