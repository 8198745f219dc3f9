"""Messages out of what a connection receives, in turns."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.support.wire_memory import call
from twisted_tasks.wire.dialect import UnknownDialect
from twisted_tasks.wire.intake import Intake, Reading
from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.transports.messages import OutOfStep


class Desk:
    """Takes messages, as many as there is room for."""

    def __init__(self, room: int = 10**6) -> None:
        self.clock = Clock()
        self.turns = 0
        self.room = room
        self.taken: list[Any] = []
        self.intake = Intake(Limits(), self.clock, self.turn)

    def turn(self) -> None:
        self.turns += 1
        self.intake.take(self)

    def has_room(self) -> bool:
        return len(self.taken) < self.room

    def begin(self, message: Any) -> None:
        self.taken.append(message)

    def send(self, data: bytes) -> None:
        if self.intake.receive(data):
            self.intake.take(self)


def test_nothing_to_take_before_the_dialect_is_known() -> None:
    """The first bytes are kept until they say what the client speaks."""
    desk = Desk()
    message = call("notified")
    for at in range(5):
        assert not desk.intake.receive(message[at : at + 1])
    assert (desk.intake.dialect, desk.intake.kept(), desk.intake.unfinished()) == (None, 5, True)
    desk.send(message[5:])
    assert str(desk.intake.dialect) == "framed binary"
    assert (len(desk.taken), desk.intake.kept(), desk.intake.unfinished()) == (1, 0, False)


def test_a_stranger() -> None:
    """What begins no dialect of ours is told at once."""
    with pytest.raises(UnknownDialect, match="SSH"):
        Desk().intake.receive(b"SSH-2.0-x\r\n")


def test_out_of_step() -> None:
    """So is a stream that has lost its step."""
    desk = Desk()
    desk.send(call("notified"))
    with pytest.raises(OutOfStep, match="16777215 bytes"):
        desk.send(b"\0\xff\xff\xff")


def test_turns() -> None:
    """After 32 messages others have their turn; no bytes are to be read meanwhile."""
    desk = Desk()
    desk.send(call("notified") * 100)
    assert (len(desk.taken), desk.intake.reading, desk.intake.blocked) == (32, Reading.YIELDING, True)
    desk.clock.advance(0)
    assert (len(desk.taken), desk.turns, desk.intake.reading) == (100, 3, Reading.RECEIVING)
    assert not desk.intake.blocked


def test_values_weigh() -> None:
    """A message of many values counts for many: 128 of them for one more."""
    desk = Desk()
    # An old client of another service: a list of bools where none is expected.
    message = call("sum", values=[1] * 1300)
    desk.send(message * 6)
    assert len(desk.taken) < 6
    desk.clock.advance(0)
    assert len(desk.taken) == 6


def test_room() -> None:
    """Without room nothing is taken, and it goes on in a turn of its own when there is some."""
    desk = Desk(room=2)
    desk.send(call("notified") * 5)
    assert (len(desk.taken), desk.intake.reading, desk.intake.blocked) == (2, Reading.FULL, True)
    assert not desk.intake.receive(call("notified"))
    desk.room = 10
    desk.intake.go_on()
    assert len(desk.taken) == 2
    desk.clock.advance(0)
    assert len(desk.taken) == 6


def test_stopped() -> None:
    """Once stopped it takes nothing, also in a turn that was to come, and once dropped it keeps nothing."""
    desk = Desk()
    desk.send(call("notified") * 100)
    desk.intake.stop()
    desk.clock.advance(0)
    assert (len(desk.taken), desk.intake.reading) == (32, Reading.STOPPED)
    assert desk.clock.getDelayedCalls() == []
    desk.intake.drop()
    assert desk.intake.kept() == 0


def test_stopped_by_a_message() -> None:
    """A message may be the last one: what follows it in the same segment is not taken."""
    desk = Desk()
    begin = desk.begin

    def last(message: Any) -> None:
        begin(message)
        desk.intake.stop()

    desk.begin = last  # type: ignore[method-assign]
    desk.send(call("notified") * 5)
    assert len(desk.taken) == 1
