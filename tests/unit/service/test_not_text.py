"""Texts that are not Unicode, from the wire to the store."""

from __future__ import annotations

from typing import Any

import pytest
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.protocol.TJSONProtocol import TJSONProtocol
from thrift.Thrift import TMessageType
from thrift.transport.TTransport import TMemoryBuffer

from tests.support.wire_memory import Transport
from twisted_tasks.gen.tasks import Tasks
from twisted_tasks.testing import TasksDouble

MARK = "\u0120\u0121"
PROTOCOLS = (TBinaryProtocol, TCompactProtocol, TJSONProtocol)
every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda kind: kind.__name__)
framings = pytest.mark.parametrize("framed", [False, True], ids=["unframed", "framed"])


def ask(double: TasksDouble, protocol: Any, framed: bool, method: str, **args: Any) -> Any:
    """Return the result of a call whose texts have `caf\\xe9` in the place of the mark."""
    memory = TMemoryBuffer()
    out = protocol(memory)
    out.writeMessageBegin(method, TMessageType.CALL, 1)
    getattr(Tasks, f"{method}_args")(**args).write(out)
    out.writeMessageEnd()
    data = memory.getvalue().replace(MARK.encode(), b"caf\xe9").replace(b"\\u0120\\u0121", b"caf\xe9")
    transport = Transport()
    connection = double.factory.buildProtocol(None)
    assert connection is not None
    connection.makeConnection(transport)
    connection.dataReceived(len(data).to_bytes(4) + data if framed else data)
    reply = protocol(TMemoryBuffer(transport.value()[4 if framed else 0 :]))
    assert reply.readMessageBegin()[1] == TMessageType.REPLY
    result = getattr(Tasks, f"{method}_result")()
    result.read(reply)
    return result


@every_protocol
@framings
@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("add", {"userId": "alice", "name": MARK}),
        ("add", {"userId": MARK, "name": "tea"}),
        ("add", {"userId": "alice", "name": "tea", "key": MARK}),
        ("update", {"taskId": "0" * 24, "name": MARK, "userId": "alice"}),
        ("get", {"taskId": MARK, "userId": "alice"}),
        ("all", {"userId": MARK}),
        ("upsert", {"task": Tasks.Task(userId="alice", name=MARK)}),
        ("create", {"userId": "alice", "fields": Tasks.TaskFields(notes=MARK)}),
    ],
    ids=repr,
)
def test_400(protocol: Any, framed: bool, method: str, args: dict[str, Any]) -> None:
    """A text that is not UTF-8 is 400 in every dialect, wherever it stands, and nothing is stored."""
    double = TasksDouble()
    assert ask(double, protocol, framed, method, **args).ouch.code == 400
    assert not double.store.tasks


@every_protocol
def test_a_genuine_replacement_character(protocol: Any) -> None:
    """U+FFFD itself is a character: in a name, a user id and a key."""
    double = TasksDouble()
    text = "caf\ufffd"
    task = ask(double, protocol, True, "add", userId=text, name=text, key=text).success
    assert (task.userId, task.name) == (text, text)
    assert ask(double, protocol, True, "all", userId=text).success == [task]
