"""The table of a pool's stages."""

from __future__ import annotations

import pytest

from twisted_tasks.mongo.pool_stages import PoolEvent, PoolStage, following


@pytest.mark.parametrize("stage", PoolStage)
def test_a_primary_comes_and_goes(stage: PoolStage) -> None:
    """Whatever a pool was doing, it fills up for a new primary, and waits while there is none."""
    assert following(stage, PoolEvent.FOUND) is PoolStage.FILLING
    assert following(stage, PoolEvent.LOST) is PoolStage.WAITING


@pytest.mark.parametrize("event", [event for event in PoolEvent if event is not PoolEvent.FOUND])
def test_no_primary(event: PoolEvent) -> None:
    """What was begun for a primary that is gone starts nothing."""
    assert following(PoolStage.WAITING, event) is PoolStage.WAITING


def test_a_failure() -> None:
    """A connection that failed is followed by a pause, and that by the next attempt."""
    resting = following(PoolStage.FILLING, PoolEvent.FAILED)
    assert resting is PoolStage.RESTING
    assert following(resting, PoolEvent.FAILED) is PoolStage.RESTING
    assert following(resting, PoolEvent.RESTED) is PoolStage.FILLING


@pytest.mark.parametrize("stage", [PoolStage.FILLING, PoolStage.RESTING])
def test_a_silent_primary(stage: PoolStage) -> None:
    """No connection is made to a silent primary, whatever pauses end or attempts fail, before it answers."""
    silent = following(stage, PoolEvent.FELL_SILENT)
    assert silent is PoolStage.SILENT
    for event in (PoolEvent.FAILED, PoolEvent.RESTED, PoolEvent.FELL_SILENT):
        assert following(silent, event) is PoolStage.SILENT
    assert following(silent, PoolEvent.ANSWERED) is PoolStage.FILLING
