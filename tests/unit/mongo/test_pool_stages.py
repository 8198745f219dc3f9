"""The table of a pool's stages."""

from __future__ import annotations

import pytest

from twisted_tasks.mongo.pool_stages import Event, Stage, following


@pytest.mark.parametrize("stage", Stage)
def test_a_primary_comes_and_goes(stage: Stage) -> None:
    """Whatever a pool was doing, it fills up for a new primary, and waits while there is none."""
    assert following(stage, Event.FOUND) is Stage.FILLING
    assert following(stage, Event.LOST) is Stage.WAITING


@pytest.mark.parametrize("event", [event for event in Event if event is not Event.FOUND])
def test_no_primary(event: Event) -> None:
    """What was begun for a primary that is gone starts nothing."""
    assert following(Stage.WAITING, event) is Stage.WAITING


def test_a_failure() -> None:
    """A connection that failed is followed by a pause, and that by the next attempt."""
    resting = following(Stage.FILLING, Event.FAILED)
    assert resting is Stage.RESTING
    assert following(resting, Event.FAILED) is Stage.RESTING
    assert following(resting, Event.RESTED) is Stage.FILLING


@pytest.mark.parametrize("stage", [Stage.FILLING, Stage.RESTING])
def test_a_silent_primary(stage: Stage) -> None:
    """No connection is made to a silent primary, whatever pauses end or attempts fail, before it answers."""
    silent = following(stage, Event.FELL_SILENT)
    assert silent is Stage.SILENT
    for event in (Event.FAILED, Event.RESTED, Event.FELL_SILENT):
        assert following(silent, event) is Stage.SILENT
    assert following(silent, Event.ANSWERED) is Stage.FILLING
