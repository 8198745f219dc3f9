"""What a pool does next: a table of stages and events. It knows no connection and no clock."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class PoolStage(Enum):
    """What a pool is doing about the number of its connections."""

    WAITING = "no server is primary"
    FILLING = "connections are made until there are enough"
    RESTING = "a connection failed: none is made before the pause is over"
    SILENT = "the primary does not answer who watches it: none is made before it does"


class PoolEvent(Enum):
    """What can happen to a pool."""

    FOUND = "there is another primary than before"
    LOST = "there is no primary any more"
    FAILED = "a connection could not be made, or ended at once"
    RESTED = "the pause is over"
    FELL_SILENT = "the primary does not answer who watches it"
    ANSWERED = "the primary answers"


_TABLE: Mapping[tuple[PoolStage, PoolEvent], PoolStage] = {
    **{(stage, PoolEvent.FOUND): PoolStage.FILLING for stage in PoolStage},
    **{(stage, PoolEvent.LOST): PoolStage.WAITING for stage in PoolStage},
    (PoolStage.FILLING, PoolEvent.FAILED): PoolStage.RESTING,
    (PoolStage.FILLING, PoolEvent.FELL_SILENT): PoolStage.SILENT,
    (PoolStage.RESTING, PoolEvent.RESTED): PoolStage.FILLING,
    (PoolStage.RESTING, PoolEvent.FELL_SILENT): PoolStage.SILENT,
    (PoolStage.SILENT, PoolEvent.ANSWERED): PoolStage.FILLING,
}
"""The stage that follows. What is not here changes nothing."""


def following(stage: PoolStage, event: PoolEvent) -> PoolStage:
    """Return the stage that an event leads to."""
    return _TABLE.get((stage, event), stage)
