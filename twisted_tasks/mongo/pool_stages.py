"""What a pool does next: a table of stages and events. It knows no connection and no clock."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Stage(Enum):
    """What a pool is doing about the number of its connections."""

    WAITING = "no server is primary"
    FILLING = "connections are made until there are enough"
    RESTING = "a connection failed: none is made before the pause is over"
    SILENT = "the primary does not answer who watches it: none is made before it does"


class Event(Enum):
    """What can happen to a pool."""

    FOUND = "there is another primary than before"
    LOST = "there is no primary any more"
    FAILED = "a connection could not be made, or ended at once"
    RESTED = "the pause is over"
    FELL_SILENT = "the primary does not answer who watches it"
    ANSWERED = "the primary answers"


_TABLE: Mapping[tuple[Stage, Event], Stage] = {
    **{(stage, Event.FOUND): Stage.FILLING for stage in Stage},
    **{(stage, Event.LOST): Stage.WAITING for stage in Stage},
    (Stage.FILLING, Event.FAILED): Stage.RESTING,
    (Stage.FILLING, Event.FELL_SILENT): Stage.SILENT,
    (Stage.RESTING, Event.RESTED): Stage.FILLING,
    (Stage.RESTING, Event.FELL_SILENT): Stage.SILENT,
    (Stage.SILENT, Event.ANSWERED): Stage.FILLING,
}
"""The stage that follows. What is not here changes nothing."""


def following(stage: Stage, event: Event) -> Stage:
    """Return the stage that an event leads to."""
    return _TABLE.get((stage, event), stage)
