"""The life of a connection, as its table has it."""

from __future__ import annotations

import pytest

from twisted_tasks.wire.stages import TABLE, Event, Life, Stage


def test_every_stage_is_in_the_table() -> None:
    """For each stage the table says what moves it on."""
    assert set(TABLE) == set(Stage)


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("event", Event)
def test_what_is_not_in_the_table_changes_nothing(stage: Stage, event: Event) -> None:
    """An event moves a life on where the table says so, and only there."""
    life = Life()
    life.stage = stage
    after = TABLE[stage].get(event)
    assert life.on(event) is (after is not None)
    assert life.stage is (after or stage)


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.LOST])
def test_nothing_goes_back(stage: Stage) -> None:
    """Every stage but the last can be lost and cut, and none leads to an earlier one."""
    order = list(Stage)
    assert TABLE[stage][Event.LOST] is Stage.LOST
    assert Event.CUT in TABLE[stage]
    assert all(order.index(after) >= order.index(stage) for after in TABLE[stage].values())
